"""The report of an evaluation: what it is made from, where it lies, and what it does without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from duration_assets.definitions import build_definitions
from duration_assets.home import open_home
from duration_assets.lineage import model_nodes
from duration_assets.modelling.slices import (
    BOROUGH_PAIR,
    DISTANCE,
    HOUR,
    PAIR_SEEN,
    PICKUP_ZONE,
    WEEKDAY,
    part_of,
)
from duration_assets.modelling.zones import LOOKUP_FILE
from duration_assets.months import Month
from duration_assets.planning import is_current
from duration_assets.resources.partition import Partition
from duration_assets_tests.command_line import Workplace
from duration_assets_tests.homes import Home
from duration_assets_tests.modelling.reports.pages import check_that_it_stands_alone, read_page
from duration_assets_tests.months import FEBRUARY, JANUARY, MARCH, simulated_folder

EVALUATION = "green/metered/evaluation"
LOOKUP = "LocationID,Borough,Zone\n" + "".join(
    f'{zone},{"Uptown" if zone <= 132 else "Downtown"},"Zone {zone}"\n' for zone in range(1, 266)
)


def evaluation(home: Home, month: Month, feature_set: str = "metered") -> Partition:
    return home.store.require(f"green/{feature_set}/evaluation", month, "the test")


def report_of(partition: Partition) -> str:
    return " ".join(read_page(partition.file("report.html").read_text()).texts)


def slices_of(partition: Partition) -> pl.DataFrame:
    return pl.read_parquet(partition.file("slices.parquet"))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A folder in which two models are trained and judged."""
    home = Home(tmp_path_factory.mktemp("judged"))
    simulated_folder(home.source)
    home.train(JANUARY)
    home.train(FEBRUARY)
    return Workplace(home.source.parent)


@pytest.fixture
def home(judged: Workplace, tmp_path: Path) -> Iterator[Home]:
    """The same, for one test."""
    judged.copy(tmp_path / "copy")
    home = Home(tmp_path / "copy")
    yield home
    assert home.half_written() == []
    assert home.running_mlflow_runs() == []


def judge_again(home: Home, month: Month) -> dict[str, dg.MetadataValue]:
    """Make an evaluation again, and return what Dagster was told of it."""
    job = build_definitions(home.settings).resolve_job_def("green_metered_evaluations")
    with open_home(home.settings) as instance:
        done = job.execute_in_process(
            partition_key=str(month),
            instance=instance,
            asset_selection=[dg.AssetKey.from_user_string(EVALUATION)],
        )
    (made,) = done.asset_materializations_for_node("green__metered__evaluation")
    return dict(made.metadata)


def test_an_evaluation_holds_its_report_slices_and_pictures_and_mlflow_gets_them(
    home: Home,
) -> None:
    made = evaluation(home, FEBRUARY)
    check_that_it_stands_alone(made.file("report.html").read_text())
    assert "SIMULATED" in report_of(made)
    slices = slices_of(made)
    assert list(slices["slice"].unique(maintain_order=True)) == [
        *(PICKUP_ZONE, PAIR_SEEN, HOUR, WEEKDAY, DISTANCE),
    ]
    model = home.store.require("green/metered/duration_model", JANUARY, "the test")
    matrix = home.store.require("green/metered/validation_matrix", FEBRUARY, "the test")
    assert part_of(slices, HOUR)["trips"].sum() == matrix.summary["kept"]
    assert f"{model.summary['trips']:,} trips" in report_of(made)
    names = {path.name for path in made.folder.iterdir()}
    pictures = {
        *("errors.png", "predictions.png", "calibration.png", "reliance.png"),
        *("error_by_hour.png", "error_by_distance.png"),
    }
    files = {"report.html", "slices.parquet", "metrics.json", "reliance.json"}
    assert names == pictures | files | {"histograms.parquet"}
    predicted = pl.read_parquet(made.file("histograms.parquet"))
    assert predicted["trips"].sum() == part_of(slices_of(made), HOUR)["trips"].sum()
    client = home.tracking._client()
    logged = client.list_artifacts(made.summary["run_id"], "evaluation")
    assert {Path(each.path).name for each in logged} == {*pictures, "report.html"}
    metrics = client.get_run(made.summary["run_id"]).data.metrics
    assert len(made.summary["metrics"]) == 24
    assert made.summary["metrics"].items() <= metrics.items()
    relies_on = json.loads(made.file("reliance.json").read_text())
    assert max(relies_on, key=relies_on.get) == next(iter(relies_on))


def test_without_a_zone_lookup_the_report_says_where_it_was_looked_for(
    home: Home, judged: Workplace
) -> None:
    made = evaluation(home, FEBRUARY)
    assert made.summary["zones"] is None
    assert f"{judged.source / LOOKUP_FILE} was looked for" in report_of(made)
    assert "DURATION_ZONES" in report_of(made)


