"""The preprocessor of `metered` and `request`: past trips' means by zone and time, shrunk.

The idea is that of a cross-fitted target encoder (scikit-learn's `TargetEncoder`), made from sums
that add up: a training trip is encoded with the sums of all weeks of the window but its own, a
later trip with all of them. All trips of a zone pair in a time block (and, in training, a week)
have the same statistics, so these are worked out once for each and handed to the trips.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from duration_assets.errors import BadFileError
from duration_assets.modelling.features import (
    KEY_CODES,
    LEVELS,
    FeatureSet,
    FloatArray,
    IntArray,
    feature_names,
    feature_set_named,
    key_codes,
    level_codes,
    own_features,
    trip_features,
)
from duration_assets.modelling.statistics import BLOCKS, SUMS, WEEKS, add_up, week_of
from duration_assets.modelling.zone_map import draw_zone_map
from duration_assets.months import Month

PSEUDO_TRIPS = 20.0
"""Each mean is shrunk towards the overall mean as if that many trips had had it."""

LEAST_MEAN_DISTANCE = np.float32(0.1)
"""Mean distances count as at least that many miles when a trip's own is divided by them."""

_BLOCK = 8_192
"""Rows that are filled at a time: their columns stay in the processor's cache until all are in."""

_METADATA_KEY = "duration_assets.preprocessor"

Encoder = Callable[[pl.DataFrame], FloatArray]
"""Turns n trips in the canonical schema into n rows of features."""


