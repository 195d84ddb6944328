"""Small models of simulated green trips, and trips to ask them about."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import xgboost

from duration_assets.modelling.cleaning import clean_month
from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.modelling.intervals import INTERVAL_PARAMETERS, Calibration, IntervalModel
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.preprocessors import fit_preprocessor
from duration_assets.modelling.single_trips import Trip
from duration_assets.modelling.statistics import weekly_sums
from duration_assets_tests.months import GREEN, JANUARY, published, simulated_folder


def small_model(feature_set: str = "metered", seed: int = 1, trips: int = 1_500) -> DurationModel:
    """Train a few small trees; another seed gives other predictions."""
    table = _cleaned(trips)
    features = FEATURE_SETS[feature_set]
    preprocessor = fit_preprocessor(features, [table.lazy()], [weekly_sums(table.lazy(), JANUARY)])
    matrix = xgboost.DMatrix(preprocessor.transform(table), label=table["duration"].to_numpy())
    common = {"seed": seed, "nthread": 1, "subsample": 0.7}
    booster = xgboost.train({**common, "max_depth": 5}, matrix, 20)
    intervals = None
    if features.uses_zone_statistics:
        percentiles = xgboost.train({**INTERVAL_PARAMETERS, **common}, matrix, 10)
        intervals = IntervalModel(percentiles, Calibration(0.13, 0.07, 4.0, 5.0))
    return DurationModel(GREEN, preprocessor, booster, intervals)


def saved_model(folder: Path, feature_set: str = "metered", seed: int = 1) -> Path:
    """Train a small model and save it in a new folder."""
    folder.mkdir(parents=True)
    small_model(feature_set, seed).save(folder)
    return folder


def varied_trips(count: int, seed: int = 0) -> list[Trip]:
    """Return trips between all zones, at all times of two years, with and without details."""
    draws = np.random.default_rng(seed)
    known = pl.DataFrame(_cleaned(1_500).select("pickup_zone", "dropoff_zone")).rows()
    trips = []
    for number in range(count):
        # Every other one is between zones that past trips were between, too.
        zones = known[number % len(known)] if number % 2 else draws.integers(1, 266, 2).tolist()
        details: Any = (None, None, None) if number % 7 == 0 else draws.integers(1, 7, 3).tolist()
        minutes = int(draws.integers(0, 2 * 365 * 24 * 60))
        time = datetime(2023, 1, 1) + timedelta(minutes=minutes, seconds=int(draws.integers(60)))
        distance = float(draws.gamma(1.5, 2.5))
        trips.append(Trip(time, zones[0], zones[1], distance, *details))
    return trips


def _cleaned(rows: int) -> pl.DataFrame:
    """Return the kept trips of a simulated month."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = published(simulated_folder(folder, JANUARY, rows=rows), JANUARY)
        clean_month(source, GREEN, JANUARY, folder / "kept", folder / "rejected")
        return pl.read_parquet(folder / "kept")
