"""Predictions for any number of trips, batch by batch: what is said of each, and of all.

Reading and writing files is done elsewhere. Memory holds a few batches, however many there are.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from duration_assets.modelling.cleaning import LONGEST, SHORTEST
from duration_assets.modelling.features import FloatArray
from duration_assets.modelling.in_order import in_order
from duration_assets.months import Month
from duration_assets.services import FIRST_ZONE, Service

if TYPE_CHECKING:
    from duration_assets.modelling.model import DurationModel

PREDICTION_SCHEMA = pl.Schema(
    {
        "ride_id": pl.String(),
        "pickup_time": pl.Datetime("us"),
        "pickup_zone": pl.Int32(),
        "dropoff_zone": pl.Int32(),
        "predicted_duration": pl.Float32(),
        "low": pl.Float32(),
        "high": pl.Float32(),
        "actual_duration": pl.Float64(),
        "difference": pl.Float64(),
        "model_version": pl.String(),
    }
)
"""The columns of predictions; all durations in minutes."""

REPEATING = ("pickup_zone", "dropoff_zone", "model_version")
"""Those of them that hold the same few values again and again."""

COLUMN_DESCRIPTIONS = {
    "ride_id": "Month of the file and row in it, counted from 0: 2023/03_0",
    "pickup_time": "Pickup, the city's own time",
    "pickup_zone": "Zone of the pickup, as published",
    "dropoff_zone": "Zone of the dropoff, as published",
    "predicted_duration": "Predicted minutes; null of a trip without a pickup time",
    "low": "The trip is shorter in one case of ten, minutes; null of a model without intervals",
    "high": "The trip is longer in one case of ten, minutes; likewise",
    "actual_duration": "Minutes from pickup to dropoff; null where one of the two is",
    "difference": "Actual less predicted minutes",
    "model_version": "The model that predicted",
}


@dataclass(frozen=True)
class BatchSummary:
    """What many predictions came to.

    Attributes:
        rows: trips in the file, each of which has its row among the predictions.
        predicted: those with a prediction: all that have a pickup time.
        unknown_zones: predicted ones with a zone that is null or that the service does not have;
            they are predicted from what is known of all zones.
        missing_distance: predicted ones without a distance.
        judged: predicted ones that took 1 to 60 minutes, on which the following are.
        rmse: root of the mean squared error in minutes; None if nothing was judged.
        mae: mean absolute error in minutes; likewise.
        coverage: share of trips within their intervals, 0 to 1; None without intervals too.
    """

    rows: int = 0
    predicted: int = 0
    unknown_zones: int = 0
    missing_distance: int = 0
    judged: int = 0
    rmse: float | None = None
    mae: float | None = None
    coverage: float | None = None

    @property
    def without_pickup_time(self) -> int:
        """Trips that nothing can be predicted for."""
        return self.rows - self.predicted


class Tally:
    """Adds up what batches of predictions come to."""

    def __init__(self, service: Service) -> None:
        """Begin with nothing."""
        self._service = service
        self._sums: dict[str, float] = {}
        self.rows = 0

    def add(self, trips: pl.DataFrame, predictions: pl.DataFrame) -> None:
        """Add n trips with the columns of `TRIP_SCHEMA`, and their n predictions."""
        zones = (pl.col("pickup_zone"), pl.col("dropoff_zone"))
        known = (zone.is_between(FIRST_ZONE, self._service.last_zone) for zone in zones)
        kept = pl.col("actual_duration").is_between(SHORTEST, LONGEST)
        inside = pl.col("actual_duration").is_between("low", "high")
        predicted = pl.col("predicted_duration").is_not_null()
        error = pl.col("difference").filter(kept)
        sums = predictions.with_columns(trips["distance"]).select(
            predicted=predicted.sum(),
            unknown_zones=(predicted & ~pl.all_horizontal(*known).fill_null(False)).sum(),
            missing_distance=(predicted & pl.col("distance").is_null()).sum(),
            judged=error.count(),
            squared=(error**2).sum(),
            absolute=error.abs().sum(),
            bounded=inside.filter(kept).count(),
            inside=inside.filter(kept).sum(),
        )
        self.rows += len(trips)
        for name, value in sums.row(0, named=True).items():
            self._sums[name] = self._sums.get(name, 0) + value

    def summary(self) -> BatchSummary:
        """Return what was added so far."""
        if not self.rows:
            return BatchSummary()
        sums = self._sums
        counts = {
            name: int(sums[name])
            for name in ("predicted", "unknown_zones", "missing_distance", "judged")
        }
        judged, bounded = sums["judged"], sums["bounded"]
        return BatchSummary(
            self.rows,
            **counts,
            rmse=(sums["squared"] / judged) ** 0.5 if judged else None,
            mae=sums["absolute"] / judged if judged else None,
            coverage=sums["inside"] / bounded if bounded else None,
        )


def predicted_batches(
    model: DurationModel,
    batches: Iterable[pl.DataFrame],
    tally: Tally,
    *,
    rides: str,
    model_version: str,
    threads: int,
) -> Generator[pl.DataFrame, None, None]:
    """Predict trips batch by batch.

    Each batch is encoded and predicted by one thread, and several batches at once: only XGBoost
    could make more than one thread of a batch's work.

    Args:
        model: the model; it predicts with one thread from now on.
        batches: trips with the columns of `cleaning.TRIP_SCHEMA`.
        tally: is told of each batch.
        rides: what the ids of the rides begin with, `2023/03`; their row follows.
        model_version: stands beside each prediction.
        threads: batches at once.

    Yields:
        For each batch a table with the columns of `PREDICTION_SCHEMA`, a row for each trip in the
        same order.
    """
    model.use_threads(1)

    def predicted(trips: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        return trips, _predictions(model, trips, f"{rides}_", model_version)

    with closing(in_order(predicted, batches, threads)) as results:
        for trips, predictions in results:
            tally.add(trips, predictions)
            yield predictions


def rides_of(month: Month) -> str:
    """Return what the ids of a month's rides begin with: `2023/03`."""
    return f"{month.year:04d}/{month.month:02d}"


