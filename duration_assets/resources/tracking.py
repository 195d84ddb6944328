"""MLflow, through dagster-mlflow behind an adapter of the project's own.

One MLflow run stands for one training of one model. It is opened and closed with the right status
inside the step that trains; whatever is logged later goes to it by its id and leaves it finished.
mlflow takes seconds to import, so it is imported where it is used.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen

import filelock

from duration_assets.addresses import without_secrets
from duration_assets.errors import TrackingError
from duration_assets.resources.mlflow_access import (
    explained,
    import_mlflow,
    without_beta_warnings,
)
from duration_assets.resources.run_owner import HOST_TAG, PROCESS_TAG, is_alive, process_tags
from duration_assets.resources.training_run import TrainingRun, log_content

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "nyc-taxi-experiment"
ARTIFACT_FOLDER = "mlartifacts"

_ANSWER_WITHIN = 5.0


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
        with filelock.FileLock(self.home / ".mlflow.lock"), explained(self.tracking_uri):
            import_mlflow()
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
        mlflow = import_mlflow()
        client = self._client()
        with explained(self.tracking_uri):
            run_id = client.create_run(
                self._experiment_id(client),
                run_name=run_name,
                tags={**tags, "dagster_job": job_name, **process_tags()},
            ).info.run_id
        status = "FAILED"
        before = mlflow.get_tracking_uri()
        try:
            with explained(self.tracking_uri):
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
        with explained(self.tracking_uri):
            for name, value in metrics.items():
                client.log_metric(run_id, name, value)
            for name, text in tags.items():
                client.set_tag(run_id, name, text)
            for path, content in images.items():
                log_content(client, run_id, content, path)

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
            [experiment.experiment_id], f"tags.`{HOST_TAG}` = '{socket.gethostname()}'"
        )
        abandoned = [
            run.info.run_id
            for run in running
            if run.info.status == "RUNNING" and not is_alive(run.data.tags[PROCESS_TAG])
        ]
        for run_id in abandoned:
            client.set_tag(run_id, "duration_assets.ended", "its process was gone")
            client.set_terminated(run_id, "KILLED")
        return abandoned

    def _client(self) -> MlflowClient:
        client: MlflowClient = import_mlflow().MlflowClient(self.tracking_uri)
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
        with without_beta_warnings():
            return MlFlow(context)

    def _check_server(self) -> None:
        """Ask a tracking server for a sign of life; MLflow's own client would try for minutes."""
        if not self.tracking_uri.startswith(("http://", "https://")):
            return
        # The page asks for no password, and urlopen cannot read one from an address.
        address = without_secrets(self.tracking_uri).rstrip("/")
        try:
            urlopen(f"{address}/health", timeout=_ANSWER_WITHIN).close()
        except (URLError, OSError) as error:
            raise TrackingError(
                f"MLflow cannot be reached at {address} ({error}): start its "
                "server, or unset MLFLOW_TRACKING_URI to log to the home folder."
            ) from error
