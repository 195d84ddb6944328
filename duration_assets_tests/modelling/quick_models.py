"""Models of few trees, fitted in a moment on a published month, for tests of what asks a model."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import xgboost

from duration_assets.modelling.cleaning import clean_month
from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.modelling.intervals import INTERVAL_PARAMETERS, IntervalModel, calibrate
from duration_assets.modelling.model import DurationModel, predict_matrix
from duration_assets.modelling.preprocessors import fit_preprocessor
from duration_assets.modelling.statistics import weekly_sums
from duration_assets.months import Month
from duration_assets.services import Service


def quick_model(
    published: Path, service: Service, month: Month, feature_set: str, scratch: Path
) -> DurationModel:
    """Fit a model on a published month; with intervals, but for `course`."""
    kept = scratch / "kept.parquet"
    clean_month(published, service, month, kept, scratch / "rejected.parquet")
    trips = pl.read_parquet(kept)
    features = FEATURE_SETS[feature_set]
    preprocessor = fit_preprocessor(features, [trips.lazy()], [weekly_sums(trips.lazy(), month)])
    examples = xgboost.DMatrix(preprocessor.transform(trips), label=trips["duration"].to_numpy())
    booster = xgboost.train({"max_depth": 5, "seed": 1, "nthread": 1}, examples, 15)
    if not features.uses_zone_statistics:
        return DurationModel(service, preprocessor, booster)
    quantiles = xgboost.train({**INTERVAL_PARAMETERS, "nthread": 1}, examples, 10)
    encoded = preprocessor.transform(trips)
    calibration = calibrate(
        quantiles.inplace_predict(encoded),
        predict_matrix(booster, encoded),
        trips["duration"].to_numpy(),
    )
    return DurationModel(service, preprocessor, booster, IntervalModel(quantiles, calibration))
