"""Judging a model on a month: each trip's prediction beside its duration, and what that adds up to.

The trips are scored in chunks and written to files; most figures are then sums by groups, which
Polars streams, so that memory hardly grows with the month.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from duration_assets.modelling.baselines import BASELINES, Baselines
from duration_assets.modelling.features import FloatArray, IntArray
from duration_assets.modelling.intervals import IntervalModel
from duration_assets.modelling.judging_intervals import (
    HIGH,
    LOW,
    JudgedIntervals,
    judge_intervals,
)
from duration_assets.modelling.matrix_files import StoredExamples
from duration_assets.modelling.metrics import error_metrics
from duration_assets.modelling.model import predict_features
from duration_assets.modelling.slices import ERROR_SUMS, error_sums, slice_errors, with_means
from duration_assets.modelling.statistics import exactly_summable

if TYPE_CHECKING:
    import xgboost

MODEL = "predicted"
"""What the model's own predictions are called, beside those of `BASELINES`."""
KEPT, ALL = "kept", "all"
"""The trips of 1 to 60 minutes, and those of 0 to 180."""

MINUTES = 60
"""Predicted and actual minutes are counted up to that many."""
MOST_OFF, BIN = 20.0, 0.5
"""Errors are counted from less 20 to 20 minutes, in bins of half a minute."""

SAMPLED_TRIPS = 64
"""How many trips a model is asked about for what it relies on: each takes some 10 ms."""
_SAMPLE_SEED = 42

_GROUPS = 10
"""Into how many groups of equal size trips are put by what was predicted."""


@dataclass(frozen=True)
class ScoredTrips:
    """The judged trips of a month.

    Attributes:
        trips: n rows: those of a validation month with `kept`, `MODEL`, `BASELINES` and
            `pair_seen`; of a model with intervals also `LOW` and `HIGH`. Reads files.
        sample: the features of `SAMPLED_TRIPS` kept trips, the same ones each time, or of all if
            there are fewer; None if the features are sparse.
    """

    trips: pl.LazyFrame
    sample: FloatArray | None


@dataclass(frozen=True)
class Judgement:
    """What the predictions of a month amount to; minutes throughout.

    Attributes:
        metrics: of the kept trips; with `all_trips_`, of all trips of 0 to 180 minutes; and the
            RMSE of each baseline on the kept trips as `baseline_…_rmse`; of a model with intervals
            also those of `JudgedIntervals`.
        predictors: a row for the model and each baseline (`predictor`) on `KEPT` and on `ALL` trips
            (`judged_on`), with `ERROR_SUMS`, `rmse`, `mae` and `bias`.
        slices: what `slice_errors` made of the kept trips.
        calibration: the kept trips in groups of equal size by what was predicted, the shortest
            first: `mean_predicted`, `mean_actual`, `ERROR_SUMS`, `rmse`, `mae` and `bias`.
        errors: how many kept trips are off by what: `bin` (of `BIN` minutes, from -`MOST_OFF`),
            `trips`.
        cells: how many kept trips there are by whole minutes: `actual`, `predicted`, `trips`.
        intervals: how good the intervals of the kept trips are; None of a model without.
    """

    metrics: dict[str, float]
    predictors: pl.DataFrame
    slices: pl.DataFrame
    calibration: pl.DataFrame
    errors: pl.DataFrame
    cells: pl.DataFrame
    intervals: JudgedIntervals | None = None


def score_trips(
    booster: xgboost.Booster,
    intervals: IntervalModel | None,
    matrix: StoredExamples,
    trips: Path,
    baselines: Baselines,
    folder: Path,
) -> ScoredTrips:
    """Predict a month's trips by the model and the baselines.

    Args:
        booster: the model.
        intervals: what finds the model's intervals, if it has them.
        matrix: the features of n trips.
        trips: a Parquet file of these trips, in the same order, with `kept`.
        baselines: of the model's window.
        folder: is made, and filled with the files that the result reads.
    """
    folder.mkdir()
    chosen = _sampled_rows(trips)
    sample = []
    start = 0
    for number, chunk in enumerate(matrix):
        rows = pl.scan_parquet(trips).slice(start, len(chunk.durations)).collect()
        predicted = predict_features(booster, intervals, chunk.features)
        columns = {MODEL: predicted.minutes}
        if intervals is not None:
            columns |= {LOW: predicted.low, HIGH: predicted.high}
        scored = pl.concat([rows, pl.DataFrame(columns), baselines.predict(rows)], how="horizontal")
        scored.write_parquet(folder / f"{number:05d}.parquet", compression="lz4")
        if isinstance(chunk.features, np.ndarray):
            first, last = np.searchsorted(chosen, [start, start + len(rows)])
            sample.append(chunk.features[chosen[first:last] - start])
        start += len(rows)
    return ScoredTrips(
        pl.scan_parquet(folder / "*.parquet"), np.concatenate(sample) if sample else None
    )


