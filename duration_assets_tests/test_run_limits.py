"""How runs are bounded: what Dagster makes of the shipped `dagster.yaml`, and what a run takes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.instance.config import PoolGranularity
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._core.scheduler.instigation import TickStatus

from duration_assets.definitions import build_definitions
from duration_assets.home import open_home
from duration_assets.servers import _environment, threads_of_a_run
from duration_assets.settings import Settings
from duration_assets_tests.months import JANUARY, settings_for, simulated_folder

HEAVY = ("mlflow", "dagster_mlflow", "xgboost", "sklearn", "matplotlib")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("limits")
    return settings_for(folder / "home", folder / "source")


@pytest.fixture(scope="module")
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with open_home(settings) as instance:
        yield instance


def test_two_runs_at_once_and_two_trainings(instance: dg.DagsterInstance) -> None:
    limits = instance.get_concurrency_config()
    assert limits.run_queue_config is not None
    assert limits.run_queue_config.max_concurrent_runs == 2
    assert limits.pool_config.default_pool_limit == 2
    assert limits.pool_config.pool_granularity is PoolGranularity.RUN


def test_a_place_that_becomes_free_is_taken_soon_and_runs_start_side_by_side(
    instance: dg.DagsterInstance,
) -> None:
    coordinator = instance.run_coordinator
    assert isinstance(coordinator, QueuedRunCoordinator)
    assert coordinator.dequeue_interval_seconds == 2
    assert coordinator.dequeue_use_threads
    assert coordinator.dequeue_num_workers == 2


def test_lost_runs_are_looked_for_and_started_again(instance: dg.DagsterInstance) -> None:
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_start_timeout_seconds == 300
    assert instance.run_retries_enabled
    assert instance.run_retries_max_retries == 2
    assert instance.run_retries_retry_on_asset_or_op_failure is False


def test_ticks_are_forgotten_after_a_while(instance: dg.DagsterInstance) -> None:
    kept = instance.get_tick_retention_settings(InstigatorType.SENSOR)
    assert kept[TickStatus.SKIPPED] == 7
    assert kept[TickStatus.FAILURE] == 30
    assert kept[TickStatus.SUCCESS] == 90


def test_models_are_trained_in_the_training_pool(settings: Settings) -> None:
    graph = build_definitions(settings).resolve_asset_graph()
    model = graph.assets_def_for_key(dg.AssetKey(["green", "metered", "duration_model"]))
    assert model.op.pool == "training"


def test_runs_share_the_cores(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    shared = settings_for(tmp_path, tmp_path)
    assert threads_of_a_run(shared, instance) == max(1, (os.cpu_count() or 1) // 2)


def test_threads_that_a_person_set_stay(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    assert threads_of_a_run(settings_for(tmp_path, tmp_path, threads=7), instance) == 7


def test_threads_that_the_environment_sets_stay(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DURATION_THREADS", "5")
    assert threads_of_a_run(settings_for(tmp_path, tmp_path), instance) == 5


def test_what_reads_files_and_what_trains_gets_as_many_threads(tmp_path: Path) -> None:
    environment = _environment(settings_for(tmp_path, tmp_path), threads=3)
    names = ("DURATION_THREADS", "POLARS_MAX_THREADS", "OMP_NUM_THREADS")
    assert [environment[name] for name in names] == ["3", "3", "3"]


def test_a_run_without_a_limit_gets_one_thread(tmp_path: Path) -> None:
    overrides = {"concurrency": {"runs": {"max_concurrent_runs": -1}}}
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides=overrides) as unlimited:
        assert threads_of_a_run(settings_for(tmp_path / "home", tmp_path), unlimited) == 1


def test_a_run_of_the_data_imports_nothing_that_trains(tmp_path: Path) -> None:
    simulated_folder(tmp_path / "source", JANUARY)
    code = (
        "import sys\n"
        "import dagster as dg\n"
        "from duration_assets.definitions import build_definitions\n"
        "from duration_assets.settings import Settings\n"
        "job = build_definitions(Settings.load()).resolve_job_def('green_data')\n"
        "with dg.DagsterInstance.ephemeral() as instance:\n"
        "    assert job.execute_in_process(partition_key='2023-01', instance=instance).success\n"
        f"print(sorted(set({HEAVY}) & set(sys.modules)))"
    )
    environment = {
        **os.environ,
        "DURATION_HOME": str(tmp_path / "home"),
        "DURATION_SOURCE": str(tmp_path / "source"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
