"""A machine that stops in the middle of a run, and what the next start makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
import requests

from duration_assets.recovery import _GONE
from duration_assets_tests.answering import STALLED, Answer, AnsweringServer
from duration_assets_tests.mlflow_server import free_port
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


@contextmanager
def dev(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Serve until the block ends, and leave no process behind."""
    with subprocess.Popen(
        [sys.executable, "-m", "duration_assets", "dev"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        everything: list[psutil.Process] = []
        try:
            assert process.stdout is not None
            assert any(line.startswith("MLflow:") for line in process.stdout)
            everything = psutil.Process(process.pid).children(recursive=True)
            yield process
        finally:
            process.terminate()
            psutil.wait_procs(everything, timeout=60)


def launch(port: int, job: str, month: str) -> str:
    """Launch a run as the web UI does, and return its id."""
    selector = {
        "repositoryLocationName": "duration_assets.definitions",
        "repositoryName": "__repository__",
        "jobName": job,
    }
    tags = [{"key": "dagster/partition", "value": month}]
    params: Any = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": tags}}
    answer = requests.post(
        f"http://127.0.0.1:{port}/graphql",
        json={"query": LAUNCH, "variables": {"params": params}},
        timeout=60,
    ).json()
    launched = answer["data"]["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return str(launched["run"]["runId"])


def stop_the_machine(process: subprocess.Popen[str]) -> None:
    """Kill everything at once, so that nobody can say or write a last word."""
    root = psutil.Process(process.pid)
    everything = [root, *root.children(recursive=True)]
    for each in everything:
        with suppress(psutil.NoSuchProcess):
            os.kill(each.pid, signal.SIGSTOP)
    for each in [*everything, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(everything, timeout=60)


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
    home, port = tmp_path / "home", free_port()
    content = published(simulated_folder(tmp_path / "files", JANUARY), JANUARY).read_bytes()
    environment = {
        **os.environ,
        "DURATION_HOME": str(home),
        "DURATION_SOURCE": f"{source.url}/{{service}}/{{month}}.parquet",
        "DURATION_SOURCE_TIMEOUT": "600",
        "DURATION_FIRST_MONTH": "2023-01",
        # No model is trained on what is landed here.
        "DURATION_LAST_MONTH": "2023-01",
        "DURATION_DAGSTER_PORT": str(port),
        "DURATION_MLFLOW_PORT": str(free_port()),
    }
    source.answer = lambda path, count: STALLED
    with dev(environment) as first:
        run_id = launch(port, "green_data", "2023-01")
        # The source's sensor asks too, before the run does.
        while not (home / ".runs" / run_id).exists():
            assert first.poll() is None
            time.sleep(0.2)
        wait_for_a_run(home, dg.DagsterRunStatus.STARTED, retried=False)
        stop_the_machine(first)
    wait_for_a_run(home, dg.DagsterRunStatus.STARTED, retried=False)
    source.answer = lambda path, count: Answer(200, (content,), len(content))
    with dev(environment):
        assert wait_for_a_run(home, dg.DagsterRunStatus.FAILURE, retried=False).run_id == run_id
        again = wait_for_a_run(home, dg.DagsterRunStatus.SUCCESS, retried=True)
    assert again.parent_run_id == run_id
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        said = [entry.message for entry in instance.all_logs(run_id)]
    assert any(_GONE in message for message in said)
