"""What the process of a trial does: read its months, fit, judge, and return the figures.

Nothing heavy is imported with this module, so that a new process decides on its threads first.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duration_assets.disk_space import full_disk_error, is_full_disk
from duration_assets.months import Month

if TYPE_CHECKING:
    from duration_assets.modelling.trials import EncodedTrial


@dataclass(frozen=True)
class MonthFiles:
    """A month as files.

    Attributes:
        month: the month.
        trips: the kept trips.
        kept: how many.
        statistics: the zone statistics; None if they are not looked at.
    """

    month: Month
    trips: Path
    kept: int
    statistics: Path | None


@dataclass(frozen=True)
class Work:
    """What a process is to do.

    Attributes:
        feature_set: the name of the feature set.
        window: the months to train on, oldest first.
        judged: the month to judge on.
        parameters: of XGBoost, as models are trained with.
        overrides: what a person gave in place of some of them.
        most_rows: how many trips to train on at most; None for all.
        threads: how many to use.
        scratch: a folder for matrices while it works.
    """

    feature_set: str
    window: tuple[MonthFiles, ...]
    judged: MonthFiles
    parameters: Mapping[str, Any]
    most_rows: int | None
    threads: int
    scratch: Path
    # No proxy: it goes to another process.
    overrides: Mapping[str, Any] = field(default_factory=dict)


def fit_and_judge(work: Work) -> dict[str, Any]:
    """Fit on the window and judge on the month after; for a process of its own.

    Returns:
        `metrics`, `rounds`, `training_trips`, `trips` and `seconds`.

    Raises:
        BadFileError: if a month cannot be used.
        StoreError: if the disk is full.
    """
    began = time.perf_counter()
    with encoded(work) as trial:
        fitted = trial.fit(work.threads, work.parameters, overrides=work.overrides)
        metrics = trial.judge(fitted)
    return {
        "metrics": metrics,
        "rounds": fitted.rounds,
        "training_trips": trial.training_trips,
        "trips": trial.trips,
        "seconds": round(time.perf_counter() - began, 3),
    }


@contextmanager
def encoded(work: Work) -> Iterator[EncodedTrial]:
    """Read the months and encode them; the matrices are gone afterwards.

    Raises:
        BadFileError: if a month cannot be used.
        StoreError: if the disk is full.
    """
    # Read by Polars when it is loaded.
    os.environ["POLARS_MAX_THREADS"] = str(work.threads)
    from duration_assets.modelling.loading_xgboost import load_alone

    load_alone()
    with _full_disk_named(work.scratch), tempfile.TemporaryDirectory(dir=work.scratch) as folder:
        yield encode(work, Path(folder))


def encode(work: Work, folder: Path) -> EncodedTrial:
    """Read the months and encode them into an existing empty folder.

    Raises:
        BadFileError: if a month cannot be used.
    """
    import polars as pl

    from duration_assets.modelling.features import feature_set_named
    from duration_assets.modelling.trials import encode_trial
    from duration_assets.modelling.trip_batches import MonthTrips, sample_window

    months = [MonthTrips(each.month, each.trips, each.kept) for each in work.window]
    window = sample_window(months, work.most_rows)
    weekly = {
        each.month: pl.read_parquet(each.statistics) for each in work.window if each.statistics
    }
    judged = MonthTrips(work.judged.month, work.judged.trips, work.judged.kept)
    feature_set = feature_set_named(work.feature_set)
    return encode_trial(feature_set, window, weekly, judged, folder)


@contextmanager
def _full_disk_named(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_full_disk(error):
            raise full_disk_error(folder) from error
        raise
