"""A home for notebooks: its months, matrices, models and their errors, as pandas tables.

Only reading belongs here: nothing is made, fetched or changed. What is missing is named, with the
command that makes it. Knows no Dagster.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import polars as pl

from duration_assets.errors import HomeError
from duration_assets.modelling.cleaning import KEPT_FILE, REJECTED_FILE
from duration_assets.modelling.matrices import TRAINING
from duration_assets.modelling.matrix_files import FEATURES_FILE, StoredExamples
from duration_assets.modelling.trip_batches import MonthTrips
from duration_assets.months import Month
from duration_assets.resources.partition import Partition
from duration_assets.resources.store import Store
from duration_assets.services import Service, service_named
from duration_assets.setting_values import FEATURE_SETS
from duration_assets.settings import Settings, check_feature_set

if TYPE_CHECKING:
    import pandas as pd

    from duration_assets.modelling.intervals import Predictions
    from duration_assets.modelling.model import DurationModel

_BY_SERVICE = ("raw_trips", "cleaned_trips", "zone_statistics")
"""The assets that a service has once, and not for each feature set."""


@dataclass(frozen=True)
class Home:
    """What a home holds of one service and one feature set.

    A month can be given as a `Month` or as text, `2023-01`. A method that needs a partition which
    is not there raises a `MissingPartitionError` that names it.

    Attributes:
        folder: the home.
        source: where its months came from.
        service: the service.
        feature_set: the name of the feature set.
        tracking_uri: MLflow's store, with the registry of models.
    """

    folder: Path
    source: str
    service: Service
    feature_set: str
    tracking_uri: str

    @classmethod
    def open(
        cls,
        start: Path | str = ".",
        service: str | None = None,
        feature_set: str | None = None,
    ) -> Self:
        """Open the home that the settings name, to read from it.

        Args:
            start: the folder in which a relative `DURATION_HOME`, such as its default, starts.
            service: by default the first of the settings.
            feature_set: likewise.

        Raises:
            SettingsError: if a setting or an argument cannot be used.
            HomeError: if the home holds no month of the service.
        """
        with contextlib.chdir(start):
            settings = Settings.load()
        chosen = service_named(service or settings.services[0])
        feature_set = feature_set or settings.feature_sets[0]
        check_feature_set(chosen.name, feature_set)
        source = _source_of(settings.home)
        home = cls(settings.home, source, chosen, feature_set, settings.tracking_uri)
        if not home.months("cleaned_trips"):
            raise HomeError(
                f"The home {home.folder} holds no {chosen.name} month. {_how_to_fill()}"
            )
        return home

    def __str__(self) -> str:
        months = self.months("cleaned_trips")
        text = (
            f"{self.service.title}, {len(months)} months from {months[0]} to {months[-1]}, feature "
            f"set {self.feature_set}\nHome: {self.folder}\nFilled from: {self.source}"
        )
        warning = "\nThe trips are SIMULATED: the figures say nothing about New York."
        return text + warning if self.simulated else text

    @property
    def simulated(self) -> bool:
        """Whether any of the months is simulated."""
        months = self.months("cleaned_trips")
        return any(self._partition("cleaned_trips", month).simulated for month in months)

    def titled(self, title: str) -> str:
        """Return a title for a picture, which says so if trips are simulated."""
        return f"{title} (SIMULATED trips)" if self.simulated else title

    def months(self, asset: str) -> list[Month]:
        """Return the months of an asset that are there, in time.

        Args:
            asset: `cleaned_trips`, `duration_model` or another.
        """
        return self._store.months(self._key(asset))

    def cleaned_trips(self, month: Month | str) -> pd.DataFrame:
        """Return the kept trips of a month, with the columns of `cleaning.TRIP_SCHEMA`."""
        return _read(self._partition("cleaned_trips", month).file(KEPT_FILE), "service")

    def rejected_trips(self, month: Month | str) -> pd.DataFrame:
        """Return the rejected rows of a month: `reason`, canonical and published columns."""
        return _read(self._partition("cleaned_trips", month).file(REJECTED_FILE), "reason")

    def training_matrix(self, month: Month | str, most: int = 2_000) -> pd.DataFrame:
        """Return rows of the matrix that the model of a month was trained on.

        Args:
            month: the training month.
            most: about how many rows, spread evenly over the window.

        Returns:
            A column for each feature, and the `duration` in minutes.
        """
        import pandas as pd

        partition = self._partition("training_matrix", month)
        step = max(1, partition.summary["rows"] // most)
        features, durations = [], []
        for chunk in StoredExamples(partition.file(TRAINING)):
            some = chunk.features[::step]
            features.append(some if isinstance(some, np.ndarray) else some.toarray())
            durations.append(chunk.durations[::step])
        names = json.loads(partition.file(FEATURES_FILE).read_text())
        table = pd.DataFrame(np.concatenate(features), columns=names)
        return table.assign(duration=np.concatenate(durations))

    def model(self, month: Month | str) -> DurationModel:
        """Return the model whose training window ends in a month."""
        from duration_assets.modelling.model import DurationModel

        return DurationModel.load(self._partition("duration_model", month).folder)

    def window(self, month: Month | str) -> list[Month]:
        """Return the months that the model of a month was trained on, oldest first."""
        names = self._partition("duration_model", month).summary["window"]
        return [Month.parse(name) for name in names]

    def newest_models(self, count: int) -> list[Month]:
        """Return the training months of the newest models that were judged, in time.

        A model that was trained again and not yet judged again does not count.

        Raises:
            HomeError: if there are fewer than `count`.
        """
        judged = self._judged()
        if len(judged) < count:
            raise HomeError(
                f"The home {self.folder} holds {len(judged)} judged models of "
                f"{self.service.name}/{self.feature_set}{self._others()}, and {count} are needed "
                f"here. {_how_to_fill()}"
            )
        return list(judged)[len(judged) - count :]

    def metrics(self) -> pd.DataFrame:
        """Return how good each judged model is.

        Returns:
            A row for each, by `training_month`: the `validation_month`, how many `months` and
            `trips` it was trained on, and its metrics, in minutes but for the shares.
        """
        import pandas as pd

        rows = [
            {
                "training_month": str(month),
                "validation_month": evaluation.month,
                "months": len(model.summary["window"]),
                "trips": model.summary["trips"],
                **evaluation.summary["metrics"],
            }
            for month, (model, evaluation) in self._judged().items()
        ]
        return pd.DataFrame(rows).set_index("training_month")

    def predictions(
        self, trained: Month | str | DurationModel, judged: Month | str
    ) -> pd.DataFrame:
        """Predict the kept trips of a month by the model of another.

        Args:
            trained: the model's training month, or a model.
            judged: the month of the trips; it should lie after those that the model has seen.

        Returns:
            A row for each trip: what the model may know of it, the actual `duration`, the
            `predicted` one, the ends of its interval, `low` and `high`, and the `error`, which is
            predicted less actual, all in minutes.
        """
        model = self.model(trained) if isinstance(trained, Month | str) else trained
        partition = self._partition("cleaned_trips", judged)
        month = MonthTrips(_month(judged), partition.file(KEPT_FILE), partition.summary["kept"])
        trips = pl.concat(
            _with_predictions(batch, model.predict_intervals(batch)) for batch in month.batches()
        )
        return trips.to_pandas()

    def feature_importance(self, trained: Month | str) -> pd.Series[float]:
        """Return what share of all gain a model's splits on each feature made, largest first."""
        import pandas as pd

        model = self.model(trained)
        scores = model.booster.get_score(importance_type="total_gain")
        names = model.preprocessor.feature_names
        gains = {names[int(code[1:])]: gain for code, gain in scores.items()}
        shares = pd.Series(gains, dtype=float, name=str(trained)).sort_values(ascending=False)
        return shares / shares.sum()

    @property
    def _store(self) -> Store:
        return Store(self.folder / "store")

    def _key(self, asset: str) -> str:
        if asset in _BY_SERVICE:
            return f"{self.service.name}/{asset}"
        return f"{self.service.name}/{self.feature_set}/{asset}"

    def _partition(self, asset: str, month: Month | str) -> Partition:
        return self._store.require(self._key(asset), _month(month), "this notebook")

    def _judged(self) -> dict[Month, tuple[Partition, Partition]]:
        """Return each model whose evaluation is about it, with the evaluation, by its month."""
        judged = {}
        for month in self.months("duration_model"):
            model = self._partition("duration_model", month)
            evaluation = self._store.find(self._key("evaluation"), month.shift(1))
            if evaluation and evaluation.inputs[model.name] == model.data_version:
                judged[month] = model, evaluation
        return judged

    def _others(self) -> str:
        """Name the other feature sets that the service has models of."""
        found = [
            name
            for name in FEATURE_SETS
            if name != self.feature_set
            and self._store.months(f"{self.service.name}/{name}/duration_model")
        ]
        return f" (and some of {', '.join(found)}: see DURATION_FEATURE_SETS)" if found else ""


def _with_predictions(trips: pl.DataFrame, predicted: Predictions) -> pl.DataFrame:
    ends = {"predicted": predicted.minutes, "low": predicted.low, "high": predicted.high}
    return trips.with_columns(
        pl.Series(name, values).cast(pl.Float64) for name, values in ends.items()
    ).with_columns(error=pl.col("predicted") - pl.col("duration"))


def _how_to_fill() -> str:
    return (
        "Train on real trips with `duration-prediction --year 2023 --month 1`, and with other "
        "months; or run `make demo` and set DURATION_HOME to .duration-demo; or set DURATION_HOME "
        "to a home that is filled."
    )


def _source_of(folder: Path) -> str:
    memory = folder / "home.json"
    return str(json.loads(memory.read_text())["source"]) if memory.exists() else "nowhere yet"


def _month(month: Month | str) -> Month:
    return Month.parse(month) if isinstance(month, str) else month


def _read(path: Path, category: str) -> pd.DataFrame:
    """Read a table of trips, with one column of few texts that needs little room so."""
    return pl.read_parquet(path).with_columns(pl.col(category).cast(pl.Categorical)).to_pandas()
