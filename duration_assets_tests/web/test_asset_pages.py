"""The page of each asset says what it is, and what was made."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from duration_assets.modelling.parameters import parameters_of
from duration_assets.months import Month
from duration_assets_tests.months import FEBRUARY
from duration_assets_tests.web.pages import (
    entry,
    open_asset,
    open_month,
    plotted,
    section,
    show_picture,
    show_plots,
    show_report,
    table_row,
)
from duration_assets_tests.web.pictures import Pictures
from duration_assets_tests.web.servers import Servers

pytestmark = [pytest.mark.browser, pytest.mark.daemon]


@dataclass(frozen=True)
class Expected:
    """What the page of an asset has to show.

    Attributes:
        asset: its key.
        group: its group.
        description: words of its description.
        kinds: its kinds, as the UI writes them.
        columns: some columns of its schema; none if it shows no schema.
        row_count: whether it shows how many rows it has.
        metadata: keys of its metadata, besides those that all assets have.
        preview: words of its preview; none if it shows no preview.
    """

    asset: str
    group: str
    description: str
    kinds: tuple[str, ...]
    columns: tuple[str, ...] = ()
    row_count: bool = False
    metadata: tuple[str, ...] = ()
    preview: tuple[str, ...] = ()


ASSETS = (
    Expected(
        "green/raw_trips",
        "data",
        "byte for byte as TLC publishes them",
        ("File", "Parquet"),
        columns=("lpep_pickup_datetime", "PULocationID", "trip_distance"),
        row_count=True,
        metadata=("size_bytes", "source"),
        preview=("lpep_pickup_datetime", "trip_distance"),
    ),
    Expected(
        "green/cleaned_trips",
        "data",
        "Trips of 1 to 60 minutes in one schema for every year and service",
        ("Parquet", "Polars"),
        columns=("pickup_time", "pickup_zone", "distance", "duration"),
        row_count=True,
        metadata=("rows_published", "mean_duration_minutes"),
        preview=("pickup_time", "dropoff_zone"),
    ),
    Expected(
        "green/zone_statistics",
        "data",
        "They add up, so that every window reuses them",
        ("Parquet", "Polars"),
        columns=("pickup_zone", "dropoff_zone"),
        row_count=True,
        preview=("pickup_zone",),
    ),
    Expected(
        "green/metered/preprocessor",
        "models",
        "fitted on the training window",
        ("Parquet", "Scikit Learn"),
        columns=("pickup_zone", "log_duration"),
        row_count=True,
        metadata=("features", "window"),
        preview=("dropoff_zone", "trips"),
    ),
    Expected(
        "green/metered/training_matrix",
        "models",
        "so that it never sees itself",
        ("NumPy",),
        columns=("pair_duration", "trip_distance"),
        row_count=True,
        metadata=("features", "window"),
        preview=("duration", "trip_distance"),
    ),
    Expected(
        "green/metered/duration_model",
        "models",
        "XGBoost's model of trip durations in minutes",
        ("XGBoost", "ML Flow"),
        columns=("lpep_pickup_datetime", "predicted_minutes"),
        row_count=True,
        preview=("PULocationID", "predicted_minutes"),
        metadata=("mlflow_run", "model_uri", "window", "rounds", "parameters", "training_rmse"),
    ),
    Expected(
        "green/metered/validation_matrix",
        "evaluations",
        "encoded by the model of the month before",
        ("NumPy",),
        columns=("pair_duration", "trip_distance"),
        row_count=True,
        metadata=("trips_kept", "features"),
        preview=("duration", "trip_distance"),
    ),
    Expected(
        "green/metered/evaluation",
        "evaluations",
        "Metrics and a report of the model of the month before",
        ("ML Flow",),
        columns=("duration", "predicted"),
        row_count=True,
        preview=("predicted",),
        metadata=("mlflow_run", "report", "trips_kept", "rmse", "mae", "baseline_linear_rmse"),
    ),
)


def latest_month(servers: Servers, asset: str) -> Month:
    return servers.home.store.months(asset)[-1]


@pytest.mark.parametrize("expected", ASSETS, ids=lambda each: each.asset)
def test_the_page_of_an_asset_says_what_it_is_and_what_was_made(
    page: Page, servers: Servers, expected: Expected
) -> None:
    open_asset(page, servers, expected.asset)
    expect(page.get_by_text(expected.description).first).to_be_visible()
    expect(entry(page, "Group")).to_contain_text(expected.group)
    expect(entry(page, "Owners")).to_contain_text("duration_assets")
    for kind in expected.kinds:
        expect(entry(page, "Kinds")).to_contain_text(kind)
    month = latest_month(servers, expected.asset)
    expect(entry(page, "Latest materialization")).to_contain_text(str(month))
    partition = servers.home.store.require(expected.asset, month, "the test")
    expect(table_row(page, "content_hash")).to_contain_text(partition.data_version)
    expect(table_row(page, "simulated")).to_contain_text("true")
    for column in expected.columns:
        expect(table_row(page, column)).to_be_visible()
    if expected.row_count:
        expect(entry(page, "Row count")).to_have_text(re.compile(r"Row count[1-9][\d,]*"))
    for key in expected.metadata:
        expect(table_row(page, key)).to_be_visible()
    for word in expected.preview:
        expect(table_row(page, "preview").locator("table")).to_contain_text(word)


def test_cleaned_trips_show_the_rejected_rows_by_reason(
    page: Page, servers: Servers, pictures: Pictures
) -> None:
    asset = "green/cleaned_trips"
    rejected = servers.home.store.require(asset, latest_month(servers, asset), "the test").summary[
        "rejected"
    ]
    assert rejected["over 60 minutes"] > 0
    open_asset(page, servers, asset)
    expect(entry(page, "Row count")).to_be_visible()
    expect(table_row(page, "pickup_time")).to_be_visible()
    headings = ("Status", "Columns", "Definition")
    pictures.save(page, "asset-page", *(section(page, heading) for heading in headings))
    for reason, count in rejected.items():
        expect(table_row(page, f"rejected {reason}")).to_contain_text(str(count))
    page.set_viewport_size({"width": 1840, "height": 2000})
    keys = ["rows_published", "preview", *(f"rejected {reason}" for reason in rejected)]
    pictures.save(page, "asset-metadata", *(table_row(page, key) for key in keys), margin=1)


def test_the_page_of_a_model_shows_its_parameters_and_what_it_looks_at(
    page: Page, servers: Servers, pictures: Pictures
) -> None:
    open_asset(page, servers, "green/metered/duration_model")
    depth = parameters_of("metered")["max_depth"]
    expect(table_row(page, "parameters")).to_contain_text(f'"max_depth": {depth}')
    expect(show_picture(page, "feature_importance")).to_have_js_property("complete", True)
    expect(page.get_by_role("dialog").locator("img")).not_to_have_js_property("naturalWidth", 0)
    pictures.save(page, "feature-importance", page.get_by_role("dialog"), margin=0)


def test_the_page_of_an_evaluation_shows_its_report_with_tables_and_pictures(
    page: Page, servers: Servers, pictures: Pictures
) -> None:
    open_asset(page, servers, "green/metered/evaluation")
    report = show_report(page, "report")
    for title in ("Errors", "Where and when", "What the model relies on", "The models before"):
        expect(report.get_by_role("heading", name=title, exact=True)).to_be_attached()
    expect(report.get_by_role("cell", name="median of the zone pair").first).to_be_attached()
    expect(report.get_by_text("The pairs of boroughs are left out")).to_be_attached()
    shown = report.locator("img")
    expect(shown).to_have_count(7)
    for picture in shown.all():
        expect(picture).to_have_js_property("complete", True)
        expect(picture).not_to_have_js_property("naturalWidth", 0)
    pictures.save(page, "evaluation-report", page.get_by_role("dialog"), margin=0)


def test_the_report_lies_in_mlflow_as_a_page_that_fits_a_phone_and_the_dark(
    page: Page, servers: Servers, pictures: Pictures
) -> None:
    evaluation = servers.home.store.require(
        "green/metered/evaluation", latest_month(servers, "green/metered/evaluation"), "the test"
    )
    (logged,) = (servers.home.settings.home / "mlartifacts").rglob(
        f"{evaluation.summary['run_id']}/artifacts/evaluation/report.html"
    )
    assert logged.read_bytes() == evaluation.file("report.html").read_bytes()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(logged.as_uri())
    expect(page.get_by_role("heading", name="What the model relies on")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1000, "height": 1400})
    pictures.save(page, "report-page")


def test_a_model_and_its_evaluation_lead_to_their_run_in_mlflow(
    page: Page, servers: Servers, pictures: Pictures
) -> None:
    judged_on = FEBRUARY.shift(1)
    open_month(page, servers, "green/metered/evaluation", judged_on)
    address = table_row(page, "mlflow_run").get_by_role("link").first.get_attribute("href")
    open_month(page, servers, "green/metered/duration_model", FEBRUARY)
    with page.context.expect_page() as opened:
        table_row(page, "mlflow_run").get_by_role("link").first.click()
    run = opened.value
    heading = run.get_by_role("heading", name=f"green/metered/{FEBRUARY}")
    expect(heading).to_be_visible()
    assert run.url == address
    assert run.url.startswith(servers.mlflow)
    evaluation = servers.home.store.require("green/metered/evaluation", judged_on, "the test")
    rmse = run.get_by_role("row").filter(has=run.get_by_text("rmse", exact=True)).first
    expect(rmse).to_contain_text(str(evaluation.summary["metrics"]["rmse"]))
    run.set_viewport_size({"width": 1600, "height": 1500})
    pictures.save(run, "mlflow-run", heading, rmse)


@pytest.mark.parametrize(
    ("asset", "key", "in_summary"),
    [
        ("green/raw_trips", "dagster/row_count", "rows"),
        ("green/cleaned_trips", "dagster/row_count", "kept"),
        ("green/metered/duration_model", "training_rmse", "training_rmse"),
        ("green/metered/evaluation", "rmse", "metrics.rmse"),
    ],
)
def test_the_plots_have_a_point_for_each_month_that_was_made(
    page: Page, servers: Servers, pictures: Pictures, asset: str, key: str, in_summary: str
) -> None:
    expected = {}
    for month in servers.home.store.months(asset):
        value = servers.home.store.require(asset, month, "the test").summary
        for part in in_summary.split("."):
            value = value[part]
        expected[str(month)] = pytest.approx(value)
    assert len(expected) >= 2
    open_asset(page, servers, asset)
    show_plots(page)
    assert plotted(page, key) == expected
    if key == "rmse":
        figures = section(page, "Metadata")
        figures.evaluate("element => element.scrollIntoView()")
        pictures.save(page, "plots", figures)
