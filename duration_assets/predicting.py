"""Predictions for a file of trips: which model predicts, and the file that is written.

Asking the registry, reading, predicting and writing are put together here; the command and the
asset say where from and where to. Knows no Dagster.
"""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from duration_assets.addresses import without_secrets
from duration_assets.errors import BadFileError, NoChampionError, SettingsError
from duration_assets.modelling.batch_predictions import (
    PREDICTION_SCHEMA,
    REPEATING,
    BatchSummary,
    Tally,
    predicted_batches,
    rides_of,
)
from duration_assets.modelling.published_rows import PublishedRows, ending_of, open_rows
from duration_assets.months import Month
from duration_assets.progress import Report
from duration_assets.resources.registry import (
    CHAMPION,
    RegisteredModel,
    Registry,
    registered_name,
)
from duration_assets.resources.store import Store
from duration_assets.resources.table_files import check_place, writing_table
from duration_assets.settings import Settings
from duration_assets.simulation import SIMULATED_KEY

if TYPE_CHECKING:
    from duration_assets.modelling.model import DurationModel
    from duration_assets.resources.partition import Partition

_MONTH_IN_NAME = re.compile(r"(?<!\d)\d{4}-\d{2}(?!\d)")


@dataclass(frozen=True)
class ChosenModel:
    """The model that is to predict.

    Attributes:
        registered: the version in MLflow's registry.
        folder: its plain files.
    """

    registered: RegisteredModel
    folder: Path

    @property
    def version(self) -> str:
        """What stands beside its predictions: `green-metered-duration/3`."""
        return version_name(self.registered.name, self.registered.version)


@dataclass(frozen=True)
class PredictedFile:
    """What became of a file of trips.

    Attributes:
        summary: counts, and errors where durations are known.
        simulated: whether the trips, or any that the model was trained on, are simulated.
    """

    summary: BatchSummary
    simulated: bool


def version_name(name: str, version: int) -> str:
    """Return what a version of a registered model is called beside its predictions."""
    return f"{name}/{version}"


def choose_model(
    settings: Settings,
    service: str,
    feature_set: str,
    *,
    version: int | None = None,
    training_month: Month | None = None,
) -> ChosenModel:
    """Find a model: the champion, unless another one is named.

    Args:
        settings: where the store and the registry are.
        service: the service.
        feature_set: the feature set.
        version: a version in MLflow's registry.
        training_month: the last month of the window of a model in the store.

    Raises:
        SettingsError: if two are named.
        NoChampionError: if none is named, and there is no champion.
        MissingPartitionError: if the store holds no model of that month.
        RegistryError: if the registry holds no such version.
        TrackingError: if MLflow cannot be reached.
    """
    registry, name = Registry.of(settings), registered_name(service, feature_set)
    if version is not None and training_month is not None:
        raise SettingsError("Name a model by its version or by its training month, not by both.")
    if training_month is not None:
        asset = f"{service}/{feature_set}/duration_model"
        store = Store(settings.home / "store")
        partition = store.require(asset, training_month, "this prediction")
        return ChosenModel(_registered(partition, registry, name), partition.folder)
    if version is not None:
        registered = registry.version(name, version)
        return ChosenModel(registered, registry.folder_of(registered))
    champion = champion_of(registry, name)
    if champion is None:
        raise NoChampionError(
            f"{name} has no champion yet: the asset champion decides on one after the first "
            "evaluation, or you do with `duration-prediction promote`. Or name a model with "
            "--training-month or --model-version."
        )
    return champion


def _registered(partition: Partition, registry: Registry, name: str) -> RegisteredModel:
    """Return the version that a model of the store is, as its training wrote it down.

    Where it did not, as it once was, or for another MLflow store, the registry is asked, which
    takes MLflow. A version that was deleted since is not missed: the model's files are here.
    """
    run_id, where = partition.summary["run_id"], partition.summary.get("registered_in")
    if where != without_secrets(registry.tracking_uri):
        return registry.version_of_run(name, run_id)
    service, feature_set, _ = partition.asset.split("/")
    return RegisteredModel(
        name=name,
        version=partition.summary["registered_version"],
        run_id=run_id,
        service=service,
        feature_set=feature_set,
        training_month=Month.parse(partition.month),
        simulated=partition.simulated,
    )


def champion_of(registry: Registry, name: str) -> ChosenModel | None:
    """Return the champion of a registered model, None if there is none.

    Its files are those in the store of the registry's home, if its training is still the month's
    model there: then nothing is fetched.

    Raises:
        TrackingError: if MLflow cannot be reached.
        RegistryError: if its files are in neither.
    """
    champion = registry.holder_of(name, CHAMPION)
    if champion is None:
        return None
    asset = f"{champion.service}/{champion.feature_set}/duration_model"
    found = Store(registry.home / "store").find(asset, champion.training_month)
    if found is not None and found.summary["run_id"] == champion.run_id:
        return ChosenModel(champion, found.folder)
    return ChosenModel(champion, registry.folder_of(champion))


def predict_file(
    chosen: ChosenModel, trips: Path, output: Path, report: Report, *, threads: int
) -> PredictedFile:
    """Predict every trip of a file, and write the predictions in place of what is there.

    Args:
        chosen: the model.
        trips: a Parquet or CSV file in TLC's columns.
        output: a Parquet or CSV file, with the columns of `PREDICTION_SCHEMA`.
        report: told how many trips are done.
        threads: threads to use.

    Raises:
        BadFileError: if the trips cannot be read, or are the file that is to be written.
        StoreError: if the predictions cannot be written.
    """
    from duration_assets.modelling.model import DurationModel

    ending_of(output)
    if output.resolve() == trips.resolve():
        raise BadFileError(f"{output} holds the trips: write the predictions to another file.")
    check_place(output)
    model = DurationModel.load(chosen.folder)
    rows = open_rows(trips, model.service, model.preprocessor.feature_set)
    simulated = rows.simulated or chosen.registered.simulated
    summary = write_predictions(
        model,
        rows,
        output,
        rides=_rides_in(trips),
        model_version=chosen.version,
        simulated=simulated,
        report=report,
        threads=threads,
    )
    return PredictedFile(summary, simulated)


def write_predictions(
    model: DurationModel,
    rows: PublishedRows,
    output: Path,
    *,
    rides: str,
    model_version: str,
    simulated: bool,
    report: Report,
    threads: int,
) -> BatchSummary:
    """Predict batch by batch, and write each batch at once.

    Args:
        model: the model.
        rows: the trips.
        output: the file.
        rides: what the ids of the rides begin with.
        model_version: stands beside each prediction.
        simulated: whether any trip behind this is; a Parquet file then says so.
        report: told how many trips are done.
        threads: threads to use.
    """
    tally = Tally(model.service)
    batches = predicted_batches(
        model,
        rows.batches(),
        tally,
        rides=rides,
        model_version=model_version,
        threads=threads,
    )
    marks = {SIMULATED_KEY: "true"} if simulated else {}
    with closing(batches), writing_table(output, PREDICTION_SCHEMA, marks, REPEATING) as write:
        for batch in batches:
            write(batch)
            report(tally.rows, rows.rows)
    return tally.summary()


def _rides_in(trips: Path) -> str:
    """Return what the ids of a file's rides begin with: its month if its name has one."""
    for text in _MONTH_IN_NAME.findall(trips.stem):
        try:
            return rides_of(Month.parse(text))
        except SettingsError:
            continue
    return trips.stem
