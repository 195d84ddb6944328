"""The parts of a training matrix and a validation matrix, made chunk by chunk from trips."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from duration_assets.errors import BadFileError
from duration_assets.modelling.features import FeatureSet, FloatArray
from duration_assets.modelling.in_order import in_order
from duration_assets.modelling.matrix_files import Examples, MatrixSummary, write_examples
from duration_assets.modelling.pair_preprocessor import PairPreprocessor
from duration_assets.modelling.preprocessors import Preprocessor
from duration_assets.modelling.statistics import week_of
from duration_assets.modelling.trip_batches import BATCH, COLUMNS, MonthTrips, sample_window
from duration_assets.modelling.window_sizes import LARGE_WINDOW
from duration_assets.modelling.zone_preprocessor import Encoder, ZonePreprocessor
from duration_assets.months import Month

TRAINING, BEGINNING, END = "training", "beginning", "end"
"""The parts of a training matrix: the whole window, and it again in two, for intervals."""

END_SINCE_WEEK = 3
"""The end of a window is its last month from its fourth week, its 22nd day, on."""

SAMPLED_TRIPS = 500_000
"""Of a large window, on how many trips intervals are fitted and calibrated."""

LONGEST_JUDGED = 180.0
"""Trips of 0 to that many minutes are judged besides the kept ones."""

Parts = dict[str, Iterator[Examples]]

Progress = Callable[[int, int], None]
"""Called with how much is done, trips or rounds, and how much there is at most."""


def part_names(feature_set: FeatureSet) -> tuple[str, ...]:
    """Return which parts a training matrix has: the course's is whole."""
    return (TRAINING, BEGINNING, END) if feature_set.uses_zone_statistics else (TRAINING,)


def training_parts(
    preprocessor: PairPreprocessor | ZonePreprocessor,
    window: Sequence[MonthTrips],
    weekly: Mapping[Month, pl.DataFrame],
    threads: int = 1,
) -> Parts:
    """Make all parts of a training matrix, as the preprocessor's feature set wants them.

    Args:
        preprocessor: fitted on the whole window.
        window: the kept trips of each month, oldest first.
        weekly: the zone statistics of each month, for a feature set that uses them.
        threads: how many encode, each a chunk; the course's matrix is one.
    """
    if isinstance(preprocessor, PairPreprocessor):
        return pair_parts(preprocessor, window)
    return window_parts(preprocessor, window, weekly, threads)


def window_parts(
    preprocessor: ZonePreprocessor,
    window: Sequence[MonthTrips],
    weekly: Mapping[Month, pl.DataFrame],
    threads: int = 1,
) -> Parts:
    """Make all parts of a training matrix from zone statistics.

    Args:
        preprocessor: fitted on the whole window.
        window: the kept trips of each month, oldest first.
        weekly: the zone statistics of each month.
        threads: how many encode, each a chunk.

    Returns:
        `training`, `beginning` and `end`; the last two are encoded with what the beginning knows.
    """
    last = window[-1].month
    before = {
        month: sums.filter(pl.col("week") < END_SINCE_WEEK) if month == last else sums
        for month, sums in weekly.items()
    }
    large = sum(map(len, window)) > LARGE_WINDOW
    sampled = sample_window(window, SAMPLED_TRIPS) if large else window
    early = ZonePreprocessor.fit(preprocessor.feature_set, before.values())
    beginning = week_of(last) < END_SINCE_WEEK
    return {
        TRAINING: _encode_window(preprocessor, window, weekly, pl.lit(True), threads),
        BEGINNING: _encode_window(early, sampled, before, beginning, threads),
        END: _encode_end(early, sampled[-1]),
    }


def pair_parts(preprocessor: PairPreprocessor, window: Sequence[MonthTrips]) -> Parts:
    """Make the course's training matrix, whole: XGBoost is to get it as the course gives it."""
    trips = pl.concat([batch for month in window for batch in month.batches()])
    return {TRAINING: iter([_examples(preprocessor.transform(trips), trips)])}


