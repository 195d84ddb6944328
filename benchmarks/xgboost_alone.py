"""What XGBoost alone takes to predict: trees and nothing else, with all threads."""

from __future__ import annotations

import time
from pathlib import Path

from duration_assets.months import Month
from duration_assets.resources.store import Store


def xgboost_alone(store: Path, asset: str, month: Month, trips: Path) -> float:
    """Return how many seconds XGBoost takes for a file of trips that are encoded already.

    Args:
        store: the store that holds the model.
        asset: the model's asset, `green/metered/duration_model`.
        month: the model's month.
        trips: a Parquet file in TLC's columns.
    """
    from duration_assets.modelling.model import DurationModel, predict_features
    from duration_assets.modelling.published_rows import open_rows

    partition = Store(store).require(asset, month, "this benchmark")
    model = DurationModel.load(partition.folder)
    rows = open_rows(trips, model.service, model.preprocessor.feature_set)
    seconds = 0.0
    for batch in rows.batches():
        features = model.preprocessor.transform(batch)
        began = time.perf_counter()
        predict_features(model.booster, model.intervals, features)
        seconds += time.perf_counter() - began
    return seconds
