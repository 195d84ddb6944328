"""Feature matrices on disk: made for a training window or a validation month, written, read.

Dense matrices are NumPy files that are mapped into memory, sparse ones SciPy files; neither can
hold a pickle.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from duration_assets.modelling.features import FloatArray
from duration_assets.modelling.pair_preprocessor import PairPreprocessor
from duration_assets.modelling.statistics import week_of
from duration_assets.modelling.training import Examples
from duration_assets.modelling.zone_preprocessor import ZonePreprocessor
from duration_assets.months import Month

TRAINING, BEGINNING, END = "training", "beginning", "end"
"""The parts of a training matrix: the whole window, and it again in two, to choose rounds on."""

END_SINCE_WEEK = 3
"""The end of a window is its last month from its fourth week, its 22nd day, on."""

LONGEST_JUDGED = 180.0
"""Trips of 0 to that many minutes are judged besides the kept ones."""

_SAMPLE_SEED = 42


def window_examples(
    preprocessor: ZonePreprocessor,
    trips: Mapping[Month, pl.DataFrame],
    weekly: Mapping[Month, pl.DataFrame],
) -> dict[str, Examples]:
    """Make all parts of a training matrix from zone statistics.

    Args:
        preprocessor: fitted on the whole window.
        trips: the kept trips of each month of the window, oldest first.
        weekly: the zone statistics of each month.

    Returns:
        `training`, `beginning` and `end`; the last two are encoded with what the beginning knows.
    """
    last = max(trips)
    is_end = trips[last].lazy().select(week_of(last) >= END_SINCE_WEEK).collect().to_series()
    before = {
        month: sums.filter(pl.col("week") < END_SINCE_WEEK) if month == last else sums
        for month, sums in weekly.items()
    }
    early = ZonePreprocessor.fit(preprocessor.feature_set, before.values())
    beginning = {**trips, last: trips[last].filter(~is_end)}
    end = trips[last].filter(is_end)
    return {
        TRAINING: _encode_training(preprocessor, trips, weekly),
        BEGINNING: _encode_training(early, beginning, before),
        END: Examples(early.transform(end), durations_of(end)),
    }


def pair_examples(preprocessor: PairPreprocessor, trips: pl.DataFrame) -> dict[str, Examples]:
    """Make the course's training matrix."""
    return {TRAINING: Examples(preprocessor.transform(trips), durations_of(trips))}


def sample_months(
    trips: Mapping[Month, pl.DataFrame], most: int | None
) -> dict[Month, pl.DataFrame]:
    """Take at most that many trips of a window, the same ones each time, from each month its share.

    Args:
        trips: the kept trips of each month.
        most: how many in all; None takes all.
    """
    total = sum(map(len, trips.values()))
    if most is None or total <= most:
        return dict(trips)
    sampled = {}
    for month, table in trips.items():
        generator = np.random.default_rng([_SAMPLE_SEED, month.year, month.month])
        share = len(table) * most // total
        rows = np.sort(generator.choice(len(table), share, replace=False))
        sampled[month] = table[rows]
    return sampled


def durations_of(trips: pl.DataFrame) -> FloatArray:
    """Return n minutes."""
    return trips["duration"].to_numpy()


def judged_trips(kept: Path, rejected: Path) -> pl.DataFrame:
    """Read a month's trips of 0 to 180 minutes, the kept and the rejected ones.

    Returns:
        The canonical columns and `kept`, in the order of the published file.
    """
    accepted = pl.scan_parquet(kept).with_columns(kept=pl.lit(True))
    others = pl.scan_parquet(rejected).filter(pl.col("duration").is_between(0, LONGEST_JUDGED))
    columns = accepted.collect_schema().names()
    rest = others.with_columns(kept=pl.lit(False)).select(columns)
    return pl.concat([accepted, rest]).sort("row").collect()


def write_examples(folder: Path, name: str, examples: Examples) -> None:
    """Write a part of a matrix into a folder."""
    if isinstance(examples.features, np.ndarray):
        np.save(folder / f"{name}.npy", examples.features, allow_pickle=False)
    else:
        from scipy.sparse import save_npz

        save_npz(folder / f"{name}.npz", examples.features, compressed=False)
    np.save(folder / f"{name}-durations.npy", examples.durations, allow_pickle=False)


def read_examples(folder: Path, name: str) -> Examples:
    """Read what `write_examples` wrote."""
    dense = folder / f"{name}.npy"
    if dense.exists():
        features = np.load(dense, mmap_mode="r", allow_pickle=False)
    else:
        from scipy.sparse import load_npz

        features = load_npz(folder / f"{name}.npz")
    return Examples(features, np.load(folder / f"{name}-durations.npy", allow_pickle=False))


def not_finite(examples: Examples) -> int:
    """Count the features that are null or infinite."""
    values: Any = examples.features
    values = values if isinstance(values, np.ndarray) else values.data
    return int(values.size - np.isfinite(values).sum())


def _encode_training(
    preprocessor: ZonePreprocessor,
    trips: Mapping[Month, pl.DataFrame],
    weekly: Mapping[Month, pl.DataFrame],
) -> Examples:
    features = [
        preprocessor.transform_training(table, month, weekly[month])
        for month, table in trips.items()
    ]
    return Examples(
        np.vstack(features), np.concatenate([durations_of(table) for table in trips.values()])
    )