def write_parts(
    folder: Path, parts: Parts, window: Sequence[MonthTrips], progress: Progress | None = None
) -> dict[str, MatrixSummary]:
    """Write each part of a training matrix into a folder of its own in `folder`.

    Args:
        folder: an existing folder.
        parts: what `training_parts` made of the window.
        window: the months that they were made from.
        progress: told how far each part is.

    Raises:
        BadFileError: if the end of the window cannot be told from its beginning.
    """
    total = sum(map(len, window))
    written = {
        name: write_examples(folder / name, _counted(chunks, total, progress))
        for name, chunks in parts.items()
    }
    _check_parts(written, window[-1].month)
    return written


def validation_chunks(
    preprocessor: Preprocessor, trips: pl.DataFrame, threads: int = 1
) -> Iterator[Examples]:
    """Encode n trips as a model that has never seen them does, several chunks at once."""

    def encoded(batch: pl.DataFrame) -> Examples:
        return _examples(preprocessor.transform(batch), batch)

    return in_order(encoded, trips.iter_slices(BATCH), threads)


def judged_trips(kept: Path, rejected: Path) -> pl.DataFrame:
    """Read a month's trips of 0 to 180 minutes, the kept and the rejected ones.

    Returns:
        The columns of `trip_batches.COLUMNS` and `kept`, in the order of the published file.
    """
    accepted = pl.scan_parquet(kept).with_columns(kept=pl.lit(True))
    others = pl.scan_parquet(rejected).filter(pl.col("duration").is_between(0, LONGEST_JUDGED))
    columns = ["row", *COLUMNS, "kept"]
    parts = [accepted.select(columns), others.with_columns(kept=pl.lit(False)).select(columns)]
    return pl.concat(parts).sort("row").drop("row").collect()


def _encode_window(
    preprocessor: ZonePreprocessor,
    window: Sequence[MonthTrips],
    weekly: Mapping[Month, pl.DataFrame],
    of_last_month: pl.Expr,
    threads: int,
) -> Iterator[Examples]:
    """Encode each trip without its own week; of the last month only those that are wanted."""
    for trips in window:
        encode = preprocessor.without_own_week(trips.month, weekly[trips.month])
        wanted = of_last_month if trips is window[-1] else pl.lit(True)
        encoded = partial(_encoded, encode, wanted)
        yield from in_order(encoded, trips.batches(), threads)


def _encoded(encode: Encoder, wanted: pl.Expr, batch: pl.DataFrame) -> Examples:
    some = batch.filter(wanted)
    return _examples(encode(some), some)


def _encode_end(preprocessor: ZonePreprocessor, last: MonthTrips) -> Iterator[Examples]:
    """Encode the end of a window as trips that the beginning does not know."""
    for batch in last.batches():
        some = batch.filter(week_of(last.month) >= END_SINCE_WEEK)
        yield _examples(preprocessor.transform(some), some)


def _counted(
    chunks: Iterable[Examples], total: int, progress: Progress | None
) -> Iterator[Examples]:
    """Pass chunks on, and report how many trips they were."""
    done = 0
    for chunk in chunks:
        yield chunk
        done += len(chunk.durations)
        if progress is not None:
            progress(done, total)


def _check_parts(written: Mapping[str, MatrixSummary], month: Month) -> None:
    """Refuse a window whose end cannot be told from its beginning.

    Raises:
        BadFileError: if either has no trips.
    """
    empty = [name for name in (BEGINNING, END) if name in written and not written[name].rows]
    if empty:
        raise BadFileError(
            f"The {empty[0]} of the window of {month} has no trips (the end is its last month from "
            "the 22nd day on), so that there can be no intervals: ask the source for the whole "
            f"file of {month} and land it again."
        )


def _examples(features: FloatArray, trips: pl.DataFrame) -> Examples:
    return Examples(features, np.asarray(trips["duration"].to_numpy()))
