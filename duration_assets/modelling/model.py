"""A whole model: preprocessor and booster together, raw trips in, minutes out.

It is kept as plain files, a Parquet file and XGBoost's own format, and never as a pickle.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl

from duration_assets.errors import BadTripError
from duration_assets.modelling.cleaning import published_columns, trips_of_rows
from duration_assets.modelling.features import FloatArray
from duration_assets.modelling.intervals import IntervalModel, Predictions
from duration_assets.modelling.loading_xgboost import read_booster
from duration_assets.modelling.preprocessors import (
    PREPROCESSOR_FILE,
    Preprocessor,
    load_preprocessor,
)
from duration_assets.services import Service, service_named

if TYPE_CHECKING:
    import pandas as pd
    import xgboost

BOOSTER_FILE = "booster.ubj"
DESCRIPTION_FILE = "model.json"


@dataclass(frozen=True)
class DurationModel:
    """Predicts durations of one service's trips.

    Attributes:
        service: says what the columns of raw trips are called.
        preprocessor: makes the matrix.
        booster: makes the predictions.
        intervals: puts intervals around them; None for `course`.
    """

    service: Service
    preprocessor: Preprocessor
    booster: xgboost.Booster
    intervals: IntervalModel | None = None

    def predict(self, trips: pl.DataFrame) -> FloatArray:
        """Predict n trips in the canonical schema.

        Returns:
            n minutes, float32.
        """
        return predict_matrix(self.booster, self.preprocessor.transform(trips))

    def predict_intervals(self, trips: pl.DataFrame) -> Predictions:
        """Predict n trips in the canonical schema, with intervals."""
        features = self.preprocessor.transform(trips)
        return predict_features(self.booster, self.intervals, features)

    def predict_published(self, rows: pd.DataFrame) -> FloatArray:
        """Predict n trips in the schema in which TLC publishes them; see `published_trips`.

        Returns:
            n minutes, float32.
        """
        return self.predict(self.published_trips(rows))

    def predict_published_intervals(self, rows: pd.DataFrame) -> Predictions:
        """Predict n trips in TLC's own columns, with intervals; see `published_trips`."""
        return self.predict_intervals(self.published_trips(rows))

    def published_trips(self, rows: pd.DataFrame) -> pl.DataFrame:
        """Bring n trips from the schema in which TLC publishes them into the canonical one.

        Args:
            rows: n rows with the service's pickup time (as a time, or as text as in JSON), zones
                and, for a feature set that uses it, the distance; the service's details may be
                there, and other columns are not looked at.

        Raises:
            BadTripError: if a trip has no pickup time.
        """
        columns = list(published_columns(rows.columns, self.service))
        trips = trips_of_rows(pl.from_pandas(rows[columns].reset_index(drop=True)), self.service)
        if missing := trips["pickup_time"].null_count():
            raise BadTripError(
                f"{missing:,} of {len(trips):,} trips have no {self.service.pickup_time}, without "
                "which nothing can be predicted: leave them out."
            )
        return trips

    def use_threads(self, count: int) -> None:
        """Predict with that many threads from now on; XGBoost takes every core by itself."""
        for booster in (self.booster, *([self.intervals.booster] if self.intervals else [])):
            booster.set_param({"nthread": count})

    def save(self, folder: Path) -> None:
        """Write the model's files into an existing folder."""
        self.preprocessor.save(folder / PREPROCESSOR_FILE)
        self.booster.save_model(folder / BOOSTER_FILE)
        if self.intervals is not None:
            self.intervals.save(folder)
        (folder / DESCRIPTION_FILE).write_text(json.dumps({"service": self.service.name}))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        description = json.loads((folder / DESCRIPTION_FILE).read_text())
        return cls(
            service_named(description["service"]),
            load_preprocessor(folder / PREPROCESSOR_FILE),
            load_booster(folder),
            IntervalModel.load(folder),
        )


def load_booster(folder: Path) -> xgboost.Booster:
    """Read the booster of a model that `DurationModel.save` wrote."""
    return read_booster(folder / BOOSTER_FILE)


def predict_matrix(booster: xgboost.Booster, features: Any) -> FloatArray:
    """Predict from a matrix of n rows, dense or sparse; returns n minutes, float32."""
    return np.asarray(booster.inplace_predict(features))


def predict_features(
    booster: xgboost.Booster, intervals: IntervalModel | None, features: Any
) -> Predictions:
    """Predict from a matrix of n rows, with the ends of intervals NaN where nothing finds them."""
    minutes = predict_matrix(booster, features)
    if intervals is None:
        nothing = np.full(len(minutes), np.nan, dtype=np.float32)
        return Predictions(minutes, nothing, nothing)
    return intervals.around(features, minutes)
