"""MLflow, through dagster-mlflow behind an adapter of the project's own.

One MLflow run stands for one training of one model. It is opened and closed with the right status
inside the step that trains; whatever is logged later goes to it by its id and leaves it finished.
mlflow takes seconds to import, so it is imported where it is used.
"""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import filelock
import psutil

from duration_assets.errors import TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "nyc-taxi-experiment"
ARTIFACT_FOLDER = "mlartifacts"

_HOST_TAG = "duration_assets.host"
_PROCESS_TAG = "duration_assets.process"
_ANSWER_WITHIN = 5.0


class TrainingRun:
    """The MLflow run of a training that is going on."""

    def __init__(self, run_id: str, client: MlflowClient, tracker: Any) -> None:
        """Wrap a run that `Tracking.training_run` opened."""
        self.run_id = run_id
        self._client = client
        self._tracker = tracker

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log what the model was trained with."""
        self._tracker.log_params(dict(params))

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log figures."""
        self._tracker.log_metrics(dict(metrics))

    def log_history(self, name: str, values: Sequence[float]) -> None:
        """Log a metric by boosting round, counted from 1."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for step, value in enumerate(values, start=1)]
        for start in range(0, len(metrics), 1000):
            self._client.log_batch(self.run_id, metrics=metrics[start : start + 1000])

    def log_inputs(self, versions: Mapping[str, str], source: str) -> None:
        """Log the data versions of what the model was made from, as MLflow datasets.

        Args:
            versions: data version by partition name.
            source: where the trips were published.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Dataset(name, version[:36], "duration_assets", source),
                [InputTag("mlflow.data.context", "training")],
            )
            for name, version in versions.items()
        ]
        self._client.log_inputs(self.run_id, inputs)

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Log a file as an artifact."""
        self._tracker.log_artifact(str(path), folder)

    def log_bytes(self, content: bytes, path: str) -> None:
        """Log content as an artifact under a path."""
        _log_content(self._client, self.run_id, content, path)


class Tracking:
    """The MLflow store that models are logged to."""

    def __init__(
        self, tracking_uri: str, *, home: Path, ui_url: str, experiment: str = EXPERIMENT
    ) -> None:
        """Remember where the store is; nothing is opened.

        Args:
            tracking_uri: MLflow's own notation.
            home: holds the lock, and for a local store the artifacts.
            ui_url: the address of MLflow's web UI.
            experiment: what the runs belong to.
        """
        self.tracking_uri = tracking_uri
        self.home = home
        self.ui_url = ui_url
        self.experiment = experiment

    def prepare(self) -> None:
        """Make the store and the experiment if they are not there, one process at a time.

        Raises:
            TrackingError: if a tracking server does not answer.
        """
        self._check_server()
        self.home.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self.home / ".mlflow.lock"), _explained(self.tracking_uri):
            _import_mlflow()
            store = self._store_with_artifacts() or self._client()
            if store.get_experiment_by_name(self.experiment) is None:
                store.create_experiment(self.experiment)

    @contextmanager
    def training_run(
        self,
        *,
        run_name: str,
        dagster_run_id: str,
        job_name: str,
        log: Any,
        tags: Mapping[str, str],
    ) -> Iterator[TrainingRun]:
        """Open an MLflow run for one training, and end it as the training ends.

        Raises:
            TrackingError: if MLflow cannot be reached or refuses what is logged.
        """
        self.prepare()
        mlflow = _import_mlflow()
        client = self._client()
        with _explained(self.tracking_uri):
            run_id = client.create_run(
                self._experiment_id(client),
                run_name=run_name,
                tags={**tags, "dagster_job": job_name, **_process_tags()},
            ).info.run_id
        status = "FAILED"
        before = mlflow.get_tracking_uri()
        try:
            with _explained(self.tracking_uri):
                tracker = self._dagster_mlflow(run_id, dagster_run_id, run_name, log)
                yield TrainingRun(run_id, client, tracker)
            status = "FINISHED"
        except Exception as error:
            # Dagster turns a signal into an exception of its own.
            if type(error).__name__ == "DagsterExecutionInterruptedError":
                status = "KILLED"
            raise
        except BaseException:
            status = "KILLED"
            raise
        finally:
            while mlflow.active_run() is not None:
                mlflow.end_run(status)
            if client.get_run(run_id).info.status == "RUNNING":
                client.set_terminated(run_id, status)
            mlflow.set_tracking_uri(before)

    def log_evaluation(
        self,
        run_id: str,
        *,
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        images: Mapping[str, bytes],
    ) -> None:
        """Log to a run by its id, which leaves a finished run finished.

        Args:
            run_id: the run of the model's training.
            metrics: figures.
            tags: texts; what may change when it is done again is a tag, never a param.
            images: PNG files by artifact path.
        """
        client = self._client()
        with _explained(self.tracking_uri):
            for name, value in metrics.items():
                client.log_metric(run_id, name, value)
            for name, text in tags.items():
                client.set_tag(run_id, name, text)
            for path, content in images.items():
                _log_content(client, run_id, content, path)

    def run_url(self, run_id: str) -> str:
        """Return the page of a run in MLflow's web UI."""
        return f"{self.ui_url}/#/experiments/{self._experiment_id(self._client())}/runs/{run_id}"

    def close_abandoned_runs(self) -> list[str]:
        """End the running runs of processes of this machine that are gone.

        Returns:
            The ids of the runs that were ended.
        """
        client = self._client()
        experiment = client.get_experiment_by_name(self.experiment)
        if experiment is None:
            return []
        running = client.search_runs(
            [experiment.experiment_id], f"tags.`{_HOST_TAG}` = '{socket.gethostname()}'"
        )
        abandoned = [
            run.info.run_id
            for run in running
            if run.info.status == "RUNNING" and not _is_alive(run.data.tags[_PROCESS_TAG])
        ]
        for run_id in abandoned:
            client.set_tag(run_id, "duration_assets.ended", "its process was gone")
            client.set_terminated(run_id, "KILLED")
        return abandoned

    def _client(self) -> MlflowClient:
        client: MlflowClient = _import_mlflow().MlflowClient(self.tracking_uri)
        return client

    def _experiment_id(self, client: MlflowClient) -> str:
        experiment = client.get_experiment_by_name(self.experiment)
        if experiment is None:
            raise TrackingError(
                f"MLflow has no experiment {self.experiment}: was its store replaced while this "
                "ran? Run it again."
            )
        return str(experiment.experiment_id)

    def _store_with_artifacts(self) -> Any:
        """Return a local store that gives an experiment a folder by its number, as a server does.

        MLflow's client would put the artifacts into the working folder.
        """
        if not self.tracking_uri.startswith("sqlite:"):
            return None
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        return SqlAlchemyStore(self.tracking_uri, str(self.home / ARTIFACT_FOLDER))

    def _dagster_mlflow(self, run_id: str, dagster_run_id: str, run_name: str, log: Any) -> Any:
        """Make dagster-mlflow's own object for a run that exists: it then searches for none."""
        from dagster_mlflow.resources import MlFlow

        config = {
            "experiment_name": self.experiment,
            "mlflow_tracking_uri": self.tracking_uri,
            "mlflow_run_id": run_id,
            "env": {},
            "extra_tags": {},
        }
        context = SimpleNamespace(
            log=log,
            # dagster-mlflow names the run after the job.
            dagster_run=SimpleNamespace(job_name=run_name),
            run_id=dagster_run_id,
            resource_config=config,
        )
        with _without_beta_warnings():
            return MlFlow(context)

    def _check_server(self) -> None:
        """Ask a tracking server for a sign of life; MLflow's own client would try for minutes."""
        if not self.tracking_uri.startswith(("http://", "https://")):
            return
        try:
            # This page asks for no password, and urlopen cannot read one from an address.
            address = _host_of(self.tracking_uri).rstrip("/")
            urlopen(f"{address}/health", timeout=_ANSWER_WITHIN).close()
        except (URLError, OSError) as error:
            raise TrackingError(
                f"MLflow cannot be reached at {_host_of(self.tracking_uri)} ({error}): start its "
                "server, or unset MLFLOW_TRACKING_URI to log to the home folder."
            ) from error


