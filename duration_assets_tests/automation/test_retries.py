"""Which failures start a run again. Dagster decides from its settings and the run's own tags."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from duration_assets.definitions import build_definitions, build_resources
from duration_assets.errors import (
    DurationError,
    NotPublishedError,
    PartitionLockedError,
    ThrottledError,
    UnreachableError,
    UnreachableTrackingError,
)
from duration_assets.home import open_home
from duration_assets.lineage import data_nodes
from duration_assets.months import Month
from duration_assets.resources.live_runs import LiveRuns
from duration_assets.resources.store import Store
from duration_assets.running import _run
from duration_assets.settings import Settings
from duration_assets_tests.months import JANUARY, settings_for, simulated_folder


class FailingSource:
    """A source whose every month fails in the same way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def fetch(self, *_: object) -> None:
        raise self.error


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("retries")
    return settings_for(folder / "home", folder / "source", lock_timeout=0.1)


@pytest.fixture(scope="module")
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with open_home(settings) as instance:
        yield instance


def green_data() -> dg.JobDefinition:
    """Build the job from the environment, as a process does that starts a run again."""
    return build_definitions(Settings.load()).resolve_job_def("green_data")


def definitions_with(settings: Settings, error: Exception) -> dg.Definitions:
    resources = {**build_resources(settings), "trip_source": FailingSource(error)}
    return build_definitions(settings, resources)


def failed_run(
    settings: Settings,
    instance: dg.DagsterInstance,
    error: Exception,
    tags: dict[str, str] | None = None,
) -> dg.DagsterRun:
    """Fail as a run of the daemon does."""
    result = (
        definitions_with(settings, error)
        .resolve_job_def("green_data")
        .execute_in_process(
            partition_key="2023-01", instance=instance, raise_on_error=False, tags=tags
        )
    )
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    return run


def is_started_again(run: dg.DagsterRun) -> bool:
    return run.tags["dagster/will_retry"] == "true"


@pytest.mark.parametrize(
    "kind", [ThrottledError, UnreachableError, PartitionLockedError, UnreachableTrackingError]
)
def test_a_run_that_failed_for_what_passes_by_itself_is_started_again(
    settings: Settings, instance: dg.DagsterInstance, kind: type[DurationError]
) -> None:
    assert is_started_again(failed_run(settings, instance, kind("for now")))


@pytest.mark.parametrize("error", [NotPublishedError("not there"), ValueError("a bug")])
def test_a_run_that_would_fail_again_is_not(
    settings: Settings, instance: dg.DagsterInstance, error: Exception
) -> None:
    assert not is_started_again(failed_run(settings, instance, error))


def test_a_second_try_that_would_fail_again_is_not_followed_by_a_third(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    first = failed_run(settings, instance, UnreachableError("for now"))
    inherited = {
        "dagster/retry_on_asset_or_op_failure": "true",
        "dagster/parent_run_id": first.run_id,
        "dagster/root_run_id": first.run_id,
    }
    second = failed_run(settings, instance, NotPublishedError("not there"), inherited)
    assert not is_started_again(second)


def test_a_run_of_the_command_line_is_left_to_the_person_who_gave_it(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    with pytest.raises(DurationError, match="data of 2023-01: for now"):
        _run(
            definitions_with(settings, UnreachableError("for now")),
            instance,
            tuple(data_nodes("green", settings)),
            JANUARY,
            Store(settings.home / "store"),
            LiveRuns(settings.home),
        )
    run = instance.get_runs(limit=1)[0]
    assert run.tags["dagster/retry_on_asset_or_op_failure"] == "true"
    assert not is_started_again(run)


def test_a_partition_that_somebody_else_writes_for_too_long_starts_the_run_again(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    with Store(settings.home / "store").locked("green/raw_trips", Month(2023, 1)):
        run = failed_run(settings, instance, ValueError("never asked"))
    assert is_started_again(run)


def test_a_run_goes_on_from_the_step_that_failed(tmp_path: Path) -> None:
    settings = settings_for(
        tmp_path / "home", simulated_folder(tmp_path / "source", JANUARY), lock_timeout=0.1
    )
    for name in ("home", "source", "last_month"):
        os.environ[f"DURATION_{name.upper()}"] = str(getattr(settings, name))
    os.environ["DURATION_FIRST_MONTH"] = "2023-01"
    with open_home(settings) as instance:
        with Store(settings.home / "store").locked("green/cleaned_trips", JANUARY):
            first = (
                build_definitions(settings)
                .resolve_job_def("green_data")
                .execute_in_process(
                    partition_key="2023-01", instance=instance, raise_on_error=False
                )
            )
        with dg.execute_job(
            dg.reconstructable(green_data),
            instance,
            # The daemon gives a run that it starts again the tags of the first.
            tags={"dagster/partition": "2023-01"},
            reexecution_options=dg.ReexecutionOptions.from_failure(first.run_id, instance),
        ) as second:
            made = [event.step_key for event in second.all_events if event.is_step_success]
            assert second.success
    assert made == ["green__cleaned_trips", "green__zone_statistics"]
