from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from duration_assets.errors import TrackingError
from duration_assets.resources.mlflow_access import (
    import_mlflow,
    speaking_to,
    variables_in_place,
)
from duration_assets.resources.run_owner import OWNER_TAG
from duration_assets.resources.tracking import EXPERIMENT, Tracking
from duration_assets.resources.training_run import TrainingRun
from duration_assets_tests.homes import ReadableTracking

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


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all: making one takes seconds."""
    return tmp_path_factory.mktemp("home")


def tracking_in(home: Path) -> ReadableTracking:
    return ReadableTracking(f"sqlite:///{home / 'mlflow.db'}", home=home, ui_url="http://here")


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


def test_asking_mlflow_does_not_import_dagster() -> None:
    code = (
        "import sys; from duration_assets.resources.registry import Registry; "
        "from duration_assets.resources.mlflow_access import import_mlflow; import_mlflow(); "
        "print(sorted({'mlflow', 'dagster', 'dagster_mlflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['mlflow']"


def test_two_months_in_one_process_and_a_retry_with_other_params_get_runs_of_their_own(
    home: Path,
) -> None:
    tracking = tracking_in(home)
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
    artifacts = home / "mlartifacts" / runs[0].info.experiment_id / ids[0] / "artifacts"
    assert runs[0].info.artifact_uri.removeprefix("file://") == str(artifacts)


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("no"), "FAILED"), (KeyboardInterrupt(), "KILLED")]
)
def test_a_step_that_fails_or_is_interrupted_ends_its_run_with_that_status(
    error: BaseException, status: str, home: Path
) -> None:
    tracking = tracking_in(home)
    ids = []

    def fail() -> None:
        with training(tracking) as run:
            ids.append(run.run_id)
            raise error

    with pytest.raises(type(error)):
        fail()
    assert tracking._client().get_run(ids[0]).info.status == status


def test_what_is_logged_afterwards_leaves_a_finished_run_as_it_ended(home: Path) -> None:
    tracking = tracking_in(home)
    with training(tracking) as run:
        pass
    before = tracking._client().get_run(run.run_id).info
    for rmse in (5.0, 4.0):
        tracking.log_evaluation(
            run.run_id,
            metrics={"rmse": rmse},
            tags={"validation_month": "2023-02"},
            files={"evaluation/errors.png": b"png"},
        )
    after = tracking._client().get_run(run.run_id)
    assert (after.info.status, after.info.end_time) == ("FINISHED", before.end_time)
    assert after.data.metrics["rmse"] == 4.0
    assert tracking.run_url(run.run_id).endswith(f"/runs/{run.run_id}")


def test_inputs_are_logged_as_datasets_with_their_data_versions(home: Path) -> None:
    tracking = tracking_in(home)
    with training(tracking) as run:
        run.log_inputs({"green/raw_trips@2023-01": "f" * 64}, "source")
    inputs = tracking._client().get_run(run.run_id).inputs
    assert inputs is not None
    (logged,) = inputs.dataset_inputs
    assert (logged.dataset.name, logged.dataset.digest) == ("green/raw_trips@2023-01", "f" * 36)


def test_a_killed_step_is_found_and_its_run_closed_but_a_living_one_is_left(
    home: Path,
) -> None:
    tracking = tracking_in(home)
    tracking.prepare()
    with start(home, "killed", 60) as killed, start(home, "alive", 60) as alive:
        assert killed.stdout is not None
        assert alive.stdout is not None
        killed_id, alive_id = killed.stdout.readline().strip(), alive.stdout.readline().strip()
        killed.kill()
        # Dead, but not yet asked for its end by its parent: a zombie.
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
        try:
            assert tracking.close_abandoned_runs() == [killed_id]
            assert tracking.close_abandoned_runs() == []
            assert tracking._client().get_run(killed_id).info.status == "KILLED"
            assert tracking._client().get_run(alive_id).info.status == "RUNNING"
        finally:
            os.kill(alive.pid, signal.SIGINT)
    assert tracking._client().get_run(alive_id).info.status == "KILLED"


def test_a_run_is_closed_also_if_its_training_was_on_a_host_of_another_name(
    home: Path,
) -> None:
    tracking = tracking_in(home)
    tracking.prepare()
    with training(tracking):
        (here,) = tracking._owners.iterdir()
        assert tracking.close_abandoned_runs() == []
    assert list(tracking._owners.iterdir()) == []
    client = tracking._client()
    (experiment,) = client.search_experiments(filter_string=f"name = '{EXPERIMENT}'")
    there = here.with_name("container-before-1-abc")
    there.touch()
    run_id = client.create_run(experiment.experiment_id, tags={OWNER_TAG: there.name}).info.run_id
    assert tracking.close_abandoned_runs() == [run_id]
    assert client.get_run(run_id).info.status == "KILLED"


def test_a_run_that_could_not_be_ended_is_closed_later(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracking = tracking_in(home)

    def lose_the_store() -> None:
        with training(tracking) as run:
            ids.append(run.run_id)
            (home / "mlflow.db").rename(home / "away.db")
            raise ValueError("the training's own")

    ids: list[str] = []
    with pytest.raises(ValueError, match="the training's own"):
        lose_the_store()
    assert "could not be ended as FAILED" in caplog.text
    (home / "away.db").rename(home / "mlflow.db")
    assert tracking._client().get_run(ids[0]).info.status == "RUNNING"
    assert tracking.close_abandoned_runs() == ids
    with training(tracking) as run:
        pass
    assert tracking._client().get_run(run.run_id).info.status == "FINISHED"


def test_a_run_that_somebody_else_started_in_this_process_is_neither_logged_to_nor_ended(
    home: Path,
) -> None:
    tracking = tracking_in(home)
    tracking.prepare()
    mlflow = import_mlflow()
    with speaking_to(tracking.tracking_uri) as address:
        mlflow.set_tracking_uri(address)
        mlflow.set_experiment(EXPERIMENT)
        with mlflow.start_run() as foreign:
            with pytest.raises(TrackingError, match=foreign.info.run_id), training(tracking):
                pass
            assert mlflow.active_run().info.run_id == foreign.info.run_id
            assert mlflow.get_run(foreign.info.run_id).info.status == "RUNNING"
    logged = tracking._client().get_run(foreign.info.run_id).data
    assert (logged.params, "a" in logged.tags) == ({}, False)


@pytest.mark.parametrize("before", [None, "sqlite:///somewhere-else.db"])
def test_the_process_speaks_to_the_mlflow_that_it_spoke_to_before(
    before: str | None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", before)
        monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "7")
    mlflow = import_mlflow()
    known = {name: text for name, text in os.environ.items() if name.startswith("MLFLOW_")}
    with training(tracking_in(home)):
        assert mlflow.get_tracking_uri() == f"sqlite:///{home / 'mlflow.db'}"
    assert known == {n: text for n, text in os.environ.items() if n.startswith("MLFLOW_")}
    assert mlflow.is_tracking_uri_set() == (before is not None)
    assert mlflow.tracking.fluent._active_experiment_id is None


def test_variables_are_there_before_a_run_and_gone_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "7")
    with variables_in_place("https://me:secret@there"):
        with_it = dict(os.environ)
    assert with_it["MLFLOW_TRACKING_URI"] == "https://there"
    assert with_it["MLFLOW_EXPERIMENT_ID"] == "7"
    assert with_it["MLFLOW_TRACKING_PASSWORD"] == "secret"
    assert "MLFLOW_TRACKING_PASSWORD" not in os.environ
    assert os.environ["MLFLOW_EXPERIMENT_ID"] == "7"


def test_what_the_user_set_for_mlflow_wins_over_the_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "6")
    import_mlflow()
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "6"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "60"


def test_four_trainings_at_once_on_a_new_store_get_four_finished_runs(tmp_path: Path) -> None:
    processes = [start(tmp_path, f"month-{number}", 0) for number in range(4)]
    outcomes = [process.communicate(timeout=180)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    runs = [tracking_in(tmp_path)._client().get_run(run_id) for run_id in outcomes]
    assert {run.info.run_id for run in runs} == set(outcomes)
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {run.data.params["name"] for run in runs} == {f"month-{n}" for n in range(4)}


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("postgresql://me:secret@127.0.0.1:9/mlflow", "needs the package psycopg"),
        ("file:///mlruns", "maintenance mode"),
        ("nonsense://me:secret@there", "nonsense://there did not do"),
    ],
)
def test_a_store_that_cannot_be_opened_is_named_without_its_password(
    uri: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(TrackingError, match=reason) as caught:
        Tracking(uri, home=tmp_path, ui_url="http://here").prepare()
    assert "secret" not in str(caught.value)