def _predictions(
    model: DurationModel, trips: pl.DataFrame, rides: str, model_version: str
) -> pl.DataFrame:
    """Return n rows of `PREDICTION_SCHEMA` for n trips."""
    predicted = pl.col("predicted_duration")
    return _with_predictions(model, trips).select(
        pl.concat_str(pl.lit(rides), pl.col("row")).alias("ride_id"),
        "pickup_time",
        "pickup_zone",
        "dropoff_zone",
        predicted,
        "low",
        "high",
        pl.col("duration").alias("actual_duration"),
        (pl.col("duration") - predicted.cast(pl.Float64)).alias("difference"),
        pl.lit(model_version).alias("model_version"),
    )


def _with_predictions(model: DurationModel, trips: pl.DataFrame) -> pl.DataFrame:
    """Add the columns `predicted_duration`, `low` and `high` to n trips, null where unknown."""
    known = trips["pickup_time"].is_not_null()
    possible = trips if known.all() else trips.filter(known)
    columns: dict[str, FloatArray] = {}
    if len(possible):
        found = model.predict_intervals(possible)
        columns = {"predicted_duration": found.minutes, "low": found.low, "high": found.high}
    return trips.with_columns(
        _spread(columns.get(name), known, name) for name in ("predicted_duration", "low", "high")
    )


def _spread(values: FloatArray | None, known: pl.Series, name: str) -> pl.Series:
    """Return a value for each of n trips: the next one where it is known, null elsewhere."""
    spread = np.full(len(known), np.nan, dtype=np.float32)
    if values is not None:
        spread[known.to_numpy()] = values
    return pl.Series(name, spread, nan_to_null=True)
