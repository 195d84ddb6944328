"""How far predictions are off, by slices of the trips: boroughs, hours, weekdays, distances.

Everything is made from sums by groups, which Polars goes through the trips for, and which add up:
the sums of a slice's parts are those of the whole, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import polars as pl

from duration_assets.modelling.baselines import PAIR
from duration_assets.modelling.statistics import exactly_summable
from duration_assets.modelling.zones import UNLISTED, with_boroughs

BOROUGH_PAIR, PICKUP_ZONE, PAIR_SEEN = "borough_pair", "pickup_zone", "pair_seen"
HOUR, WEEKDAY, DISTANCE = "hour", "weekday", "distance"

ERROR_SUMS = ("trips", "squared_error", "absolute_error", "error")
"""What is summed up: trips, and minutes (squared) of predicted less actual."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SEEN, UNSEEN = "known from the window", "never seen in the window"

_EDGES = (0, 1, 2, 5, 10, 20)
"""Miles at which distance bands end; a band holds its end, and not its beginning."""
_BANDS = (
    "0",
    *(f"{low} to {high}" for low, high in pairwise(_EDGES)),
    f"over {_EDGES[-1]}",
)
NO_DISTANCE = "unknown"


def error_sums(actual: pl.Expr, predicted: pl.Expr) -> dict[str, pl.Expr]:
    """Return the aggregations that make `ERROR_SUMS` of a group of trips, both in minutes."""
    error = predicted.cast(pl.Float64) - actual
    return {
        "trips": pl.len().cast(pl.Int64),
        "squared_error": exactly_summable(error**2).sum(),
        "absolute_error": exactly_summable(error.abs()).sum(),
        "error": exactly_summable(error).sum(),
    }


def with_means(sums: pl.DataFrame) -> pl.DataFrame:
    """Add `rmse`, `mae` and `bias`, in minutes, to `ERROR_SUMS`."""
    return sums.with_columns(
        rmse=(pl.col("squared_error") / pl.col("trips")).sqrt(),
        mae=pl.col("absolute_error") / pl.col("trips"),
        bias=pl.col("error") / pl.col("trips"),
    )


def slice_errors(
    trips: pl.LazyFrame, zones: pl.DataFrame | None, *, has_distance: bool
) -> pl.DataFrame:
    """Sum up errors by slices.

    Args:
        trips: judged trips, as `judging.py` writes them.
        zones: the zone lookup; None leaves the borough pairs out.
        has_distance: whether the service publishes distances; if not, these slices are left out.

    Returns:
        A row for each part of each slice: `slice`, `part`, `ERROR_SUMS`, the `share` of all trips,
        and `rmse`, `mae` and `bias` in minutes. The parts of a slice stand in their own order;
        borough pairs with the most trips first.
    """
    sums = error_sums(pl.col("duration"), pl.col("predicted"))
    by_pair = trips.group_by(*PAIR, PAIR_SEEN).agg(**sums)
    by_time = trips.group_by(
        hour=pl.col("pickup_time").dt.hour(),
        weekday=pl.col("pickup_time").dt.weekday() - 1,
        band=_band() if has_distance else pl.lit(0, pl.Int32),
    ).agg(**sums)
    pairs, times = pl.collect_all([by_pair, by_time], engine="streaming")
    parts = pl.concat([*_pair_slices(pairs, zones), *_time_slices(times, has_distance)])
    total = pairs["trips"].sum()
    return with_means(parts).with_columns(share=pl.col("trips") / total)


def part_of(slices: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the parts of one slice; none if it was left out."""
    return slices.filter(pl.col("slice") == name)


def worst_zones(slices: pl.DataFrame, most: int) -> pl.DataFrame:
    """Return the pickup zones with the largest RMSE among those with enough trips.

    Args:
        slices: what `slice_errors` returned.
        most: how many.
    """
    by_zone = part_of(slices, PICKUP_ZONE)
    return by_zone.filter(pl.col("trips") >= enough_trips(slices)).sort(
        "rmse", "part", descending=[True, False]
    )[:most]


def enough_trips(slices: pl.DataFrame) -> int:
    """Return how many trips a zone needs for its error to mean something: 1 in 1,000, or 30."""
    return max(30, int(part_of(slices, PAIR_SEEN)["trips"].sum()) // 1000)


def _band() -> pl.Expr:
    """Return a trip's distance band, null where the distance is."""
    distance = pl.col("distance")
    band = pl.sum_horizontal((distance > edge).cast(pl.Int32) for edge in _EDGES)
    return pl.when(distance.is_not_null()).then(band)


def _pair_slices(pairs: pl.DataFrame, zones: pl.DataFrame | None) -> Iterator[pl.DataFrame]:
    if zones is not None:
        names = pl.concat_str("pickup_borough", pl.lit(" to "), "dropoff_borough")
        by_borough = _added_up(with_boroughs(pairs, zones), names)
        yield _named(BOROUGH_PAIR, by_borough.sort("trips", "part", descending=[True, False]))
    by_zone = _added_up(pairs, pl.col("pickup_zone")).sort("part")
    ids = pl.col("part").cast(pl.String).fill_null(UNLISTED)
    yield _named(PICKUP_ZONE, by_zone.with_columns(ids))
    by_seen = _added_up(pairs, pl.col(PAIR_SEEN)).sort("part", descending=True)
    yield _named(PAIR_SEEN, by_seen, {True: SEEN, False: UNSEEN})


def _time_slices(times: pl.DataFrame, has_distance: bool) -> Iterator[pl.DataFrame]:
    hours = {hour: f"{hour:02d}" for hour in range(24)}
    yield _named(HOUR, _added_up(times, pl.col("hour")).sort("part"), hours)
    weekdays = dict(enumerate(WEEKDAYS))
    yield _named(WEEKDAY, _added_up(times, pl.col("weekday")).sort("part"), weekdays)
    if has_distance:
        bands = _added_up(times, pl.col("band")).sort("part", nulls_last=True)
        yield _named(DISTANCE, bands, {**dict(enumerate(_BANDS)), None: NO_DISTANCE})


def _added_up(sums: pl.DataFrame, part: pl.Expr) -> pl.DataFrame:
    return sums.group_by(part=part).agg(pl.col(ERROR_SUMS).sum())


def _named(name: str, sums: pl.DataFrame, texts: Mapping[Any, str] | None = None) -> pl.DataFrame:
    """Give a slice its name, and its parts theirs."""
    part = pl.col("part")
    if texts is not None:
        part = part.replace_strict(list(texts), list(texts.values()), return_dtype=pl.String)
    return sums.select(pl.lit(name).alias("slice"), part, *ERROR_SUMS)
