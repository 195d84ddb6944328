"""Tiny models in the registry of a local MLflow store, as trainings of the project leave them."""

from __future__ import annotations

import logging
from pathlib import Path

import xgboost

from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.model_logging import example_trips, log_model
from duration_assets.modelling.pair_preprocessor import PairPreprocessor
from duration_assets.resources.registry import Registry, registered_name
from duration_assets_tests.homes import ReadableTracking
from duration_assets_tests.modelling.trips import trips_of
from duration_assets_tests.months import GREEN

NAME = registered_name("green", "course")


def tracking_in(home: Path) -> ReadableTracking:
    """Return the local MLflow store of a home."""
    return ReadableTracking(f"sqlite:///{home / 'mlflow.db'}", home=home, ui_url="http://here")


def registry_in(home: Path) -> Registry:
    """Return the registry of the same store."""
    return Registry(f"sqlite:///{home / 'mlflow.db'}", home=home)


def tiny_model(minutes: float = 5.0) -> DurationModel:
    """Return a model that has learnt from two trips."""
    trips = trips_of([minutes, minutes + 4], distance=[1.0, 2.0])
    preprocessor = PairPreprocessor.fit(trips.lazy())
    matrix = xgboost.DMatrix(preprocessor.transform(trips), label=trips["duration"].to_numpy())
    return DurationModel(GREEN, preprocessor, xgboost.train({}, matrix, num_boost_round=2))


def register(home: Path, month: str, model: DurationModel, scratch: Path) -> str:
    """Log a model as a training of the project does, and register it; returns its MLflow run."""
    folder = scratch / "whole"
    folder.mkdir(parents=True)
    model.save(folder)
    tags = {
        "service": "green",
        "feature_set": "course",
        "training_month": month,
        "simulated": "true",
    }
    with tracking_in(home).training_run(
        run_name=f"green/course/{month}",
        dagster_run_id="d",
        job_name="job",
        log=logging.getLogger(),
        tags=tags,
    ) as run:
        log_model(model, folder, example_trips(GREEN, uses_distance=True), NAME)
    return run.run_id