def test_with_a_zone_lookup_beside_the_months_there_are_borough_pairs(home: Home) -> None:
    before = evaluation(home, FEBRUARY)
    (home.source / LOOKUP_FILE).write_text(LOOKUP)
    told = judge_again(home, FEBRUARY)
    made = evaluation(home, FEBRUARY)
    pairs = part_of(slices_of(made), BOROUGH_PAIR)
    ends = ("Uptown", "Downtown")
    assert set(pairs["part"]) == {f"{one} to {other}" for one in ends for other in ends}
    assert pairs["trips"].sum() == part_of(slices_of(made), HOUR)["trips"].sum()
    assert made.summary["zones"]["address"] == str(home.source / LOOKUP_FILE)
    kept = home.store.root / "content" / f"{made.summary['zones']['sha256']}.csv"
    assert kept.read_text() == LOOKUP
    assert made.summary["metrics"] == before.summary["metrics"]
    assert made.data_version != before.data_version
    assert "Uptown to Downtown" in str(told["report"].value)
    assert str(told["report"].value).count("data:image/png;base64,") == 6


def test_the_models_before_are_shown_and_are_no_inputs(home: Home) -> None:
    alone = evaluation(home, FEBRUARY)
    assert alone.summary["compared_with"] == {}
    made = evaluation(home, MARCH)
    assert made.summary["compared_with"] == {alone.name: alone.data_version}
    assert alone.name not in made.inputs
    figures = {f"{each.summary['metrics']['rmse']:.3f}" for each in (alone, made)}
    assert figures <= set(read_page(made.file("report.html").read_text()).texts)
    assert made.file("rmse_by_month.png").read_bytes().startswith(b"\x89PNG")
    (alone.folder.parent / "manifest.json").unlink()
    node = model_nodes("green", "metered", home.settings)[-1]
    assert is_current(node, MARCH, JANUARY, home.store)
    judge_again(home, MARCH)
    again = evaluation(home, MARCH)
    assert again.summary["compared_with"] == {}
    assert again.data_version == made.data_version


def test_the_courses_model_is_shown_if_it_is_turned_on_and_was_judged_on_the_same_trips(
    home: Home,
) -> None:
    assert "the course's model" not in report_of(evaluation(home, FEBRUARY)).lower()
    home.settings = home.settings.model_copy(update={"feature_sets": ["metered", "course"]})
    judge_again(home, FEBRUARY)
    assert "the store held no evaluation of it on 2023-02" in report_of(evaluation(home, FEBRUARY))
    course = home.train(JANUARY, "course")
    judge_again(home, FEBRUARY)
    made = evaluation(home, FEBRUARY)
    its = evaluation(home, FEBRUARY, "course")
    assert made.summary["compared_with"] == {its.name: its.data_version}
    assert f"the course's model {course.metrics['rmse']:.3f}" in report_of(made)
    assert "Not worked out: course has a feature for each zone pair" in report_of(its)
    assert not (its.folder / "reliance.json").exists()
    manifest = its.folder.parent.parent.parent / "validation_matrix" / "2023-02" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["inputs"]["green/cleaned_trips@2023-02"] = "of other bytes"
    manifest.write_text(json.dumps(content))
    judge_again(home, FEBRUARY)
    assert "it was judged on other trips of 2023-02" in report_of(evaluation(home, FEBRUARY))


@pytest.mark.real_data
def test_the_report_of_a_real_month_has_the_pairs_of_boroughs(
    real_data: Path, tmp_path: Path
) -> None:
    home = Home(
        tmp_path,
        window=1,
        first_month="2023-01",
        last_month="2023-02",
        zones=str(real_data / "misc" / LOOKUP_FILE),
    )
    home.settings = home.settings.model_copy(update={"source": str(real_data / "trip-data")})
    trained = home.train(JANUARY)
    made = evaluation(home, FEBRUARY)
    pairs = part_of(slices_of(made), BOROUGH_PAIR)
    assert pairs["trips"].sum() == 62_574
    assert pairs["part"][:2].to_list() == ["Manhattan to Manhattan", "Queens to Queens"]
    whole = float(pairs["squared_error"].sum()) / 62_574
    assert whole**0.5 == pytest.approx(trained.metrics["rmse"], abs=1e-5)
    unseen = part_of(slices_of(made), PAIR_SEEN)["share"][1]
    assert 0.03 < unseen < 0.07
    said = report_of(made)
    assert "SIMULATED" not in said
    assert "Manhattan to Manhattan" in said
    assert trained.metrics["rmse"] < trained.metrics["baseline_linear_rmse"]
    assert trained.metrics["baseline_linear_rmse"] < trained.metrics["baseline_pair_median_rmse"]
