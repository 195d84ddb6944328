"""Searches as Dagster makes them, on a few simulated months."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from duration_assets.backtests.tuning import plan_tuning, search_key, tuning_months
from duration_assets.definitions import build_definitions
from duration_assets.errors import MissingPartitionError, SettingsError
from duration_assets.home import open_home
from duration_assets.modelling.parameters import parameters_of, read_tuned, shipped
from duration_assets.months import Month
from duration_assets.progress import LogProgress
from duration_assets.resources.partition import Partition
from duration_assets.running import tune
from duration_assets_tests.command_line import COMMAND, TIME_LIMIT
from duration_assets_tests.homes import Home
from duration_assets_tests.tuning.conftest import FIRST, THROUGH

OPTIONS: dict[str, Any] = {"months": 2, "trials": 3, "rows": None, "timeout": None}


class Saying(LogProgress):
    """Keeps what was said, and may do something then."""

    def __init__(self, stop_after: str = "") -> None:
        self.lines: list[str] = []
        self._stop_after = stop_after

    def say(self, line: str, log: Any) -> None:
        self.lines.append(line)
        if self._stop_after and line.startswith(self._stop_after):
            raise KeyboardInterrupt

    @property
    def tried(self) -> list[str]:
        return [line.partition(":")[0] for line in self.lines if line.startswith("Trial")]


def search(home: Home, saying: Saying, **options: Any) -> Partition:
    with open_home(home.settings) as instance:
        return tune(
            home.settings, instance, "green", "metered", THROUGH, {**OPTIONS, **options}, saying
        )


def mlflow_runs(home: Home) -> list[Any]:
    client = home.tracking._client()
    return list(client.search_runs([each.experiment_id for each in client.search_experiments()]))


@contextmanager
def started(home: Home, *options: str) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "DURATION_HOME": str(home.settings.home),
        "DURATION_SOURCE": str(home.source),
        "DURATION_FIRST_MONTH": str(FIRST),
        "DURATION_LAST_MONTH": str(THROUGH),
        "DURATION_WINDOW": "1",
        "DURATION_THREADS": "1",
    }
    command = [COMMAND, "tune", "--through", str(THROUGH), *options]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process


def test_months_are_spread_over_the_year_that_ends_with_the_last_one() -> None:
    through = Month(2023, 6)
    assert [str(month) for month in tuning_months(through, 4)] == [
        "2022-09",
        "2022-12",
        "2023-03",
        "2023-06",
    ]
    assert tuning_months(through, 1) == [through]
    assert len(set(tuning_months(through, 12))) == 12


def test_no_month_after_the_last_one_is_read(tuning_home: Home) -> None:
    planned = plan_tuning("green", "metered", THROUGH, 2, tuning_home.settings)
    assert [str(trial.fold.validation_month) for trial in planned] == ["2022-09", "2023-03"]
    for trial in planned:
        assert [month.month for month in trial.window] == [trial.fold.validation_month.shift(-1)]


def test_a_search_is_the_same_for_what_can_be_compared_alone(tuning_home: Home) -> None:
    planned = plan_tuning("green", "metered", THROUGH, 1, tuning_home.settings)
    others = plan_tuning("green", "request", THROUGH, 1, tuning_home.settings)
    keys = {search_key(planned, None), search_key(planned, 1_000), search_key(others, None)}
    assert len(keys) == 3
    again = plan_tuning("green", "metered", THROUGH, 1, tuning_home.settings)
    assert search_key(again, None) in keys


def test_months_that_are_missing_are_named_with_the_command_that_makes_them(
    tuning_home: Home,
) -> None:
    with pytest.raises(MissingPartitionError, match="--only data --from 2022-10 --to 2022-11"):
        plan_tuning("green", "metered", Month(2022, 11), 1, tuning_home.settings)


def test_the_courses_parameters_are_not_tuned(tuning_home: Home) -> None:
    with pytest.raises(SettingsError, match="there is nothing to tune"):
        plan_tuning("green", "course", THROUGH, 1, tuning_home.settings)


def test_a_backfill_starts_no_search(tuning_home: Home) -> None:
    job = build_definitions(tuning_home.settings).resolve_job_def("green_metered_tuning")
    with (
        open_home(tuning_home.settings) as instance,
        pytest.raises(SettingsError, match="A search is started alone"),
    ):
        job.execute_in_process(
            partition_key=str(THROUGH), instance=instance, tags={"dagster/backfill": "all"}
        )


def test_a_search_is_logged_stopped_and_gone_on_with(tuning_home: Home) -> None:
    stopped = Saying(stop_after="Trial 1")
    with pytest.raises(KeyboardInterrupt):
        search(tuning_home, stopped, months=1)
    assert tuning_home.store.find("green/metered/tuned_parameters", THROUGH) is None
    assert sorted(run.info.status for run in mlflow_runs(tuning_home)) == [
        "FINISHED",
        "KILLED",
        "KILLED",
    ]

    saying = Saying()
    found = search(tuning_home, saying, months=1)
    # The one that was stopped is tried again, the reference is not.
    assert saying.tried == ["Trial 2", "Trial 3"]
    assert found.summary["trials"] == 3
    assert found.summary["rmse_ratio"] <= 1.0
    # The parameters that it began with had seen later months than the search itself.
    assert found.summary["tuned_through"] == str(shipped()["metered"].tuned_through)
    assert shipped()["metered"].tuned_through > THROUGH
    assert found.simulated
    assert set(found.inputs) == {
        "green/cleaned_trips@2023-02",
        "green/cleaned_trips@2023-03",
        "green/zone_statistics@2023-02",
    }
    tuned = read_tuned(found.file("parameters.json"))["metered"]
    assert dict(tuned.found) == found.summary["parameters"]
    assert parameters_of("metered", found.file("parameters.json")) == tuned.parameters
    trials = json.loads(found.file("trials.json").read_text())
    assert [each["number"] for each in trials] == [0, 1 + 1, 1 + 2]
    assert trials[0]["rmse_ratio"] == 1.0
    assert tuning_home.half_written() == []

    runs = {run.info.run_id: run for run in mlflow_runs(tuning_home)}
    assert "RUNNING" not in {run.info.status for run in runs.values()}
    parent = runs[found.summary["run_id"]]
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["rmse_ratio"] == found.summary["rmse_ratio"]
    children = [
        run
        for run in runs.values()
        if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id
    ]
    assert sorted(run.data.tags["trial"] for run in children) == ["2", "3"]
    for run in children:
        assert run.info.status == "FINISHED"
        assert "max_depth" in run.data.params
        assert f"rmse_{THROUGH}" in run.data.metrics


def test_a_killed_search_leaves_no_run_open_and_is_gone_on_with(
    tuning_home: Home, tmp_path: Path
) -> None:
    options = ("--months", "2", "--trials", "1000")
    with started(tuning_home, *options) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Trial 1"):
                break
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=TIME_LIMIT)
    written = tmp_path / "parameters.json"
    with started(
        tuning_home, "--months", "2", "--trials", "3", "--write", str(written), "--json"
    ) as process:
        output, errors = process.communicate(timeout=TIME_LIMIT)
    assert process.returncode == 0, errors
    assert "Trial 0" not in errors
    found = json.loads(output.splitlines()[-1])
    assert found["trials"] >= 2
    assert found["file"] == str(written)
    assert dict(read_tuned(written)["metered"].found) == found["parameters"]
    assert output.startswith("SIMULATED trips")
    assert tuning_home.running_mlflow_runs() == []


def test_an_interrupted_command_says_how_to_go_on(tuning_home: Home) -> None:
    with started(tuning_home, "--months", "2", "--trials", "1000") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Encoding"):
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=TIME_LIMIT)
    assert process.returncode == 130, errors
    assert f"tuning of {THROUGH} was not finished" in errors
    assert "run it again to go on from there" in errors
    assert tuning_home.running_mlflow_runs() == []
