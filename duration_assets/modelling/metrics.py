"""How good predictions are: metrics of predicted against actual durations, all in minutes."""

from __future__ import annotations

import numpy as np

from duration_assets.modelling.features import FloatArray
from duration_assets.modelling.intervals import COVERAGE, Calibration, Predictions

WITHIN = 5.0
"""A prediction counts as near if it is off by no more than this many minutes."""


def error_metrics(predicted: FloatArray, actual: FloatArray) -> dict[str, float]:
    """Compute all metrics of n predictions.

    Args:
        predicted: n minutes.
        actual: n minutes.

    Returns:
        `rmse`, `mae`, `median_absolute_error`, `p90_absolute_error`, `bias` (mean of predicted
        less actual), all in minutes, and `share_within_5_minutes`, 0 to 1.
    """
    errors = np.subtract(predicted, actual, dtype=np.float64)
    rmse, bias = float(np.sqrt(np.mean(errors**2))), float(errors.mean())
    # In place: for 20 million trips each array takes 160 MB.
    sizes = np.abs(errors, out=errors)
    return {
        "rmse": rmse,
        "mae": float(sizes.mean()),
        "median_absolute_error": float(np.median(sizes)),
        "p90_absolute_error": float(np.quantile(sizes, 0.9)),
        "bias": bias,
        "share_within_5_minutes": float(np.mean(sizes <= WITHIN)),
    }


def interval_metrics(
    predicted: Predictions, actual: FloatArray, calibration: Calibration
) -> dict[str, float]:
    """Compute how good n intervals are.

    Args:
        predicted: of n trips.
        actual: n minutes.
        calibration: of the model, for intervals of the same width for all trips.

    Returns:
        `coverage`, the share of trips inside, 0 to 1; `interval_width`, the mean in minutes;
        `winkler`, the mean interval score in minutes (Gneiting and Raftery, 2007), the less the
        better; and `winkler_ratio`, that divided by the score of constant-width intervals.
    """
    low, high, minutes = (
        values.astype(np.float64) for values in (predicted.low, predicted.high, predicted.minutes)
    )
    score = interval_score(low, high, actual)
    constant = interval_score(
        minutes - calibration.constant_below, minutes + calibration.constant_above, actual
    )
    return {
        "coverage": float(np.mean((low <= actual) & (actual <= high))),
        "interval_width": float(np.mean(high - low)),
        "winkler": score,
        "winkler_ratio": score / constant,
    }


def interval_score(low: FloatArray, high: FloatArray, actual: FloatArray) -> float:
    """Return the mean interval score of n intervals, in minutes: Winkler's, 1972.

    It is the width, and for a trip outside how far outside, times 2 / (1 - `COVERAGE`).
    """
    outside = np.maximum(low - actual, 0) + np.maximum(actual - high, 0)
    return float(np.mean(high - low + 2 / (1 - COVERAGE) * outside))
