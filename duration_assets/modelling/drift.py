"""Drift: how far a month is from what the model in use was trained on, as figures with limits.

Distributions are compared by the population stability index (Siddiqi, "Credit Risk Scorecards",
2006), which is the divergence of Jeffreys (1946) between two histograms. Errors are compared with
what was usual. A measure belongs to a kind, and each kind has one limit.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from duration_assets.modelling.cleaning import DETAILS
from duration_assets.modelling.features import FloatArray
from duration_assets.modelling.histograms import (
    DISTANCE,
    DROPOFF_ZONE,
    HOUR,
    PICKUP_ZONE,
    WEEKDAY,
    ZONE_PAIR,
    add_up,
    histogram_of,
    minute_histogram,
    missing_share,
)
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.statistics import GRID
from duration_assets.modelling.trip_batches import MonthTrips


@dataclass(frozen=True)
class Kind:
    """Measures that share a limit.

    Attributes:
        says: what is wrong with a month that is above the limit.
        is_serious: whether users get worse predictions then; otherwise they may.
    """

    says: str
    is_serious: bool = False


KINDS = {
    "zones": Kind("trips start or end in other zones than in the champion's window"),
    "features": Kind("hours, weekdays, distances or details are others than in the window"),
    "predictions": Kind("the champion predicts other durations than when it was judged"),
    "bias": Kind("the champion predicts too much, or too little, on the whole", is_serious=True),
    "error": Kind("the champion's error is larger than was usual", is_serious=True),
    "unseen_pairs": Kind("many trips have a zone pair that the window does not have"),
    "nulls": Kind("more values are missing than in the window"),
    "rejected": Kind("more rows are rejected than in the window"),
}
"""By name. The limit of a kind is the setting `drift_…` of that name."""

_FEATURES = (HOUR, WEEKDAY, DISTANCE, *DETAILS)
_ZONES_MISSING, _DISTANCE_MISSING = "nulls_zones", "nulls_distance"
PREDICTIONS, BIAS, RMSE_RATIO, MAE_RATIO = "psi_predictions", "bias", "rmse_ratio", "mae_ratio"
UNSEEN, REJECTED = "unseen_pairs", "rejected"

MEASURES = {
    **{f"psi_{name}": "zones" for name in (PICKUP_ZONE, DROPOFF_ZONE)},
    **{f"psi_{name}": "features" for name in _FEATURES},
    PREDICTIONS: "predictions",
    BIAS: "bias",
    RMSE_RATIO: "error",
    MAE_RATIO: "error",
    UNSEEN: "unseen_pairs",
    _ZONES_MISSING: "nulls",
    _DISTANCE_MISSING: "nulls",
    **{f"nulls_{name}": "nulls" for name in DETAILS},
    REJECTED: "rejected",
}
"""The kind of every measure, by its name, in the order of reports."""

_COUNTS = ("rows", "kept", "missing_zones", "missing_distance")
_HALF_A_TRIP = 0.5


@dataclass(frozen=True)
class Observed:
    """The trips of a month, or of several together, as counts.

    Attributes:
        histograms: as of `month_histograms`.
        summary: counts of rows, as of `CleaningSummary`.
    """

    histograms: pl.DataFrame
    summary: Mapping[str, Any]


@dataclass(frozen=True)
class Predicted:
    """What a model's predictions of a month amount to.

    Attributes:
        histogram: the predictions by whole minutes, as of `minute_histogram`.
        errors: `trips`; `rmse`, `mae` and `bias` in minutes; and `mean_duration`, the trips' own.
    """

    histogram: pl.DataFrame
    errors: Mapping[str, float]


@dataclass(frozen=True)
class Usual:
    """What was usual for a model before a month.

    Attributes:
        predictions: the histogram of its predictions on the month that it was judged on when it
            was new; None if that was not kept.
        errors: the metrics of the evaluations before the month, with `rmse` and `mae`.
    """

    predictions: pl.DataFrame | None = None
    errors: Sequence[Mapping[str, float]] = field(default_factory=tuple)


def together(months: Iterable[Observed]) -> Observed:
    """Return several months as one."""
    parts = list(months)
    counts: dict[str, Any] = {
        name: sum(int(part.summary[name]) for part in parts) for name in _COUNTS
    }
    rejected: Counter[str] = Counter()
    for part in parts:
        rejected.update(part.summary["rejected"])
    return Observed(
        add_up(part.histograms for part in parts), {**counts, "rejected": dict(rejected)}
    )


def predict_month(model: DurationModel, trips: MonthTrips) -> Predicted:
    """Predict the kept trips of a month, batch by batch."""
    histograms, sums = [], np.zeros(5)
    for batch in trips.batches():
        minutes, actual = model.predict(batch), batch["duration"].to_numpy()
        histograms.append(minute_histogram(minutes))
        sums += _error_sums(minutes, actual)
    count, error, absolute, squared, duration = (float(each) for each in sums)
    errors = {
        "trips": count,
        "rmse": (squared / count) ** 0.5,
        "mae": absolute / count,
        "bias": error / count,
        "mean_duration": duration / count,
    }
    return Predicted(add_up(histograms), errors)


def measure(
    month: Observed, window: Observed, predicted: Predicted, usual: Usual
) -> dict[str, float]:
    """Work out every measure of a month for which there is something to compare with.

    Args:
        month: the month.
        window: the months that the model was trained on.
        predicted: the model's predictions of the month.
        usual: what they are compared with.

    Returns:
        By the names of `MEASURES`: stability indices; the bias as a share of the mean duration;
        errors divided by the usual one; the share of trips with an unseen pair; and by how much
        the shares of missing values and of rejected rows are above the window's.
    """
    found = {**_of_the_trips(month, window), **_of_the_model(predicted, usual)}
    return {name: found[name] for name in MEASURES if name in found}


def flagged(measures: Mapping[str, float], limits: Mapping[str, float]) -> list[str]:
    """Return the measures that are above the limit of their kind, a bias on either side."""
    return [
        name for name, value in measures.items() if abs_if_bias(name, value) > _limit(name, limits)
    ]


def abs_if_bias(name: str, value: float) -> float:
    """Return what of a measure is compared with its limit: of a bias, how large it is."""
    return abs(value) if name == BIAS else value


def stability_index(usual: pl.DataFrame, now: pl.DataFrame) -> float:
    """Return the population stability index of two histograms; 0 says that they are the same.

    It is the sum over the bins of (p - q) ln(p / q), where p and q are the shares of a bin. Half a
    trip is added to each bin, so that one which only one of them has stays finite. By chance alone
    it comes to about the number of bins times (1 / n + 1 / m) for n and m trips (Yurdakul,
    "Statistical Properties of Population Stability Index", 2018).

    Args:
        usual: `bin` and `trips`.
        now: likewise.
    """
    both = usual.join(now, on="bin", how="full", nulls_equal=True, coalesce=True)
    # In the order of the bins, which a join does not keep: sums are the same each time.
    counts = (
        both.sort("bin").select(pl.col("trips", "trips_right").fill_null(0)).to_numpy()
        + _HALF_A_TRIP
    )
    shares = counts / counts.sum(axis=0)
    q, p = shares[:, 0], shares[:, 1]
    return float(np.sum((p - q) * np.log(p / q)))


def problem(kind: str, summary: Mapping[str, Any]) -> str | None:
    """Say which measures of a kind are above its limit, and by how much.

    Args:
        kind: its name.
        summary: of a partition: `measures` and `limits`.
    """
    limits = summary["limits"]
    above = flagged({n: v for n, v in summary["measures"].items() if MEASURES[n] == kind}, limits)
    if not above:
        return None
    figures = ", ".join(f"{name} {summary['measures'][name]:.3f}" for name in above)
    says = KINDS[kind].says
    return f"{says[0].upper()}{says[1:]}: {figures}; the limit is {limits[kind]:.3f}."


def problems(summary: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with a month by kind; nothing if no limit is passed."""
    found = {kind: problem(kind, summary) for kind in KINDS}
    return {kind: text for kind, text in found.items() if text is not None}


