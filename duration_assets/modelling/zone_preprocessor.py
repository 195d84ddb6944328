"""The preprocessor of `metered` and `request`: past trips' means by zone and time, shrunk.

The idea is that of a cross-fitted target encoder (scikit-learn's `TargetEncoder`), made from sums
that add up: a training trip is encoded with the sums of all weeks of the window but its own, a
later trip with all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from duration_assets.modelling.features import (
    LEVELS,
    TIME_FEATURES,
    FeatureSet,
    FloatArray,
    IntArray,
    feature_names,
    feature_set_named,
    level_codes,
    own_features,
)
from duration_assets.modelling.statistics import KEYS, SUMS, WEEKS, add_up, week_of
from duration_assets.months import Month

PSEUDO_TRIPS = 20.0
"""Each mean is shrunk towards the overall mean as if that many trips had had it."""

_METADATA_KEY = "duration_assets.preprocessor"
_CHUNK = 250_000


class ZonePreprocessor:
    """Encodes trips by the means of past trips between the same zones.

    Attributes:
        feature_set: says which features there are.
        sums: what the past trips sum up to, by `KEYS`.
        feature_names: the k columns of the matrices it makes.
    """

    def __init__(self, feature_set: FeatureSet, sums: pl.DataFrame) -> None:
        """Take sums as `statistics.add_up` makes them."""
        self.feature_set = feature_set
        self.sums = sums
        self.feature_names = feature_names(feature_set)
        overall = sums.select(pl.col(SUMS).sum()).row(0)
        self._overall_means = np.array(overall[1:]) / max(overall[0], 1.0)
        self._totals = {level: _dense(level, sums) for level in LEVELS}

    @classmethod
    def fit(cls, feature_set: FeatureSet, months: Iterable[pl.DataFrame]) -> Self:
        """Add up the weekly sums of the window's months."""
        return cls(feature_set, add_up(months))

    def transform(self, trips: pl.DataFrame) -> FloatArray:
        """Encode trips that are not among the past trips.

        Args:
            trips: n rows in the canonical schema.

        Returns:
            n rows of k features, float32; the distance is NaN where it is unknown.
        """
        own = own_features(trips.lazy(), self.feature_set)
        encoded = [self._means(self._totals[level][level_codes(level, own)]) for level in LEVELS]
        return self._assemble(encoded, own)

    def transform_training(
        self, trips: pl.DataFrame, month: Month, weekly: pl.DataFrame
    ) -> FloatArray:
        """Encode trips of a month that is among the past trips, without their own week's.

        Args:
            trips: n rows in the canonical schema.
            month: the month of the file they stand in.
            weekly: that month's sums by week, as they went into `fit`.

        Returns:
            n rows of k features, float32, in the order of the trips.
        """
        own = own_features(trips.lazy(), self.feature_set)
        weeks = trips.lazy().select(week_of(month)).collect().to_series().to_numpy()
        by_week = {week: weekly.filter(pl.col("week") == week) for week in range(WEEKS)}
        encoded = [
            self._means(self._without_own_week(level, own, weeks, by_week)) for level in LEVELS
        ]
        return self._assemble(encoded, own)

    def _without_own_week(
        self, level: str, own: pl.DataFrame, weeks: IntArray, by_week: Mapping[int, pl.DataFrame]
    ) -> FloatArray:
        """Return the level's sums for each trip, less those of the trip's own week."""
        codes = level_codes(level, own)
        sums = self._totals[level][codes]
        for week, table in by_week.items():
            rows = np.flatnonzero(weeks == week)
            if rows.size and table.height:
                sums[rows] -= _lookup(level, table, codes[rows])
        return sums

    def _means(self, sums: FloatArray) -> FloatArray:
        """Turn n rows of sums into n rows of a count and shrunk means."""
        counts = np.rint(sums[:, :1])
        # What is left of a sum after its only week was taken away is rounding noise.
        totals = np.where(counts > 0, sums[:, 1:], 0.0)
        means = (totals + PSEUDO_TRIPS * self._overall_means) / (counts + PSEUDO_TRIPS)
        return np.hstack([counts, means]).astype(np.float32)

    def _assemble(self, encoded: list[FloatArray], own: pl.DataFrame) -> FloatArray:
        names = [*TIME_FEATURES, *(["trip_distance"] if self.feature_set.uses_distance else [])]
        times = own.select(pl.col(names).cast(pl.Float32)).to_numpy()
        return np.ascontiguousarray(np.hstack([*encoded, times]), dtype=np.float32)

    def save(self, path: Path) -> None:
        """Write everything to one Parquet file."""
        self.sums.write_parquet(
            path, metadata={_METADATA_KEY: json.dumps({"feature_set": self.feature_set.name})}
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        marks = json.loads(pl.read_parquet_metadata(path)[_METADATA_KEY])
        return cls(feature_set_named(marks["feature_set"]), pl.read_parquet(path))


def _level_sums(level: str, sums: pl.DataFrame) -> tuple[IntArray, FloatArray]:
    """Return the level's codes that occur, each once and ascending, and their sums."""
    coded = sums.with_columns(code=pl.Series(level_codes(level, sums.select(KEYS))))
    added = add_up([coded], keys=["code"])
    return added["code"].to_numpy(), added.select(SUMS).to_numpy()


def _dense(level: str, sums: pl.DataFrame) -> FloatArray:
    """Return the level's sums as one row for each code there is."""
    codes, values = _level_sums(level, sums)
    dense = np.zeros((LEVELS[level], len(SUMS)))
    dense[codes] = values
    return dense


def _lookup(level: str, sums: pl.DataFrame, codes: IntArray) -> FloatArray:
    """Return the level's sums for each of the codes, all of which occur."""
    known, values = _level_sums(level, sums)
    return values[np.searchsorted(known, codes)]
