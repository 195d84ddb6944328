"""Training a model again: the steps of the assets, one after the other, in a scratch folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from duration_assets.data_versions import cleaned_version, model_content
from duration_assets.lineage import MODEL_CODE, model_nodes
from duration_assets.modelling.cleaning import KEPT_FILE, REJECTED_FILE, clean_month
from duration_assets.modelling.features import feature_set_named
from duration_assets.modelling.matrices import training_parts, write_parts
from duration_assets.modelling.matrix_files import StoredExamples
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.parameters import ROUNDS, parameters_of, tuned_through
from duration_assets.modelling.preprocessors import fit_preprocessor
from duration_assets.modelling.statistics import STATISTICS_FILE, weekly_sums
from duration_assets.modelling.training import fit_parts
from duration_assets.modelling.training_record import (
    MonthRecord,
    TrainingRecord,
    distinct_features,
    machine_now,
    packages_now,
)
from duration_assets.modelling.trip_batches import MonthTrips, sample_window
from duration_assets.months import Month
from duration_assets.progress import Progress
from duration_assets.resources.files import content_hash
from duration_assets.services import Service, service_named
from duration_assets.settings import Settings

if TYPE_CHECKING:
    from duration_assets.modelling.training import FittedBooster

_STEPS = ("preprocessor", "training_matrix", "duration_model")
"""The assets whose code versions a training writes down."""


@dataclass
class _Window:
    """The months of a window, as far as they are made."""

    trips: list[MonthTrips] = field(default_factory=list)
    statistics: dict[Month, pl.DataFrame] = field(default_factory=dict)
    records: list[MonthRecord] = field(default_factory=list)


def train_again(
    logged: TrainingRecord,
    published: Mapping[Month, Path],
    folder: Path,
    progress: Progress,
    settings: Settings,
) -> TrainingRecord:
    """Train a model on the same files, with the same settings, by today's code.

    Args:
        logged: the training to repeat.
        published: the published file of each month of its window, oldest first.
        folder: an existing folder, in which the model's files are left, with much else.
        progress: shows how far it is.
        settings: what the code's versions follow from, besides the training's own settings.

    Returns:
        What the first training would have written down if it had been this one.
    """
    service = service_named(logged.service)
    window = _make_window(service, logged, published, folder, progress)
    feature_set = feature_set_named(logged.feature_set)
    scans = [pl.scan_parquet(month.path) for month in window.trips]
    preprocessor = fit_preprocessor(feature_set, scans, window.statistics.values())
    sampled = sample_window(window.trips, logged.settings["max_training_rows"])
    threads = logged.settings["threads"]
    assert threads is not None
    parts = training_parts(preprocessor, sampled, window.statistics, threads)
    at = logged.training_month
    with progress.task(f"Encoding {at}'s window", "trips", None) as report:
        written = write_parts(folder, parts, sampled, report)
    with progress.task(f"Training {at}", "rounds", None) as report:
        stored = {name: StoredExamples(folder / name) for name in written}
        usual = usual_of(logged, settings)
        fitted = fit_parts(stored, threads, usual, report)
    DurationModel(service, preprocessor, fitted.booster, fitted.intervals).save(folder)
    trips = sum(map(len, sampled))
    made = replace(
        logged,
        months=tuple(window.records),
        sampled=trips < sum(map(len, window.trips)),
        trips=trips,
        features=distinct_features(preprocessor.feature_names),
        columns=len(preprocessor.feature_names),
        content=model_content(folder),
    )
    return _by_todays_code(made, fitted, settings)


def usual_of(logged: TrainingRecord, settings: Settings) -> dict[str, Any]:
    """Return the parameters to train with again.

    Those that the feature set had then; if they were not written down, those that it has now. The
    rounds, which were no parameter once, are too.
    """
    today = parameters_of(logged.feature_set, settings.parameters)
    if logged.usual is None:
        return today
    # The course's has no parameters here.
    return {ROUNDS: today[ROUNDS], **logged.usual} if today else logged.usual


def _by_todays_code(
    record: TrainingRecord, fitted: FittedBooster, settings: Settings
) -> TrainingRecord:
    """Say with what a model was made now."""
    as_then = settings.model_copy(
        update={name: record.settings[name] for name in ("window", "max_training_rows")}
    )
    nodes = model_nodes(record.service, record.feature_set, as_then)
    now = {node.key.rpartition("/")[2]: node.code_version for node in nodes}
    # Parameters are compared by themselves.
    now["duration_model"] = MODEL_CODE
    return replace(
        record,
        code_versions={name: version for name, version in now.items() if name in _STEPS},
        packages=packages_now(),
        machine=machine_now(),
        parameters=fitted.parameters,
        tuned_through=(
            tuned_through(record.feature_set, settings.parameters)
            if record.usual is None
            else record.tuned_through
        ),
        rounds=fitted.rounds,
        metrics=fitted.metrics,
    )


def _make_window(
    service: Service,
    logged: TrainingRecord,
    published: Mapping[Month, Path],
    folder: Path,
    progress: Progress,
) -> _Window:
    """Clean and add up each month in a folder of its own."""
    window = _Window()
    wants_statistics = feature_set_named(logged.feature_set).uses_zone_statistics
    with progress.task("Cleaning", "months", None) as report:
        for before, (month, path) in zip(logged.months, published.items(), strict=True):
            place = folder / str(month)
            place.mkdir()
            kept, rejected = place / KEPT_FILE, place / REJECTED_FILE
            summary = clean_month(path, service, month, kept, rejected)
            window.trips.append(MonthTrips(month, kept, summary.kept))
            made = replace(
                before,
                cleaned=cleaned_version(kept, rejected),
                kept=summary.kept,
                other_months=summary.kept - summary.picked_up_in_month,
            )
            rejected.unlink()
            if wants_statistics:
                sums = place / STATISTICS_FILE
                weekly_sums(pl.scan_parquet(kept), month).write_parquet(sums)
                window.statistics[month] = pl.read_parquet(sums)
                made = replace(made, statistics=content_hash(sums))
            window.records.append(made)
            report(len(window.records), len(published))
    return window
