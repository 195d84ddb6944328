"""What a model relies on: how much each feature moves its predictions, by SHAP values.

XGBoost works them out itself. They add up, feature by feature, to the difference between a trip's
prediction and the mean prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
    import xgboost

    values = booster.predict(xgboost.DMatrix(features), pred_contribs=True)
    # The last column is the mean prediction.
    means = np.abs(values[:, :-1]).mean(axis=0)
    found = zip(names, map(float, means), strict=True)
    return dict(sorted(found, key=lambda each: (-each[1], each[0])))