def judge(
    trips: pl.LazyFrame,
    zones: pl.DataFrame | None,
    intervals: IntervalModel | None = None,
    *,
    has_distance: bool,
) -> Judgement:
    """Work out all figures of a month.

    Args:
        trips: as of `ScoredTrips`.
        zones: the zone lookup, if there is one.
        intervals: the model's, if it has them.
        has_distance: whether the service publishes distances.
    """
    kept = trips.filter("kept")
    predictors = _predictors(trips)
    errors, cells = pl.collect_all([_error_counts(kept), _minute_counts(kept)], engine="streaming")
    judged = None if intervals is None else judge_intervals(kept, MODEL, intervals.calibration)
    return Judgement(
        metrics={**_metrics(trips, predictors), **(judged.metrics if judged else {})},
        predictors=predictors,
        slices=slice_errors(kept, zones, has_distance=has_distance),
        calibration=_calibration(kept),
        errors=errors,
        cells=cells,
        intervals=judged,
    )


def _sampled_rows(trips: Path) -> IntArray:
    """Choose kept trips, the same ones each time; returns their rows, ascending."""
    rows = np.flatnonzero(pl.read_parquet(trips, columns=["kept"])["kept"].to_numpy())
    generator = np.random.default_rng(_SAMPLE_SEED)
    count = min(SAMPLED_TRIPS, len(rows))
    return np.sort(generator.choice(rows, count, replace=False))


def _metrics(trips: pl.LazyFrame, predictors: pl.DataFrame) -> dict[str, float]:
    on_kept = predictors.filter(judged_on=KEPT).select("predictor", "rmse").rows()
    return {
        **_error_metrics(trips.filter("kept")),
        **{f"all_trips_{name}": value for name, value in _error_metrics(trips).items()},
        **{f"baseline_{name}_rmse": rmse for name, rmse in on_kept if name != MODEL},
    }


def _error_metrics(trips: pl.LazyFrame) -> dict[str, float]:
    columns = trips.select(MODEL, "duration").collect(engine="streaming")
    return error_metrics(columns[MODEL].to_numpy(), columns["duration"].to_numpy())


def _predictors(trips: pl.LazyFrame) -> pl.DataFrame:
    names = (MODEL, *BASELINES)
    sums = {
        f"{what} {name}": aggregation
        for name in names
        for what, aggregation in error_sums(pl.col("duration"), pl.col(name)).items()
    }
    found = trips.group_by("kept").agg(**sums).collect(engine="streaming")
    judged = {KEPT: found.filter("kept"), ALL: found}
    rows = [
        {
            "predictor": name,
            "judged_on": which,
            **{what: of[f"{what} {name}"].sum() for what in ERROR_SUMS},
        }
        for which, of in judged.items()
        for name in names
    ]
    return with_means(pl.DataFrame(rows))


def _calibration(kept: pl.LazyFrame) -> pl.DataFrame:
    predicted = pl.col(MODEL).cast(pl.Float64)
    values = kept.select(predicted).collect(engine="streaming").to_series().to_numpy()
    edges = np.quantile(values, np.arange(1, _GROUPS) / _GROUPS)
    group = pl.sum_horizontal((predicted > float(edge)).cast(pl.Int32) for edge in edges)
    sums = (
        kept.group_by(group=group)
        .agg(
            **error_sums(pl.col("duration"), predicted),
            minutes=exactly_summable(pl.col("duration")).sum(),
        )
        .sort("group")
        .collect(engine="streaming")
    )
    actual = pl.col("minutes") / pl.col("trips")
    return with_means(sums).select(
        (actual + pl.col("bias")).alias("mean_predicted"),
        actual.alias("mean_actual"),
        *ERROR_SUMS,
        "rmse",
        "mae",
        "bias",
    )


def _error_counts(kept: pl.LazyFrame) -> pl.LazyFrame:
    error = pl.col(MODEL).cast(pl.Float64) - pl.col("duration")
    last = round(2 * MOST_OFF / BIN) - 1
    place = ((error + MOST_OFF) / BIN).floor().clip(0, last).cast(pl.Int32)
    return kept.group_by(bin=place).agg(trips=pl.len()).sort("bin")


def _minute_counts(kept: pl.LazyFrame) -> pl.LazyFrame:
    minutes = [
        pl.col(column).clip(0, MINUTES - 1).cast(pl.Int32).alias(name)
        for name, column in (("actual", "duration"), ("predicted", MODEL))
    ]
    return kept.group_by(minutes).agg(trips=pl.len()).sort("actual", "predicted")
