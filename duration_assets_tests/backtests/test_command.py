"""The command `backtest` as users meet it: what is judged, what is reported, what is kept."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from duration_assets.modelling.parameters import parameters_of
from duration_assets.months import Month
from duration_assets_tests.backtests.conftest import (
    ALL,
    CANDIDATES,
    ONE,
    TRIALS,
    WHOLE,
    Backtested,
    figures,
)
from duration_assets_tests.command_line import Done
from duration_assets_tests.months import FEBRUARY, published, rewrite


@pytest.fixture(scope="module")
def whole(cleaned: Backtested, tmp_path_factory: pytest.TempPathFactory) -> tuple[Backtested, Done]:
    """A workplace where everything was tried, and what that printed."""
    folder = tmp_path_factory.mktemp("whole") / "copy"
    shutil.copytree(cleaned.folder, folder)
    workplace = Backtested(folder)
    done = workplace.backtest(*WHOLE)
    assert done.code == 0, done.errors
    return workplace, done


@pytest.fixture
def tried(whole: tuple[Backtested, Done], tmp_path: Path) -> Backtested:
    """A copy of it."""
    shutil.copytree(whole[0].folder, tmp_path / "copy")
    return Backtested(tmp_path / "copy")


def remake(workplace: Backtested, month: Month) -> None:
    """Let a month be published again with a few trips less, and land it."""
    rewrite(published(workplace.source, month), lambda table: table.slice(100))
    raw = workplace.home / "store" / "green" / "raw_trips" / str(month)
    (raw / "manifest.json").unlink()
    workplace.make_data(month)


def test_every_candidate_is_judged_on_every_month(whole: tuple[Backtested, Done]) -> None:
    workplace, done = whole
    found = figures(done)
    assert found["made"] == TRIALS
    assert found["failed"] == []
    assert found["simulated"] is True
    names = ["metered-1", "metered-2", "request-1", "request-2"]
    assert [each["name"] for each in found["candidates"]] == names
    for each in found["candidates"]:
        assert each["months"] == 4
        assert 0 < each["mae"]["mean"] < each["rmse"]["mean"] <= each["rmse"]["worst"] < 60
        assert each["rmse"]["deviation"] > 0
        assert each["ratio_to_course"] is None
    metered, _, request, _ = found["candidates"]
    assert metered["rmse"]["mean"] < request["rmse"]["mean"]
    assert len(done.errors.splitlines()) == TRIALS
    assert "metered-2 on 2023-05: RMSE " in done.errors
    assert workplace.half_made() == []
    assert len(workplace.results) == TRIALS


def test_the_report_is_in_the_home_with_its_page_its_chart_and_its_table(
    whole: tuple[Backtested, Done],
) -> None:
    workplace, done = whole
    folder = workplace.home / "backtests" / "2023-02_2023-05"
    assert figures(done)["output"] == str(folder)
    assert {path.name for path in folder.iterdir()} == {
        "report.md",
        "report.html",
        "results.csv",
        "rmse.png",
    }
    rows = list(csv.DictReader((folder / "results.csv").read_text().splitlines()))
    assert len(rows) == 16
    windows = {(row["validation_month"], row["window"]): row["training_months"] for row in rows}
    assert windows["2023-02", "2"] == windows["2023-04", "1"] == "1"
    assert windows["2023-04", "2"] == "2"
    text = (folder / "report.md").read_text()
    assert "metered-2 had fewer than its 2 months to train on for 2023-02" in text
    assert "SIMULATED" in text


def test_the_same_again_makes_nothing_and_comes_to_the_same(
    whole: tuple[Backtested, Done], tried: Backtested
) -> None:
    before = tried.results
    again = tried.backtest(*WHOLE)
    assert again.errors == ""
    assert figures(again)["made"] == 0
    assert figures(again)["candidates"] == figures(whole[1])["candidates"]
    assert tried.results == before


def test_other_months_and_another_folder_use_what_was_tried(tried: Backtested) -> None:
    options = ("--from", "2023-03", "--to", "2023-04", "--window", "2", "--json")
    done = tried.backtest(*options, "--output", "reports/here")
    assert figures(done)["made"] == 0
    assert (tried.folder / "reports" / "here" / "report.html").exists()


def test_a_month_that_changed_is_tried_again_with_the_windows_that_hold_it(
    tried: Backtested,
) -> None:
    remake(tried, FEBRUARY)
    before = tried.results
    done = tried.backtest(*WHOLE)
    assert done.code == 0, done.errors
    # Judged on 2023-02: one window; trained on it for 2023-03: both; for 2023-04: the longer one.
    assert figures(done)["made"] == 2 * (1 + 2 + 1)
    assert {line.partition(":")[0] for line in done.errors.splitlines()} == {
        f"{feature_set}-{at}"
        for feature_set in ("metered", "request")
        for at in ("1 on 2023-03", "2 on 2023-02", "2 on 2023-03", "2 on 2023-04")
    }
    assert {name: tried.results[name] for name in before} == before


def test_parameters_are_candidates_and_are_what_xgboost_is_given(tried: Backtested) -> None:
    (tried.folder / "shallow.json").write_text('{"max_depth": 1, "learning_rate": 0.5}')
    done = tried.backtest(*ONE, "--parameters", "default", "--parameters", "shallow.json")
    assert done.code == 0, done.errors
    usual, shallow = figures(done)["candidates"]
    assert (usual["name"], shallow["name"]) == ("metered-1", "metered-1-shallow")
    assert figures(done)["made"] == 1
    assert shallow["parameters"] == {"max_depth": 1, "learning_rate": 0.5}
    assert usual["rmse"]["mean"] != shallow["rmse"]["mean"]
    made_from = [json.loads(text)["made_from"] for text in tried.results.values()]
    (given,) = (
        each["parameters"]["usual"]
        for each in made_from
        if each["parameters"]["usual"]["max_depth"] == 1
    )
    assert given == {**parameters_of("metered"), "max_depth": 1, "learning_rate": 0.5}


def test_a_folder_that_cannot_be_written_is_named_and_the_results_are_kept(
    tried: Backtested,
) -> None:
    (tried.folder / "file").touch()
    done = tried.backtest(*ONE, "--output", "file/report")
    assert "The report cannot be written to file/report (Not a directory)" in done.message
    assert len(tried.results) == TRIALS


def test_people_get_a_table_and_where_the_report_is(tried: Backtested) -> None:
    done = tried.backtest(*ALL, *CANDIDATES)
    lines = done.output.splitlines()
    assert lines[0].startswith("SIMULATED trips")
    (row,) = (line for line in lines if line.startswith("metered-2"))
    assert row.split()[1] == "4"
    assert lines[-1] == f"Report: {tried.home / 'backtests' / '2023-02_2023-05' / 'report.html'}"


@pytest.mark.real_data
def test_the_courses_figures_come_out_on_real_months(real_data: Path, tmp_path: Path) -> None:
    workplace = Backtested(tmp_path)
    workplace.source.mkdir()
    for month in Month(2023, 1).through(Month(2023, 3)):
        published(workplace.source, month).symlink_to(published(real_data / "trip-data", month))
    workplace.make_data(*Month(2023, 1).through(Month(2023, 3)))
    options = ("--from", "2023-02", "--to", "2023-03", "--feature-set", "course,metered")
    done = workplace.backtest(*options, "--window", "1", "--json")
    assert done.code == 0, done.errors
    found = figures(done)
    rows = csv.DictReader((Path(found["output"]) / "results.csv").read_text().splitlines())
    rmse = {(row["candidate"], row["validation_month"]): float(row["rmse"]) for row in rows}
    assert rmse["course", "2023-02"] == pytest.approx(5.26004, abs=5e-6)
    assert rmse["course", "2023-03"] == pytest.approx(5.46397, abs=5e-6)
    for judged in ("2023-02", "2023-03"):
        assert rmse["metered-1", judged] < 0.9 * rmse["course", judged]
    assert found["simulated"] is False
    assert found["candidates"][0]["ratio_to_course"] == 1.0
