"""The drift of a month: what it is made from, where it lies, and who is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from duration_assets.definitions import build_definitions
from duration_assets.home import open_home
from duration_assets.lineage import monitoring_nodes
from duration_assets.months import Month
from duration_assets.planning import is_current
from duration_assets.resources.partition import Partition
from duration_assets.simulation.breaks import BREAKS, write_broken
from duration_assets_tests.command_line import Workplace
from duration_assets_tests.homes import Home
from duration_assets_tests.modelling.reports.pages import check_that_it_stands_alone, read_page
from duration_assets_tests.months import (
    FEBRUARY,
    GREEN,
    JANUARY,
    MARCH,
    published,
    simulated_folder,
)

DRIFT = "green/metered/drift"
CHAMPION = "green/metered/champion"
LIMITS = {
    "drift_zones": 0.4,
    "drift_features": 3.0,
    "drift_unseen_pairs": 0.9,
    "drift_nulls": 0.9,
}
"""For small simulated months: their trips spread over all zones evenly, a window of a single one
lacks most of the pairs of the next, and the share of trips without details comes and goes."""


def make_champion(home: Home, month: Month, trained: Month) -> Partition:
    """Put a model into use, as the asset `champion` does."""
    model = home.store.require("green/metered/duration_model", trained, "the test")
    with home.store.writing(CHAMPION, month) as draft:
        shutil.copytree(model.folder, draft.folder / "model")
        return draft.commit(
            data_version=model.data_version,
            code_version="1",
            inputs={},
            summary={
                "champion_version": 1,
                "champion_run_id": model.summary["run_id"],
                "champion_training_month": str(trained),
                "outcome": "promoted",
            },
            simulated=True,
        )


@pytest.fixture(scope="module")
def championed(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A folder in which the model of January is in use since February, and March has come."""
    home = Home(tmp_path_factory.mktemp("championed"), **LIMITS)
    simulated_folder(home.source)
    home.train(JANUARY)
    run(home, "green_data", MARCH)
    make_champion(home, FEBRUARY, JANUARY)
    # Here too: in one process, MLflow goes on writing a run's files to where it first did.
    watch(home)
    return Workplace(home.source.parent)


@pytest.fixture
def home(championed: Workplace, tmp_path: Path) -> Iterator[Home]:
    """The same, for one test."""
    championed.copy(tmp_path / "copy")
    home = Home(tmp_path / "copy", **LIMITS)
    yield home
    assert home.half_written() == []
    assert home.running_mlflow_runs() == []


def run(home: Home, job: str, month: Month, *assets: str) -> dg.ExecuteInProcessResult:
    """Run a job for a month, whole or some of its assets."""
    resolved = build_definitions(home.settings).resolve_job_def(job)
    chosen = [dg.AssetKey.from_user_string(asset) for asset in assets] or None
    with open_home(home.settings) as instance:
        return resolved.execute_in_process(
            partition_key=str(month), instance=instance, asset_selection=chosen
        )


def watch(home: Home) -> dg.ExecuteInProcessResult:
    """Make the drift of March."""
    return run(home, "green_metered_monitoring", MARCH, DRIFT)


def drift(home: Home) -> Partition:
    return home.store.require(DRIFT, MARCH, "the test")


def break_march(home: Home, name: str) -> None:
    """Let something happen to March, and clean it again."""
    path = published(home.source, MARCH)
    write_broken(path, GREEN, BREAKS[name], path.with_suffix(".broken"))
    path.with_suffix(".broken").rename(path)
    run(home, "green_data", MARCH)


def told_of(done: dg.ExecuteInProcessResult) -> dict[str, dg.MetadataValue]:
    (made,) = done.asset_materializations_for_node("green__metered__drift")
    return dict(made.metadata)


