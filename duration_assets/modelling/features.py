"""The feature sets: which columns a model sees, and how a trip's keys become integer codes.

`course` is the zone pair and the distance, exactly as in the course's script. `metered` and
`request` describe the zones by past trips (see `statistics.py`); `metered` knows the distance too,
`request` only what is known before a trip starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from duration_assets.errors import SettingsError
from duration_assets.modelling.cleaning import DETAILS
from duration_assets.modelling.public_holidays import is_holiday
from duration_assets.modelling.statistics import BLOCKS, SUMS, ZONES, with_time_and_zone_keys

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]

LONGEST_FEATURE_DISTANCE = 100.0
"""Metered distances are clipped to 0 to 100 miles as a feature."""

LEVELS: dict[str, int] = {
    "pair": ZONES * ZONES,
    "pickup": ZONES,
    "dropoff": ZONES,
    "pair_block": ZONES * ZONES * BLOCKS,
    "pickup_block": ZONES * BLOCKS,
    "dropoff_block": ZONES * BLOCKS,
}
"""What past trips are grouped by, and how many codes each level has."""

KEY_CODES = LEVELS["pair_block"]
"""How many codes there are for a zone pair in a time block, the finest level."""

TIME_FEATURES = ("hour", "weekday", "hour_of_week", "minute_of_day", "day_of_year", "holiday")

MAP_AXES = ("x", "y", "z")
DIMENSIONS = len(MAP_AXES)
"""Of the map of the zones."""

NOT_KNOWN = -1
"""Stands for a detail of a trip that is null: that it is null says which system recorded it."""


@dataclass(frozen=True)
class FeatureSet:
    """A way to describe a trip to a model.

    Attributes:
        name: `course`, `metered` or `request`.
        description: for people.
        uses_distance: whether the trip's own metered distance is a feature.
        uses_zone_statistics: whether zones are described by sums over past trips.
        version: raised when the features change, so that what was made before is out of date.
    """

    name: str
    description: str
    uses_distance: bool
    uses_zone_statistics: bool
    version: str = "1"


FEATURE_SETS: dict[str, FeatureSet] = {
    feature_set.name: feature_set
    for feature_set in (
        FeatureSet(
            "course",
            "zone pair and metered distance, exactly as the course's script has them",
            uses_distance=True,
            uses_zone_statistics=False,
        ),
        FeatureSet(
            "metered",
            "pickup time, zones described by past trips, and the metered distance",
            uses_distance=True,
            uses_zone_statistics=True,
            version="2",
        ),
        FeatureSet(
            "request",
            "only what is known before a trip starts: pickup time and zones",
            uses_distance=False,
            uses_zone_statistics=True,
            version="2",
        ),
    )
}


def feature_set_named(name: str) -> FeatureSet:
    """Return the feature set with this name.

    Raises:
        SettingsError: if there is none.
    """
    if name not in FEATURE_SETS:
        raise SettingsError(
            f"There is no feature set '{name}': choose one of {', '.join(FEATURE_SETS)}."
        )
    return FEATURE_SETS[name]


def feature_names(feature_set: FeatureSet) -> list[str]:
    """Return the columns of a feature set that uses zone statistics, in order."""
    paces = pace_features() if feature_set.uses_distance else []
    return [*statistics_features(), *paces, *trip_features(feature_set)]


def statistics_features() -> list[str]:
    """Return the columns that are the same for all trips of a zone pair in a time block."""
    return [*(f"{level}_{what}" for level in LEVELS for what in SUMS), *map_features()]


def map_features() -> list[str]:
    """Return the columns that say where the zones of a pair are: see `zone_map.py`."""
    places = (f"{end}_{axis}" for end in ("pickup", "dropoff") for axis in MAP_AXES)
    return [*places, "map_distance"]


def trip_features(feature_set: FeatureSet) -> list[str]:
    """Return the columns that are a trip's own."""
    return [*TIME_FEATURES, *DETAILS, *(["trip_distance"] if feature_set.uses_distance else [])]


def pace_features() -> list[str]:
    """Return the columns that put a trip's own distance beside past trips, level by level."""
    return [f"{level}_{what}" for level in LEVELS for what in ("minutes_at_pace", "distance_ratio")]


def own_features(trips: pl.LazyFrame, feature_set: FeatureSet) -> pl.DataFrame:
    """Compute the features that need nothing but the trip itself.

    Args:
        trips: n rows in the canonical schema.
        feature_set: says whether the distance is one of them.

    Returns:
        n rows in the same order: the columns `pickup_zone`, `dropoff_zone` and `block` as codes,
        the time features, and the details; with distance also `trip_distance`, in miles, null where
        unknown.
    """
    minute = pl.col("pickup_time").dt.minute().cast(pl.Int32)
    columns: dict[str, pl.Expr] = {
        "hour_of_week": pl.col("weekday") * 24 + pl.col("hour"),
        "minute_of_day": pl.col("hour") * 60 + minute,
        "day_of_year": pl.col("pickup_time").dt.ordinal_day(),
        "holiday": pl.col("pickup_time").map_batches(is_holiday, pl.Boolean),
        **{name: pl.col(name).fill_null(NOT_KNOWN) for name in DETAILS},
    }
    if feature_set.uses_distance:
        columns["trip_distance"] = pl.col("distance").clip(0, LONGEST_FEATURE_DISTANCE)
    return (
        with_time_and_zone_keys(trips)
        .with_columns(**columns)
        .select("pickup_zone", "dropoff_zone", "block", *trip_features(feature_set))
        .collect()
    )


def key_codes(own: pl.DataFrame) -> IntArray:
    """Return the integer code of each row's zone pair and block: rows with the same one are alike.

    Args:
        own: n rows with `pickup_zone`, `dropoff_zone` and `block`.

    Returns:
        n integers from 0 to `KEY_CODES` - 1.
    """
    pair = pl.col("pickup_zone").cast(pl.Int32) * ZONES + pl.col("dropoff_zone")
    return own.select(pair * BLOCKS + pl.col("block")).to_series().to_numpy()


def level_codes(level: str, keys: IntArray) -> IntArray:
    """Return the integer code of each key at a level of `LEVELS`.

    Args:
        level: a key of `LEVELS`.
        keys: n codes from `key_codes`.

    Returns:
        n integers from 0 to `LEVELS[level]` - 1.
    """
    pair: IntArray = keys // BLOCKS
    block: IntArray = keys % BLOCKS
    place, _, timed = level.partition("_")
    zones: dict[str, IntArray] = {"pair": pair, "pickup": pair // ZONES, "dropoff": pair % ZONES}
    return zones[place] * BLOCKS + block if timed else zones[place]
