"""Judging intervals on a month: how many trips they hold, overall and by how long a trip is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from duration_assets.modelling.intervals import Calibration, Predictions
from duration_assets.modelling.metrics import interval_metrics

LOW, HIGH = "low", "high"
"""What the ends of intervals are called beside the predictions of judged trips."""

_FIFTHS = 5


@dataclass(frozen=True)
class JudgedIntervals:
    """How good the intervals of a month's kept trips are.

    Attributes:
        metrics: see `metrics.interval_metrics`; and `coverage_fifth_1` to `coverage_fifth_5`, the
            share of trips inside by fifths of equal size, the shortest predictions first.
        fifths: a row for each of these: `mean_predicted`, `trips`, `coverage`, 0 to 1, and the mean
            `width` in minutes.
    """

    metrics: dict[str, float]
    fifths: pl.DataFrame


def judge_intervals(
    kept: pl.LazyFrame, predicted: str, calibration: Calibration
) -> JudgedIntervals:
    """Judge intervals.

    Args:
        kept: n trips with their `duration`, what is predicted for them, `LOW` and `HIGH`.
        predicted: the name of the column of predictions.
        calibration: of the model.
    """
    table = kept.select(predicted, LOW, HIGH, "duration").collect(engine="streaming")
    minutes, low, high, actual = (table[name].to_numpy() for name in table.columns)
    fifths = _by_fifth(minutes, low, high, actual)
    return JudgedIntervals(
        {
            **interval_metrics(Predictions(minutes, low, high), actual, calibration),
            **{
                f"coverage_fifth_{number}": share
                for number, share in enumerate(fifths["coverage"], start=1)
            },
        },
        fifths,
    )


def _by_fifth(
    minutes: np.ndarray, low: np.ndarray, high: np.ndarray, actual: np.ndarray
) -> pl.DataFrame:
    edges = np.quantile(minutes.astype(np.float64), np.arange(1, _FIFTHS) / _FIFTHS)
    return (
        pl.DataFrame(
            {
                "fifth": np.searchsorted(edges, minutes),
                "minutes": minutes.astype(np.float64),
                "inside": (low <= actual) & (actual <= high),
                "width": high.astype(np.float64) - low,
            }
        )
        .group_by("fifth")
        .agg(
            mean_predicted=pl.col("minutes").mean(),
            trips=pl.len().cast(pl.Int64),
            coverage=pl.col("inside").mean(),
            width=pl.col("width").mean(),
        )
        .sort("fifth")
        .drop("fifth")
    )