class ZonePreprocessor:
    """Encodes trips by the means of past trips between the same zones.

    Attributes:
        feature_set: says which features there are.
        sums: what the past trips sum up to, by `KEYS`.
        zone_map: where the zones are: a row for each, in miles.
        feature_names: the k columns of the matrices it makes.
    """

    def __init__(self, feature_set: FeatureSet, sums: pl.DataFrame, zone_map: FloatArray) -> None:
        """Take sums as `statistics.add_up` makes them, and the map that was drawn from them."""
        self.feature_set = feature_set
        self.sums = sums
        self.zone_map = zone_map
        self.feature_names = feature_names(feature_set)
        overall = sums.select(pl.col(SUMS).sum()).row(0)
        self._overall_means = np.array(overall[1:]) / max(overall[0], 1.0)

    @cached_property
    def _totals(self) -> dict[str, _Totals]:
        """The sums of every code there is, by level; made when they are first needed."""
        keys = key_codes(self.sums)
        return {
            level: _Totals.of(level_codes(level, keys), self.sums, size)
            for level, size in LEVELS.items()
        }

    @classmethod
    def fit(cls, feature_set: FeatureSet, months: Iterable[pl.DataFrame]) -> Self:
        """Add up the weekly sums of the window's months, and draw the map of its zones."""
        sums = add_up(months)
        return cls(feature_set, sums, draw_zone_map(sums))

    def transform(self, trips: pl.DataFrame) -> FloatArray:
        """Encode trips that are not among the past trips.

        Args:
            trips: n rows in the canonical schema.

        Returns:
            n rows of k features, float32; the distance is NaN where it is unknown.
        """
        own = own_features(trips.lazy(), self.feature_set)
        keys, rows = np.unique(key_codes(own), return_inverse=True)
        described = [
            self._means(self._totals[level].at(level_codes(level, keys))) for level in LEVELS
        ]
        return self._assemble(np.hstack([*described, self._on_map(keys)]), rows, own)

    def means_by_level(self) -> list[FloatArray]:
        """Return the features of every code of each level, in the order of `LEVELS`.

        Returns:
            Float32 arrays of as many rows as the level has codes, with a column for each of `SUMS`.
        """
        return [self._means(totals.sums)[totals.rows] for totals in self._totals.values()]

    def map_distances(self) -> FloatArray:
        """Return how far apart on the map the zones of every code of a pair are, float32 miles."""
        return self._on_map(np.arange(LEVELS["pair"]) * BLOCKS)[:, -1].copy()

    def without_own_week(self, month: Month, weekly: pl.DataFrame) -> Encoder:
        """Return an encoder of trips that are among the past trips, which leaves out their week.

        Args:
            month: the month of the file that the trips stand in.
            weekly: that month's sums by week, as they went into `fit`.

        Returns:
            A function from n of that month's trips to n rows of k features, float32.
        """
        described = self._describe_weeks(weekly)
        rows_of = np.full(WEEKS * KEY_CODES, -1, dtype=np.int32)
        rows_of[_week_codes(weekly["week"], key_codes(weekly), KEY_CODES)] = np.arange(len(weekly))

        def encode(trips: pl.DataFrame) -> FloatArray:
            own = own_features(trips.lazy(), self.feature_set)
            weeks = trips.lazy().select(week_of(month)).collect().to_series()
            rows = rows_of[_week_codes(weeks, key_codes(own), KEY_CODES)]
            if (rows < 0).any():
                raise BadFileError(
                    f"The zone statistics of {month} lack some of its trips: materialize "
                    "zone_statistics for it again."
                )
            return self._assemble(described, rows, own)

        return encode

    def _describe_weeks(self, weekly: pl.DataFrame) -> FloatArray:
        """Return the features of each row of a month's sums, less the sums of the row's week."""
        keys, parts = key_codes(weekly), []
        for level, size in LEVELS.items():
            codes = _week_codes(weekly["week"], level_codes(level, keys), size)
            distinct, rows = np.unique(codes, return_inverse=True)
            others = self._totals[level].at(distinct % size) - _sums_by(rows, weekly)
            parts.append(self._means(others)[rows])
        return np.hstack([*parts, self._on_map(keys)])

    def _on_map(self, keys: IntArray) -> FloatArray:
        """Return n rows of `map_features`."""
        ends = [self.zone_map[level_codes(end, keys)] for end in ("pickup", "dropoff")]
        x, y, z = ((ends[1] - ends[0]) ** 2).T
        # Axis by axis: a sum over an axis may add up in another order for one trip than for many.
        return np.hstack([*ends, np.sqrt(x + y + z)[:, None]])

    def _means(self, sums: FloatArray) -> FloatArray:
        """Turn n rows of sums into n rows of a count and shrunk means."""
        counts = sums[:, :1]
        means = (sums[:, 1:] + PSEUDO_TRIPS * self._overall_means) / (counts + PSEUDO_TRIPS)
        return np.hstack([counts, means]).astype(np.float32)

    def _assemble(self, described: FloatArray, rows: IntArray, own: pl.DataFrame) -> FloatArray:
        """Put the statistics of each trip's row beside what is the trip's own."""
        matrix = np.empty((len(own), len(self.feature_names)), dtype=np.float32)
        names = trip_features(self.feature_set)
        its_own = [own[name].cast(pl.Float32).to_numpy() for name in names]
        for start in range(0, len(own), _BLOCK):
            block = slice(start, start + _BLOCK)
            part = matrix[block]
            part[:, : described.shape[1]] = described[rows[block]]
            for column, values in enumerate(its_own, start=len(self.feature_names) - len(names)):
                part[:, column] = values[block]
            if self.feature_set.uses_distance:
                self._add_paces(part)
        return matrix

    def _add_paces(self, matrix: FloatArray) -> None:
        """Put the trips' own distances beside those of past trips."""
        place = {name: column for column, name in enumerate(self.feature_names)}
        distance = matrix[:, place["trip_distance"]]
        for level in LEVELS:
            mean = np.maximum(matrix[:, place[f"{level}_distance"]], LEAST_MEAN_DISTANCE)
            ratio = distance / mean
            matrix[:, place[f"{level}_distance_ratio"]] = ratio
            matrix[:, place[f"{level}_minutes_at_pace"]] = (
                ratio * matrix[:, place[f"{level}_duration"]]
            )

    def save(self, path: Path) -> None:
        """Write everything to one Parquet file."""
        marks = {"feature_set": self.feature_set.name, "zone_map": self.zone_map.tolist()}
        self.sums.write_parquet(path, metadata={_METADATA_KEY: json.dumps(marks)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            BadFileError: if an earlier version, whose models had other features, wrote it.
        """
        marks = json.loads(pl.read_parquet_metadata(path)[_METADATA_KEY])
        if "zone_map" not in marks:
            raise BadFileError(
                f"{path.name} has no map of the zones: an earlier version of this project made it. "
                "Materialize preprocessor, training_matrix and duration_model of its month again."
            )
        zone_map = np.array(marks["zone_map"], dtype=np.float32)
        return cls(feature_set_named(marks["feature_set"]), pl.read_parquet(path), zone_map)


def _week_codes(weeks: pl.Series, codes: IntArray, size: int) -> IntArray:
    """Return codes that also tell weeks apart, from 0 to `WEEKS` * size - 1."""
    return weeks.to_numpy().astype(np.int32) * size + codes


def _sums_by(rows: IntArray, sums: pl.DataFrame) -> FloatArray:
    """Add up n rows of sums by the row of the result that each belongs to, exact in any order."""
    return np.stack([np.bincount(rows, sums[name].to_numpy()) for name in SUMS], axis=1)


@dataclass(frozen=True)
class _Totals:
    """The sums of all codes of a level, of which few have trips.

    Attributes:
        rows: the row of each code in `sums`; the first is that of all codes without trips.
        sums: rows of `SUMS`.
    """

    rows: IntArray
    sums: FloatArray

    @classmethod
    def of(cls, codes: IntArray, sums: pl.DataFrame, size: int) -> Self:
        """Add up n rows by their codes, of which there are `size`."""
        distinct, found = np.unique(codes, return_inverse=True)
        rows = np.zeros(size, dtype=np.int32)
        rows[distinct] = np.arange(1, len(distinct) + 1)
        return cls(rows, np.vstack([np.zeros(len(SUMS)), _sums_by(found, sums)]))

    def at(self, codes: IntArray) -> FloatArray:
        """Return the sums of n codes, n rows."""
        return np.asarray(self.sums[self.rows[codes]])