def test_a_usual_month_is_within_its_limits_and_mlflow_gets_its_report(home: Home) -> None:
    done = watch(home)
    made = drift(home)
    assert made.summary["flagged"] == []
    assert made.summary["notes"] == []
    page = made.file("report.html").read_text()
    check_that_it_stands_alone(page)
    said = " ".join(read_page(page).texts)
    assert "SIMULATED" in said
    assert "Nothing: every measure is within the limit of its kind." in said
    assert "2023-01" in said
    assert told_of(done)["flagged"].value == "nothing"
    assert str(told_of(done)["report"].value).count("data:image/png;base64,") == 4
    checks = done.get_asset_check_evaluations()
    assert len(checks) == 8
    assert all(check.passed for check in checks)
    client = home.tracking._client()
    run_id = made.summary["champion_run_id"]
    logged = client.list_artifacts(run_id, f"drift/{MARCH}")
    assert {Path(each.path).name for each in logged} == {"report.html", "measures.json"}
    assert client.get_run(run_id).info.status == "FINISHED"
    assert json.loads(made.file("measures.json").read_text()) == made.summary["measures"]


def test_the_figures_are_those_of_the_champion_on_the_months_trips(home: Home) -> None:
    watch(home)
    made = drift(home)
    cleaned = home.store.require("green/cleaned_trips", MARCH, "the test")
    assert made.summary["errors"]["trips"] == cleaned.summary["kept"]
    assert made.summary["errors"]["mean_duration"] == pytest.approx(
        cleaned.summary["mean_duration"]
    )
    evaluation = home.store.require("green/metered/evaluation", FEBRUARY, "the test")
    usual = evaluation.summary["metrics"]
    ratio = made.summary["errors"]["rmse"] / usual["rmse"]
    assert made.summary["measures"]["rmse_ratio"] == pytest.approx(ratio)
    january = home.store.require("green/cleaned_trips", JANUARY, "the test")
    assert made.summary["compared_with"] == {
        january.name: january.data_version,
        evaluation.name: evaluation.data_version,
    }
    predicted = pl.read_parquet(made.file("histograms.parquet"))
    assert predicted["trips"].sum() == cleaned.summary["kept"]
    again = made.data_version
    watch(home)
    assert drift(home).data_version == again


@pytest.mark.parametrize(("name", "kind"), [("slower", "bias"), ("closed zone", "zones")])
def test_a_broken_month_is_flagged_and_somebody_is_told(
    name: str, kind: str, home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    break_march(home, name)
    done = watch(home)
    assert done.success
    checks = {check.check_name: check for check in done.get_asset_check_evaluations()}
    failed = {name for name, check in checks.items() if not check.passed}
    assert kind in failed
    assert "rejected" not in failed or name == "slower"
    assert (checks["bias"].severity, checks["zones"].severity) == (
        dg.AssetCheckSeverity.ERROR,
        dg.AssetCheckSeverity.WARN,
    )
    assert "the limit is" in str(checks[kind].description)
    assert f"{DRIFT} flags 2023-03: " in capfd.readouterr().err


def test_of_a_month_that_is_not_the_newest_nobody_is_told(
    home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    break_march(home, "slower")
    newest = home.store.root / "green" / "cleaned_trips"
    shutil.copytree(newest / "2023-03", newest / "2023-04")
    watch(home)
    assert drift(home).summary["flagged"]
    assert "flags 2023-03" not in capfd.readouterr().err


def test_what_cannot_be_compared_is_said_with_the_reason(home: Home) -> None:
    evaluation = home.store.require("green/metered/evaluation", FEBRUARY, "the test")
    shutil.rmtree(evaluation.folder.parent)
    watch(home)
    notes = drift(home).summary["notes"]
    assert [note.partition(":")[0] for note in notes] == [
        "The errors are compared with nothing",
        "The predictions are compared with nothing",
    ]
    assert {"rmse_ratio", "psi_predictions"}.isdisjoint(drift(home).summary["measures"])


def test_a_limit_that_is_set_otherwise_makes_a_partition_out_of_date(home: Home) -> None:
    watch(home)
    _, node = monitoring_nodes("green", "metered", home.settings)
    assert is_current(node, MARCH, JANUARY, home.store)
    _, other = monitoring_nodes(
        "green", "metered", home.settings.model_copy(update={"drift_bias": 0.01})
    )
    assert not is_current(other, MARCH, JANUARY, home.store)
