"""MLflow, through dagster-mlflow behind an adapter of the project's own.

One MLflow run stands for one training of one model. It is opened and closed with the right status
inside the step that trains; whatever is logged later goes to it by its id and leaves it finished.
mlflow takes seconds to import, so it is imported where it is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import filelock

from duration_assets.addresses import without_secrets
from duration_assets.errors import TrackingError
from duration_assets.resources.mlflow_access import (
    check_server,
    connected,
    end_run,
    import_mlflow,
    local_database,
    refuse_active_run,
    speaking_to,
    variables_in_place,
    without_beta_warnings,
)
from duration_assets.resources.run_owner import OWNER_TAG, Owner
from duration_assets.resources.search_run import SearchRun
from duration_assets.resources.training_run import TrainingRun, log_card, log_content, log_figures

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from duration_assets.settings import Settings

EXPERIMENT = "nyc-taxi-experiment"
ARTIFACT_FOLDER = "mlartifacts"

_PROCESS_GONE = "its process was gone"


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

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the store that the settings name."""
        return cls(settings.tracking_uri, home=settings.home, ui_url=settings.mlflow_ui)

    def may_be_new(self) -> bool:
        """Say whether the store has to be looked at to know if it is ready.

        A local store that is there is taken to be: MLflow need not be imported, which takes
        seconds, to find out that nothing is to be trained. A training prepares it in any case.
        """
        database = local_database(self.tracking_uri)
        return database is None or not database.is_file()

    def prepare(self) -> None:
        """Make the store and the experiment if they are not there, one process at a time.

        Raises:
            TrackingError: if a tracking server does not answer, or the store cannot be opened.
        """
        with speaking_to(self.tracking_uri) as address:
            check_server(address)
            with self._alone():
                store = self._store(address)
                if store.get_experiment_by_name(self.experiment) is None:
                    store.create_experiment(self.experiment)

    def beside_threads(self) -> AbstractContextManager[None]:
        """Return what a run is to be opened in while native code works on another thread."""
        return variables_in_place(self.tracking_uri)

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
            TrackingError: if MLflow cannot be reached or refuses what is logged, or if another
                MLflow run is active in this process, to which MLflow would log.
        """
        self.prepare()
        refuse_active_run()
        all_tags = {**tags, "dagster_job": job_name}
        with self._owned_run(run_name, all_tags, log) as (client, run_id, _):
            tracker = self._dagster_mlflow(client, run_id, dagster_run_id, run_name, log)
            yield TrainingRun(run_id, client, tracker)

    @contextmanager
    def search_run(
        self, *, run_name: str, log: Any, tags: Mapping[str, str]
    ) -> Iterator[SearchRun]:
        """Open an MLflow run for a search of parameters, and end it as the search ends.

        Raises:
            TrackingError: if MLflow cannot be reached or refuses what is logged.
        """
        self.prepare()
        with self._owned_run(run_name, tags, log) as (client, run_id, owner):
            yield SearchRun(run_id, client, {**tags, OWNER_TAG: owner.name})

    @contextmanager
    def _owned_run(
        self, run_name: str, tags: Mapping[str, str], log: Any
    ) -> Iterator[tuple[MlflowClient, str, Owner]]:
        """Open a run that is closed later, too, if this process is gone."""
        with ExitStack() as stack:
            client = stack.enter_context(connected(self.tracking_uri))
            with self._alone():
                owner = Owner.new(self._owners)
                stack.enter_context(owner.alive())
            run_id = client.create_run(
                self._experiment_id(client),
                run_name=run_name,
                tags={**tags, OWNER_TAG: owner.name},
            ).info.run_id
            status = "KILLED"
            try:
                yield client, run_id, owner
                status = "FINISHED"
            except Exception:
                status = "FAILED"
                raise
            finally:
                end_run(client, run_id, status, owner, log)

    def log_evaluation(
        self,
        run_id: str,
        *,
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        files: Mapping[str, bytes],
    ) -> None:
        """Log to a run by its id, which leaves a finished run finished.

        Args:
            run_id: the run of the model's training.
            metrics: figures.
            tags: texts; what may change when it is done again is a tag, never a param.
            files: their content by artifact path.
        """
        with connected(self.tracking_uri) as client:
            log_figures(client, run_id, metrics, tags)
            for path, content in files.items():
                log_content(client, run_id, content, path)

    def log_card(self, run_id: str, card: str, beginning: str) -> None:
        """Replace the card of a run's model, which leaves a finished run finished.

        Args:
            run_id: the run of the model's training.
            card: the whole card.
            beginning: what of it becomes a description.
        """
        with connected(self.tracking_uri) as client:
            log_card(client, run_id, card, beginning)

    def run_url(self, run_id: str) -> str:
        """Return the page of a run in MLflow's web UI."""
        with connected(self.tracking_uri) as client:
            experiment_id = self._experiment_id(client)
        return f"{self.ui_url}/#/experiments/{experiment_id}/runs/{run_id}"

    def close_abandoned_runs(self) -> list[str]:
        """End the running runs of this home's trainings that are gone.

        Returns:
            The ids of the runs that were ended.
        """
        closed: list[str] = []
        with self._alone():
            gone = [owner for owner in Owner.all_in(self._owners) if owner.is_gone()]
            if gone:
                with connected(self.tracking_uri) as client:
                    for owner in gone:
                        closed += self._close_runs_of(owner, client)
                        owner.forget()
        return closed

    def _close_runs_of(self, owner: Owner, client: MlflowClient) -> list[str]:
        found = client.search_runs(
            [self._experiment_id(client)],
            f"tags.`{OWNER_TAG}` = '{owner.name}' and attributes.status = 'RUNNING'",
        )
        ids = [run.info.run_id for run in found]
        for run_id in ids:
            client.set_tag(run_id, "duration_assets.ended", _PROCESS_GONE)
            client.set_terminated(run_id, "KILLED")
        return ids

    @property
    def _owners(self) -> Path:
        """Where the owners of this store's runs are: a home can be pointed at another store."""
        store = hashlib.sha256(without_secrets(self.tracking_uri).encode()).hexdigest()[:8]
        return self.home / ".trainings" / store

    def _alone(self) -> filelock.BaseFileLock:
        """Return the lock under which a home's store and owners are made and cleared up."""
        self.home.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(self.home / ".mlflow.lock")

    def _experiment_id(self, client: MlflowClient) -> str:
        experiment = client.get_experiment_by_name(self.experiment)
        if experiment is None:
            raise TrackingError(
                f"MLflow has no experiment {self.experiment}: was its store replaced while this "
                "ran? Run it again."
            )
        return str(experiment.experiment_id)

    def _store(self, address: str) -> Any:
        """Return a store that gives a new experiment a folder in the home, as `dev` does.

        MLflow's client would put the artifacts of a local store into the working folder.
        """
        if not address.startswith("sqlite:"):
            try:
                return import_mlflow().MlflowClient(address)
            except ModuleNotFoundError as error:
                raise TrackingError(
                    f"MLflow's store at {without_secrets(address)} needs the package "
                    f"{error.name}: install it."
                ) from error
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        return SqlAlchemyStore(address, str(self.home / ARTIFACT_FOLDER))

    def _dagster_mlflow(
        self, client: MlflowClient, run_id: str, dagster_run_id: str, run_name: str, log: Any
    ) -> Any:
        """Make dagster-mlflow's own object for a run that exists: it then searches for none."""
        config = {
            "experiment_name": self.experiment,
            "mlflow_tracking_uri": client.tracking_uri,
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
            from dagster_mlflow.resources import MlFlow

            return MlFlow(context)