def _limit(name: str, limits: Mapping[str, float]) -> float:
    return limits[MEASURES[name]]


def _of_the_trips(month: Observed, window: Observed) -> dict[str, float]:
    known = set(window.histograms["feature"]) & set(month.histograms["feature"])
    found = {
        f"psi_{name}": stability_index(
            histogram_of(window.histograms, name), histogram_of(month.histograms, name)
        )
        for name in (PICKUP_ZONE, DROPOFF_ZONE, *_FEATURES)
        if name in known
    }
    found[UNSEEN] = _unseen_share(month.histograms, window.histograms)
    found[_ZONES_MISSING] = _rise("missing_zones", month, window)
    if DISTANCE in known:
        found[_DISTANCE_MISSING] = _rise("missing_distance", month, window)
    for name in known & set(DETAILS):
        now, before = (missing_share(each.histograms, name) for each in (month, window))
        found[f"nulls_{name}"] = now - before
    found[REJECTED] = _rejected_share(month) - _rejected_share(window)
    return found


def _of_the_model(predicted: Predicted, usual: Usual) -> dict[str, float]:
    errors = predicted.errors
    found = {BIAS: errors["bias"] / errors["mean_duration"]}
    if usual.predictions is not None:
        before, now = (
            each.select("bin", "trips") for each in (usual.predictions, predicted.histogram)
        )
        found[PREDICTIONS] = stability_index(before, now)
    if usual.errors:
        for name, error in ((RMSE_RATIO, "rmse"), (MAE_RATIO, "mae")):
            found[name] = errors[error] / statistics.median(each[error] for each in usual.errors)
    return found


def _unseen_share(month: pl.DataFrame, window: pl.DataFrame) -> float:
    """Return the share of a month's trips whose zone pair no trip of the window has."""
    pairs = histogram_of(month, ZONE_PAIR)
    unseen = pairs.join(histogram_of(window, ZONE_PAIR), on="bin", how="anti", nulls_equal=True)
    return float(unseen["trips"].sum()) / max(int(pairs["trips"].sum()), 1)


def _rise(count: str, month: Observed, window: Observed) -> float:
    """Return by how much a count's share of the kept trips is above the window's."""
    now, before = (each.summary[count] / max(each.summary["kept"], 1) for each in (month, window))
    return float(now - before)


def _rejected_share(observed: Observed) -> float:
    return float(1 - observed.summary["kept"] / max(observed.summary["rows"], 1))


def _error_sums(minutes: FloatArray, actual: FloatArray) -> FloatArray:
    """Return how many trips there are, and their summed errors, their sizes, squares, durations.

    They are the same in whatever order trips are read: see `statistics.exactly_summable`.
    """
    errors = np.subtract(minutes, actual, dtype=np.float64)
    summands = np.stack([errors, np.abs(errors), np.square(errors), actual])
    return np.array([len(errors), *(np.round(summands * GRID) / GRID).sum(axis=1)])
