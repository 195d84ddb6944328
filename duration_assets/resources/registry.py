"""MLflow's registry of models: which version has which alias, and a version's files in the home.

Nothing here needs Dagster, and MLflow is imported where it is asked.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import filelock

from duration_assets.addresses import without_secrets
from duration_assets.errors import RegistryError
from duration_assets.modelling.model import BOOSTER_FILE
from duration_assets.months import Month
from duration_assets.resources.mlflow_access import connected, local_database

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from duration_assets.settings import Settings

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
"""The aliases: the version in use, the last one that wanted to be, and the one in use before."""

REGISTERED_FOLDER = "registered"
_ABSENT = "RESOURCE_DOES_NOT_EXIST"


@dataclass(frozen=True)
class RegisteredModel:
    """A version in MLflow's registry.

    Attributes:
        name: of the registered model, `green-metered-duration`.
        version: counts its versions from 1.
        run_id: the MLflow run of its training.
        service: whose trips it predicts.
        feature_set: what it is told of them.
        training_month: the last month that it has seen.
        simulated: whether any simulated trip went into it.
    """

    name: str
    version: int
    run_id: str
    service: str
    feature_set: str
    training_month: Month
    simulated: bool


class Registry:
    """The registered models of an MLflow store, and a home that keeps the files of some."""

    def __init__(self, tracking_uri: str, *, home: Path) -> None:
        """Remember where the store is; nothing is opened.

        Args:
            tracking_uri: MLflow's own notation.
            home: keeps the files of the versions that are asked for, in `registered`.
        """
        self.tracking_uri = tracking_uri
        self.home = home
        self._known: dict[tuple[str, int, str], RegisteredModel] = {}

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the one that the settings name."""
        return cls(settings.tracking_uri, home=settings.home)

    def holder_of(self, name: str, alias: str) -> RegisteredModel | None:
        """Return the version that has an alias, None if none has it or nothing is registered.

        Args:
            name: as of `registered_name`.
            alias: `CHAMPION`, `CHALLENGER` or `PREVIOUS`.

        Raises:
            TrackingError: if MLflow cannot be reached.
            RegistryError: if the version was not registered by a training of this project.
        """
        if not self._is_there():
            return None
        with connected(self.tracking_uri) as client:
            found = registered(client, name)
            version = found.aliases.get(alias) if found is not None else None
            return None if version is None else self._described(client, name, int(version))

    def version_of_run(self, name: str, run_id: str) -> RegisteredModel:
        """Return the version that a training registered.

        Args:
            name: as of `registered_name`.
            run_id: the MLflow run of the training.

        Raises:
            TrackingError: if MLflow cannot be reached.
            RegistryError: if there is none.
        """
        listed = []
        if self._is_there():
            with connected(self.tracking_uri) as client:
                asked = f"name = '{name}' and run_id = '{run_id}'"
                listed = [
                    self._described(client, name, int(found.version))
                    for found in client.search_model_versions(asked)
                ]
        if not listed:
            raise RegistryError(
                f"{name} has no version of the MLflow run {run_id} at "
                f"{without_secrets(self.tracking_uri)}: was it deleted, or was the model trained "
                "with another MLFLOW_TRACKING_URI? Train its month again with --force."
            )
        return listed[0]

    def version(self, name: str, number: int) -> RegisteredModel:
        """Return a version by its number.

        Raises:
            TrackingError: if MLflow cannot be reached.
            RegistryError: if there is none.
        """
        numbers = self.numbers(name)
        if number in numbers:
            with connected(self.tracking_uri) as client:
                return self._described(client, name, number)
        there = f"has {len(numbers)}, up to {numbers[-1]}" if numbers else "has none yet"
        raise RegistryError(f"{name} has no version {number}: it {there}.")

    def numbers(self, name: str) -> list[int]:
        """Return the versions that there are, in order.

        Raises:
            TrackingError: if MLflow cannot be reached.
        """
        if not self._is_there():
            return []
        with connected(self.tracking_uri) as client:
            found = client.search_model_versions(f"name = '{name}'", max_results=10_000)
            return sorted(int(each.version) for each in found)

    def folder_of(self, model: RegisteredModel) -> Path:
        """Return a folder with a version's plain files, for `DurationModel.load`.

        They are fetched once, and never again: a version of a run does not change. The number
        alone would not do: another MLflow store, or a registered model that was deleted and made
        again, counts from 1 too. Several processes may ask at once.

        Raises:
            TrackingError: if MLflow cannot be reached.
            RegistryError: if the version's files are no longer in MLflow.
        """
        place = self.home / REGISTERED_FOLDER / model.name
        folder = place / f"{model.version}-{model.run_id}"
        if folder.is_dir():
            return folder
        place.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(place / f".{folder.name}.lock"):
            if not folder.is_dir():
                self._fetch(model, folder)
        return folder

    def _fetch(self, model: RegisteredModel, folder: Path) -> None:
        """Fetch a version's files into a folder that is not there before all of them are."""
        scratch = folder.with_name(f".{folder.name}.fetched")
        # What a process left that was killed.
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            with connected(self.tracking_uri) as client:
                import mlflow

                # MLflow looks for the addresses of models where the process speaks to.
                mlflow.set_tracking_uri(client.tracking_uri)
                uri = f"models:/{model.name}/{model.version}"
                mlflow.artifacts.download_artifacts(uri, dst_path=str(scratch))
            for booster in scratch.rglob(BOOSTER_FILE):
                booster.parent.rename(folder)
                return
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        raise RegistryError(
            f"The files of {model.name}, version {model.version}, are no longer in MLflow: train "
            f"{model.training_month} again with --force."
        )

    def _described(self, client: MlflowClient, name: str, version: int) -> RegisteredModel:
        """Return a version with what its run says of it, which is asked once for each run."""
        run_id = client.get_model_version(name, str(version)).run_id
        if run_id is None:
            raise RegistryError(
                f"Version {version} of {name} was not registered by a training of this "
                "project: it belongs to no MLflow run. Delete the version in MLflow."
            )
        key = (name, version, run_id)
        if key not in self._known:
            self._known[key] = _described(name, version, client.get_run(run_id))
        return self._known[key]

    def _is_there(self) -> bool:
        """Say whether there may be a store; MLflow would make a local one that is looked into."""
        database = local_database(self.tracking_uri)
        return database is None or database.is_file()


def registered_name(service: str, feature_set: str) -> str:
    """Return the name of a service's models of a feature set in MLflow's registry."""
    return f"{service}-{feature_set}-duration"


def registered(client: MlflowClient, name: str) -> Any:
    """Return MLflow's own description of a registered model, None if there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != _ABSENT:
            raise
        return None


def _described(name: str, version: int, run: Any) -> RegisteredModel:
    tags = run.data.tags
    try:
        return RegisteredModel(
            name=name,
            version=version,
            run_id=run.info.run_id,
            service=tags["service"],
            feature_set=tags["feature_set"],
            training_month=Month.parse(tags["training_month"]),
            simulated=tags["simulated"] == "true",
        )
    except KeyError as missing:
        raise RegistryError(
            f"Version {version} of {name} was not registered by a training of this project: its "
            f"MLflow run {run.info.run_id} has no tag {missing}. Delete the version in MLflow."
        ) from None
