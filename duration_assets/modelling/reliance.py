"""What a model relies on: how much each feature moves its predictions, by SHAP values.

XGBoost works them out itself. They add up, feature by feature, to the difference between a trip's
prediction and the mean prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from duration_assets.modelling.features import FloatArray

if TYPE_CHECKING:
    import xgboost


def mean_contributions(
    booster: xgboost.Booster, features: FloatArray, names: Sequence[str]
) -> dict[str, float]:
    """Return by how many minutes each feature moves a prediction, in the mean of n trips.

    Args:
        booster: the model.
        features: n rows of k features; n should be small, because a row takes some 10 ms.
        names: the k features.

    Returns:
        The mean of the absolute SHAP values, the largest first.
    """
    values = _shap_values(booster, features)
    means = np.abs(values[:, :-1]).mean(axis=0)
    found = zip(names, map(float, means), strict=True)
    return dict(sorted(found, key=lambda each: (-each[1], each[0])))


def contributions(
    booster: xgboost.Booster, features: Any, names: Sequence[str]
) -> tuple[float, dict[str, float]]:
    """Return what the prediction of one trip is made of.

    Args:
        booster: the model.
        features: one row of k features, dense or sparse.
        names: the k features.

    Returns:
        The mean prediction, and by how many minutes each feature moves it up or down, the largest
        movement first: together they are the trip's prediction.
    """
    (values,) = _shap_values(booster, features)
    found = zip(names, map(float, values[:-1]), strict=True)
    return float(values[-1]), dict(sorted(found, key=lambda each: (-abs(each[1]), each[0])))


def _shap_values(booster: xgboost.Booster, features: Any) -> FloatArray:
    """Return n rows of a value for each feature; the mean prediction stands last."""
    import xgboost

    return np.asarray(booster.predict(xgboost.DMatrix(features), pred_contribs=True))