def _log_content(client: MlflowClient, run_id: str, content: bytes, path: str) -> None:
    """Log content as an artifact under a path."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / Path(path).name
        file.write_bytes(content)
        client.log_artifact(run_id, str(file), str(Path(path).parent))


def _import_mlflow() -> Any:
    """Import mlflow and dagster-mlflow, without what they say at import and of their progress."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with _without_beta_warnings():
        import dagster_mlflow  # noqa: F401
        import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return mlflow


@contextmanager
def _without_beta_warnings() -> Iterator[None]:
    """Keep quiet that dagster-mlflow calls itself a beta: it is used knowingly."""
    from dagster._utils.warnings import BetaWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)
        yield


@contextmanager
def _explained(tracking_uri: str) -> Iterator[None]:
    """Turn MLflow's errors into one clear message."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise TrackingError(
            f"MLflow at {_host_of(tracking_uri)} refused what was logged: {error}. "
            "See docs/operations.md on MLflow's store."
        ) from error


def _host_of(uri: str) -> str:
    """Return an address without user and password."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _process_tags() -> dict[str, str]:
    process = psutil.Process()
    return {
        _HOST_TAG: socket.gethostname(),
        _PROCESS_TAG: f"{process.pid} {process.create_time():.2f}",
    }


def _is_alive(process: str) -> bool:
    """Say whether the process that a run was tagged with is still the one with that number."""
    number, started = process.split()
    try:
        return f"{psutil.Process(int(number)).create_time():.2f}" == started
    except psutil.NoSuchProcess:
        return False
