"""A machine that stops in the middle of a run, and what the next start makes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import requests

from duration_assets.recovery import _GONE
from duration_assets_tests.answering import STALLED, Answer, AnsweringServer
from duration_assets_tests.development import Development
from duration_assets_tests.months import JANUARY, published, simulated_folder

WITHIN = 240.0
LAUNCH = """mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}"""


@pytest.fixture
def source() -> Iterator[AnsweringServer]:
    server = AnsweringServer()
    yield server
    server.stop()


def launch(dagster: str, job: str, month: str) -> str:
    """Launch a run as the web UI does, and return its id."""
    selector = {
        "repositoryLocationName": "duration_assets.definitions",
        "repositoryName": "__repository__",
        "jobName": job,
    }
    tags = [{"key": "dagster/partition", "value": month}]
    params: Any = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": tags}}
    answer = requests.post(
        f"{dagster}/graphql",
        json={"query": LAUNCH, "variables": {"params": params}},
        timeout=60,
    ).json()
    launched = answer["data"]["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return str(launched["run"]["runId"])


def wait_for_a_run(home: Path, status: dg.DagsterRunStatus, *, retried: bool) -> dg.DagsterRun:
    """Wait for a first run, or for one that was started again, to get as far as `status`."""
    until = time.monotonic() + WITHIN
    while time.monotonic() < until:
        with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
            runs = instance.get_runs(dg.RunsFilter(job_name="green_data", statuses=[status]))
        for run in runs:
            if (run.parent_run_id is not None) is retried:
                return run
        time.sleep(1)
    raise AssertionError(f"no run is {status}")


@pytest.mark.daemon
@pytest.mark.soak
def test_a_run_that_a_crash_ended_is_found_at_the_next_start_and_started_again(
    tmp_path: Path, source: AnsweringServer
) -> None:
    home = tmp_path / "home"
    content = published(simulated_folder(tmp_path / "files", JANUARY), JANUARY).read_bytes()
    environment = {
        "DURATION_HOME": str(home),
        "DURATION_SOURCE": f"{source.url}/{{service}}/{{month}}.parquet",
        "DURATION_SOURCE_TIMEOUT": "600",
        "DURATION_FIRST_MONTH": "2023-01",
        # No model is trained on what is landed here.
        "DURATION_LAST_MONTH": "2023-01",
    }
    dev = Development(environment, tmp_path / "dev.log")
    source.answer = lambda path, count: STALLED
    try:
        dev.start()
        run_id = launch(dev.dagster, "green_data", "2023-01")
        # The source's sensor asks too, before the run does.
        while not (home / ".runs" / run_id).exists():
            assert dev.is_running
            time.sleep(0.2)
        wait_for_a_run(home, dg.DagsterRunStatus.STARTED, retried=False)
        dev.kill_everything()
        wait_for_a_run(home, dg.DagsterRunStatus.STARTED, retried=False)
        source.answer = lambda path, count: Answer(200, (content,), len(content))
        dev.start()
        assert wait_for_a_run(home, dg.DagsterRunStatus.FAILURE, retried=False).run_id == run_id
        again = wait_for_a_run(home, dg.DagsterRunStatus.SUCCESS, retried=True)
    finally:
        dev.end()
    assert again.parent_run_id == run_id
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        said = [entry.message for entry in instance.all_logs(run_id)]
    assert any(_GONE in message for message in said)
