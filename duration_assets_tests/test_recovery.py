from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from duration_assets.definitions import build_definitions, job_name
from duration_assets.errors import TrackingError
from duration_assets.home import open_home
from duration_assets.lineage import tuning_node
from duration_assets.recovery import FIRST_STEP_WITHIN, RunInProgress, lost_runs, recover
from duration_assets.resources.live_runs import LiveRuns
from duration_assets.resources.tracking import Tracking
from duration_assets_tests.automation.world import World

LOG = logging.getLogger(__name__)
LONG = FIRST_STEP_WITHIN + 1


def run(works: bool = True, seconds: float = LONG) -> RunInProgress:
    return RunInProgress("one", works, seconds)


@pytest.mark.parametrize("nothing_starts", [False, True])
def test_a_run_whose_process_is_alive_is_never_lost(nothing_starts: bool) -> None:
    assert lost_runs([run()], {"one": True}, nothing_starts=nothing_starts) == []


@pytest.mark.parametrize("nothing_starts", [False, True])
def test_a_run_whose_process_is_gone_is_lost_at_once(nothing_starts: bool) -> None:
    found = lost_runs([run(seconds=0)], {"one": False}, nothing_starts=nothing_starts)
    assert found == ["one"]


def test_a_run_may_take_a_while_to_come_to_its_first_step() -> None:
    assert lost_runs([run(seconds=5)], {}, nothing_starts=False) == []
    assert lost_runs([run()], {}, nothing_starts=False) == ["one"]


def test_a_run_that_is_about_to_begin_is_left_to_dagster_while_a_daemon_lives() -> None:
    assert lost_runs([run(works=False)], {}, nothing_starts=False) == []


@pytest.mark.parametrize("works", [False, True])
def test_at_the_start_a_run_that_nobody_works_on_is_lost(works: bool) -> None:
    assert lost_runs([run(works=works, seconds=0)], {}, nothing_starts=True) == ["one"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    folder = tmp_path / "world"
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        world = World(folder, instance, dagster_home=folder / "dagster")
    with open_home(world.settings) as world.instance:
        yield world


def recovered(world: World, *, nothing_starts: bool = True) -> list[str]:
    settings = world.settings
    tracking = Tracking.of(settings)
    return recover(settings, world.instance, tracking, LOG, nothing_starts=nothing_starts)


def test_a_lost_run_is_reported_as_failed_and_started_again(world: World) -> None:
    live_runs = LiveRuns(world.settings.home)
    raw = world.nodes["green/raw_trips"]
    lost, working = (world.begin(month, raw) for month in ("2023-01", "2023-02"))
    _hold_and_die(world.settings.home, lost.run_id)
    with live_runs.held(working.run_id):
        assert recovered(world, nothing_starts=False) == [lost.run_id]
        after = [world.instance.get_run_by_id(each.run_id) for each in (lost, working)]
        assert [each and each.status.value for each in after] == ["FAILURE", "STARTED"]
        assert after[0] is not None
        assert after[0].tags["dagster/will_retry"] == "true"
        assert live_runs.known() == {working.run_id: True}


def test_a_run_of_other_assets_in_the_same_dagster_home_is_left_alone(world: World) -> None:
    @dg.asset
    def other() -> None: ...

    job = dg.Definitions([other], jobs=[dg.define_asset_job("others", [other])])
    made = world.instance.create_run_for_job(
        job.resolve_job_def("others"), status=dg.DagsterRunStatus.STARTED
    )
    ours = world.begin("2023-01", world.nodes["green/raw_trips"])
    assert recovered(world) == [ours.run_id]
    after = world.instance.get_run_by_id(made.run_id)
    assert after is not None
    assert not after.is_finished


def test_a_search_whose_process_is_gone_is_lost_also_where_its_feature_set_is_not_on(
    world: World,
) -> None:
    node = tuning_node("green", "request", world.settings)
    assert "request" not in world.settings.feature_sets
    on = world.settings.model_copy(update={"feature_sets": ["request"]})
    begun = world.instance.create_run_for_job(
        build_definitions(on).resolve_job_def(job_name(node)),
        status=dg.DagsterRunStatus.STARTED,
        tags={"dagster/partition": "2023-02"},
        asset_selection=frozenset([dg.AssetKey(node.key.split("/"))]),
    )
    _hold_and_die(world.settings.home, begun.run_id)
    assert recovered(world, nothing_starts=False) == [begun.run_id]


class AwayTracking(Tracking):
    """A store of MLflow that cannot be reached."""

    def close_abandoned_runs(self) -> list[str]:
        raise TrackingError("nobody is there")


def test_lost_runs_are_reported_also_while_mlflow_is_away(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    settings, run = world.settings, world.begin("2023-01", world.nodes["green/raw_trips"])
    away = AwayTracking.of(settings)
    assert recover(settings, world.instance, away, LOG, nothing_starts=True) == [run.run_id]
    assert "could not be closed: nobody is there" in caplog.text


def _hold_and_die(home: Path, run_id: str) -> None:
    """Leave what a process leaves that was killed in a step."""
    code = (
        "import os, signal, sys, pathlib\n"
        "from duration_assets.resources.live_runs import LiveRuns\n"
        "LiveRuns(pathlib.Path(sys.argv[1])).hold(sys.argv[2])\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(home), run_id], check=False)
    assert LiveRuns(home).known() == {run_id: False}
