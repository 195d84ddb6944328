from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.modelling.judging import Judgement, judge
from duration_assets.modelling.reports.errors_by_slice import Zones
from duration_assets.modelling.reports.evaluation_report import Others, Subject, evaluation_report
from duration_assets.modelling.reports.report import NOTHING, Report, Table
from duration_assets.months import Month
from duration_assets_tests.modelling.reports.pages import check_that_it_stands_alone, read_page
from duration_assets_tests.modelling.trips import trips_of
from duration_assets_tests.months import FEBRUARY, GREEN, JANUARY

SUBJECT = Subject(
    GREEN, FEATURE_SETS["metered"], ["2022-12", "2023-01"], 900, FEBRUARY, "7f", False
)
TABLE = pl.DataFrame(
    {"zone": [1, 2], "borough": ["Queens", "<Bronx>"], "name": ["Jamaica | Bay", "Co-op City"]},
    schema_overrides={"zone": pl.Int32},
)
ZONES = Zones(TABLE, "The boroughs are those of here.")
NO_ZONES = Zones(None, "The pairs of boroughs are left out, looked for there.")
RELIES_ON = {"trip_distance": 3.5, "hour": 0.25}


def judgement(has_distance: bool = True) -> Judgement:
    count = 80
    duration = [5.0 + each % 40 for each in range(count)]
    scored = trips_of(
        duration,
        pickup_zone=[1 + each % 2 for each in range(count)],
        dropoff_zone=[2] * count,
        distance=[each % 12 / 1 for each in range(count)],
        predicted=[each + (4.0 if place % 2 else 1.0) for place, each in enumerate(duration)],
        kept=[True] * count,
        pair_seen=[each % 10 > 0 for each in range(count)],
    ).with_columns(mean=20.0, pair_median=18.0, linear=pl.col("duration") + 7)
    zones = TABLE if has_distance else None
    return judge(scored.lazy(), zones, has_distance=has_distance)


def report(**changes: Any) -> Report:
    given: dict[str, Any] = {
        "subject": SUBJECT,
        "judgement": judgement(),
        "zones": ZONES,
        "relies_on": RELIES_ON,
        "others": Others(),
        **changes,
    }
    return evaluation_report(**given)


def tables(made: Report, section: str) -> list[list[tuple[str, ...]]]:
    (found,) = [each for each in made.sections if each.title == section]
    return [list(block.written()) for block in found.blocks if isinstance(block, Table)]


def said(made: Report) -> str:
    return " ".join(read_page(made.to_html()).texts)


def test_a_report_says_which_model_was_judged_on_what() -> None:
    made = report()
    assert made.title == "Green taxi, metered: the model of 2023-01 on the trips of 2023-02"
    (facts,) = tables(made, "The model")
    assert ("trained on", "2022-12 to 2023-01 (2 months), 900 trips") in facts
    assert ("MLflow run", "7f") in facts
    assert "SIMULATED" not in said(made)


def test_the_model_stands_beside_its_baselines_on_the_same_trips() -> None:
    kept, everything = tables(report(), "Errors")
    assert kept == everything
    assert kept[0] == ("this model", "2.915", "2.500", "+2.500")
    assert kept[3] == ("linear regression", "7.000", "7.000", "+7.000")
    assert [row[0] for row in kept[1:3]] == ["mean of the window", "median of the zone pair"]


def test_every_slice_has_a_table() -> None:
    first_cells = [table[0][0] for table in tables(report(), "Where and when")]
    assert first_cells == ["known from the window", "<Bronx> to <Bronx>", "0", "08", "Monday"]


def test_the_worst_zones_are_named() -> None:
    (worst,) = tables(report(), "The worst pickup zones")
    assert worst[0][:4] == ("2", "<Bronx>", "Co-op City", "40")
    assert worst[1][:4] == ("1", "Queens", "Jamaica | Bay", "40")
    (without,) = tables(report(zones=NO_ZONES), "The worst pickup zones")
    assert without[0][:4] == ("2", NOTHING, NOTHING, "40")


def test_without_a_lookup_the_report_says_where_it_was_looked_for() -> None:
    made = report(zones=NO_ZONES, judgement=judgement(has_distance=False))
    assert NO_ZONES.note in said(made)
    assert "Bronx" not in said(made)


def test_without_distances_errors_stand_by_what_was_predicted() -> None:
    with_distances = report().pictures()
    without = report(judgement=judgement(has_distance=False)).pictures()
    assert set(with_distances) ^ set(without) == {"error_by_distance", "error_by_prediction"}
    assert {"errors", "predictions", "error_by_hour", "calibration", "reliance"} <= set(without)
    for content in without.values():
        assert content.startswith(b"\x89PNG")


def test_what_was_not_worked_out_is_said_with_the_reason() -> None:
    course = replace(SUBJECT, feature_set=FEATURE_SETS["course"])
    made = report(subject=course, relies_on=None)
    assert "Not worked out: course has a feature for each zone pair" in said(made)
    assert "reliance" not in made.pictures()


def test_the_courses_model_stands_beside_this_one_on_the_same_trips() -> None:
    errors = {"rmse": 5.0, "mae": 4.0, "bias": 1.0}
    course = {**errors, **{f"all_trips_{name}": value * 2 for name, value in errors.items()}}
    kept, everything = tables(report(others=Others(course=course)), "Errors")
    assert kept[1] == ("the course's model", "5.000", "4.000", "+1.000")
    assert everything[1] == ("the course's model", "10.000", "8.000", "+2.000")
    why = "The course's model is left out: because."
    assert why in said(report(others=Others(course_note=why)))


def test_the_models_before_stand_in_time_with_this_one_last() -> None:
    old = {"rmse": 9.0, "mae": 8.0, "bias": 0.0, "baseline_pair_median_rmse": 10.0}
    made = report(others=Others({Month(2022, 12): old, JANUARY: {**old, "rmse": 7.0}}))
    (rows,) = tables(made, "The models before")
    assert [row[:2] for row in rows] == [
        ("2022-12", "9.000"),
        ("2023-01", "7.000"),
        ("2023-02", "2.915"),
    ]
    assert rows[0][4:] == ("10.000", NOTHING)
    assert "rmse_by_month" in made.pictures()
    assert "no evaluation of an earlier month" in said(report())


def test_a_report_on_simulated_trips_begins_with_that() -> None:
    made = report(subject=replace(SUBJECT, simulated=True))
    assert made.warning.startswith("The trips are SIMULATED")


@pytest.mark.parametrize("zones", [ZONES, NO_ZONES])
def test_a_report_is_a_page_that_stands_alone(zones: Zones) -> None:
    html = report(zones=zones).to_html()
    check_that_it_stands_alone(html)
    assert html.count("<img") == 6
    assert report(zones=zones).to_html() == html
