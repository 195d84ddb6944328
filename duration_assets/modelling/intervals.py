"""Intervals: between which minutes a trip ends, in eight cases of ten.

Trees find the 10th and the 90th percentile of a trip's duration (XGBoost's quantile objective). How
far they are off is measured on the end of the training window, which they have not seen, and both
ends of every interval are moved by it, each as a share of the interval's width: conformalized
quantile regression (Romano, Patterson and Candes, 2019), asymmetric, and scaled by the width as by
Sesia and Candes (2020).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from duration_assets.modelling.features import FloatArray
from duration_assets.modelling.loading_xgboost import read_booster

if TYPE_CHECKING:
    import xgboost

INTERVAL_FILE, CALIBRATION_FILE = "intervals.ubj", "intervals.json"
"""The files of a model's intervals, beside its booster."""

ASKED_BY = "intervals"
"""The parameter of a logged model's `predict` that asks for intervals, too."""

LOWER, UPPER = 0.1, 0.9
"""The percentiles at the two ends of an interval."""
COVERAGE = UPPER - LOWER
"""The share of trips that end within their intervals, if all is well."""

INTERVAL_PARAMETERS: dict[str, Any] = {
    "objective": "reg:quantileerror",
    "quantile_alpha": [LOWER, UPPER],
    "learning_rate": 0.2,
    "max_depth": 5,
    "min_child_weight": 20,
    "subsample": 0.5,
    "colsample_bytree": 0.3,
    "tree_method": "hist",
    "disable_default_eval_metric": 1,
    "seed": 42,
}
INTERVAL_ROUNDS = 60

FINER_PARAMETERS: dict[str, Any] = {
    **INTERVAL_PARAMETERS,
    "max_depth": 7,
    "min_child_weight": 50,
    "colsample_bytree": 0.4,
}
FINER_ROUNDS = 150
"""Those of windows that are not small, whose trips carry finer trees."""

_NARROWEST = 1.0
"""Widths count as at least that many minutes when ends are moved by a share of them."""


@dataclass(frozen=True)
class Predictions:
    """What is predicted of n trips, n float32 minutes each; low <= minutes <= high always.

    Attributes:
        minutes: the mean.
        low: a trip is shorter in one case of ten; NaN of a model without intervals.
        high: it is longer in one case of ten; likewise.
    """

    minutes: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class Calibration:
    """By how much the ends of intervals are moved.

    Attributes:
        below: how far the lower end is moved down, as a share of the width.
        above: how far the upper end is moved up, likewise.
        constant_below: how far below the mean an interval of the same width for all trips would
            begin, in minutes: calibrated on the same trips, it is what others are measured by.
        constant_above: how far above the mean it would end.
    """

    below: float
    above: float
    constant_below: float
    constant_above: float


@dataclass(frozen=True)
class IntervalModel:
    """Finds the interval of a trip.

    Attributes:
        booster: trees with two outputs, the lower and the upper percentile.
        calibration: by how much these are moved.
    """

    booster: xgboost.Booster
    calibration: Calibration

    def around(self, features: Any, minutes: FloatArray) -> Predictions:
        """Put intervals around predictions.

        Args:
            features: n rows of k features.
            minutes: what is predicted for them, n minutes, float32.
        """
        low, high = _in_order(self.booster.inplace_predict(features))
        return moved(low, high, minutes, self.calibration)

    def save(self, folder: Path) -> None:
        """Write the files into the folder of a model."""
        self.booster.save_model(folder / INTERVAL_FILE)
        (folder / CALIBRATION_FILE).write_text(json.dumps(asdict(self.calibration)))

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read what `save` wrote; None if the model has no intervals."""
        if not (folder / INTERVAL_FILE).exists():
            return None
        calibration = Calibration(**json.loads((folder / CALIBRATION_FILE).read_text()))
        return cls(read_booster(folder / INTERVAL_FILE), calibration)


def moved(
    low: FloatArray, high: FloatArray, minutes: FloatArray, calibration: Calibration
) -> Predictions:
    """Move the ends of n intervals as they were calibrated, and let them hold the mean.

    Args:
        low: the lower percentile, n minutes, float32.
        high: the upper one.
        minutes: the mean.
        calibration: by how much.
    """
    width = _width(low, high)
    lower = low - np.float32(calibration.below) * width
    upper = high + np.float32(calibration.above) * width
    # Trips do not end before they begin.
    floor = np.maximum(lower, np.float32(0))
    return Predictions(minutes, np.minimum(floor, minutes), np.maximum(upper, minutes))


def calibrate(percentiles: FloatArray, minutes: FloatArray, durations: FloatArray) -> Calibration:
    """Measure on n trips how far percentiles have to be moved.

    Args:
        percentiles: what trees that have not seen the trips predict: n rows of two, in minutes.
        minutes: what the mean model, which has not seen them either, predicts: n minutes.
        durations: n minutes.
    """
    low, high = _in_order(percentiles)
    width = _width(low, high)
    return Calibration(
        below=_exceeded_by_one_in_ten((low - durations) / width),
        above=_exceeded_by_one_in_ten((durations - high) / width),
        constant_below=_exceeded_by_one_in_ten(minutes - durations),
        constant_above=_exceeded_by_one_in_ten(durations - minutes),
    )


def _in_order(percentiles: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the lower and the upper ones: each has trees of its own, and they may cross."""
    return percentiles.min(axis=1), percentiles.max(axis=1)


def _width(low: FloatArray, high: FloatArray) -> FloatArray:
    return np.maximum(high - low, np.float32(_NARROWEST))


def _exceeded_by_one_in_ten(values: FloatArray) -> float:
    """Return what one of ten values is above, for one value more than there are."""
    level = min(1.0, UPPER * (1 + 1 / len(values)))
    return float(np.quantile(values.astype(np.float64), level))
