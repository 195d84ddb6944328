from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from duration_assets.errors import TrackingError
from duration_assets.resources.tracking import Tracking
from duration_assets.resources.training_run import TrainingRun

RUN_AND_WAIT = """
import logging, sys, time
from pathlib import Path
from duration_assets.resources.tracking import Tracking
home, name, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
tracking = Tracking(f"sqlite:///{home / 'mlflow.db'}", home=home, ui_url="http://here")
with tracking.training_run(
    run_name=name, dagster_run_id=name, job_name="job", log=logging.getLogger(), tags={}
) as run:
    run.log_params({"name": name})
    print(run.run_id, flush=True)
    time.sleep(seconds)
"""


def tracking_in(home: Path) -> Tracking:
    return Tracking(f"sqlite:///{home / 'mlflow.db'}", home=home, ui_url="http://here")


@contextmanager
def training(tracking: Tracking, name: str = "green/metered/2023-01") -> Iterator[TrainingRun]:
    with tracking.training_run(
        run_name=name, dagster_run_id="d", job_name="job", log=logging.getLogger(), tags={"a": "b"}
    ) as run:
        yield run


def start(home: Path, name: str, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN_AND_WAIT, str(home), name, str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_importing_the_resource_does_not_import_mlflow() -> None:
    code = "import sys, duration_assets.resources.tracking; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_two_months_in_one_process_and_a_retry_with_other_params_get_runs_of_their_own(
    tmp_path: Path,
) -> None:
    tracking = tracking_in(tmp_path)
    ids = []
    for month, depth in (("2023-01", 1), ("2023-02", 1), ("2023-01", 2)):
        with training(tracking, f"green/metered/{month}") as run:
            run.log_params({"depth": depth})
            ids.append(run.run_id)
    runs = [tracking._client().get_run(run_id) for run_id in ids]
    assert len(set(ids)) == 3
    assert [run.info.run_name for run in runs] == [
        "green/metered/2023-01",
        "green/metered/2023-02",
        "green/metered/2023-01",
    ]
    assert [run.data.params["depth"] for run in runs] == ["1", "1", "2"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    artifacts = tmp_path / "mlartifacts" / runs[0].info.experiment_id / ids[0] / "artifacts"
    assert runs[0].info.artifact_uri.removeprefix("file://") == str(artifacts)


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("no"), "FAILED"), (KeyboardInterrupt(), "KILLED")]
)
def test_a_step_that_fails_or_is_interrupted_ends_its_run_with_that_status(
    error: BaseException, status: str, tmp_path: Path
) -> None:
    tracking = tracking_in(tmp_path)
    ids = []

    def fail() -> None:
        with training(tracking) as run:
            ids.append(run.run_id)
            raise error

    with pytest.raises(type(error)):
        fail()
    assert tracking._client().get_run(ids[0]).info.status == status


def test_what_is_logged_afterwards_leaves_a_finished_run_as_it_ended(tmp_path: Path) -> None:
    tracking = tracking_in(tmp_path)
    with training(tracking) as run:
        pass
    before = tracking._client().get_run(run.run_id).info
    for rmse in (5.0, 4.0):
        tracking.log_evaluation(
            run.run_id,
            metrics={"rmse": rmse},
            tags={"validation_month": "2023-02"},
            images={"evaluation/errors.png": b"png"},
        )
    after = tracking._client().get_run(run.run_id)
    assert (after.info.status, after.info.end_time) == ("FINISHED", before.end_time)
    assert after.data.metrics["rmse"] == 4.0
    assert tracking.run_url(run.run_id).endswith(f"/runs/{run.run_id}")


def test_inputs_are_logged_as_datasets_with_their_data_versions(tmp_path: Path) -> None:
    tracking = tracking_in(tmp_path)
    with training(tracking) as run:
        run.log_inputs({"green/raw_trips@2023-01": "f" * 64}, "source")
    inputs = tracking._client().get_run(run.run_id).inputs
    assert inputs is not None
    (logged,) = inputs.dataset_inputs
    assert (logged.dataset.name, logged.dataset.digest) == ("green/raw_trips@2023-01", "f" * 36)


def test_a_killed_step_is_found_and_its_run_closed_but_a_living_one_is_left(
    tmp_path: Path,
) -> None:
    tracking = tracking_in(tmp_path)
    tracking.prepare()
    with start(tmp_path, "killed", 60) as killed, start(tmp_path, "alive", 60) as alive:
        assert killed.stdout is not None
        assert alive.stdout is not None
        killed_id, alive_id = killed.stdout.readline().strip(), alive.stdout.readline().strip()
        killed.kill()
        killed.wait()
        try:
            assert tracking.close_abandoned_runs() == [killed_id]
            assert tracking._client().get_run(killed_id).info.status == "KILLED"
            assert tracking._client().get_run(alive_id).info.status == "RUNNING"
        finally:
            os.kill(alive.pid, signal.SIGINT)
    assert tracking._client().get_run(alive_id).info.status == "KILLED"


def test_four_trainings_at_once_on_a_new_store_get_four_finished_runs(tmp_path: Path) -> None:
    processes = [start(tmp_path, f"month-{number}", 0) for number in range(4)]
    outcomes = [process.communicate(timeout=180)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    runs = [tracking_in(tmp_path)._client().get_run(run_id) for run_id in outcomes]
    assert {run.info.run_id for run in runs} == set(outcomes)
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {run.data.params["name"] for run in runs} == {f"month-{n}" for n in range(4)}


def test_a_server_that_cannot_be_reached_is_named_at_once(tmp_path: Path) -> None:
    tracking = Tracking("http://user:secret@127.0.0.1:9", home=tmp_path, ui_url="http://here")
    began = time.monotonic()
    with pytest.raises(
        TrackingError, match=r"cannot be reached at http://127\.0\.0\.1:9"
    ) as caught:
        tracking.prepare()
    assert time.monotonic() - began < 15
    assert "secret" not in str(caught.value)


def test_a_server_with_a_password_in_its_address_is_found_alive(tmp_path: Path) -> None:
    asked: list[str] = []

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        uri = f"http://me:secret@127.0.0.1:{server.server_address[1]}"
        Tracking(uri, home=tmp_path, ui_url="http://here")._check_server()
        answering.join()
    assert asked == ["/health"]
