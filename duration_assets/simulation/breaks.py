"""Broken months: what a published month would be if something had happened to the city.

They are made to see whether drift is noticed. Trips that never were are simulated trips, and a
file of them is marked as such.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import polars as pl

from duration_assets.services import Service
from duration_assets.simulation import SIMULATED_KEY

Break = Callable[[pl.LazyFrame, Service], pl.LazyFrame]
"""Takes published trips and their service; returns what they would have been."""

SLOWER = 1.3
"""How many times as long trips take, where all are slower."""


def slower(published: pl.LazyFrame, service: Service, factor: float = SLOWER) -> pl.LazyFrame:
    """Let every trip take longer, from the same pickup on.

    Args:
        published: n trips in TLC's schema.
        service: says what the columns are called.
        factor: how many times as long.

    Returns:
        n trips in the same schema, to the microsecond.
    """
    pickup, dropoff = (_column(published, name) for name in service.times)
    kind = published.collect_schema()[dropoff]
    lasted = (pl.col(dropoff) - pl.col(pickup)).dt.total_microseconds()
    later = pl.col(pickup) + pl.duration(microseconds=(lasted * factor).round().cast(pl.Int64))
    return published.with_columns(later.cast(kind).alias(dropoff))


def without_busiest_zone(published: pl.LazyFrame, service: Service) -> pl.LazyFrame:
    """Close the zone in which most trips start: none starts or ends there."""
    pickup = _column(published, service.pickup_zone)
    dropoff = _column(published, service.dropoff_zone)
    zone = busiest_zone(published, service)
    # A trip whose zone is null may have been anywhere.
    outside = [pl.col(name).ne_missing(zone) for name in (pickup, dropoff)]
    return published.filter(pl.all_horizontal(outside))


def busiest_zone(published: pl.LazyFrame, service: Service) -> int:
    """Return the zone in which most trips start, of several the one with the lowest number."""
    zone = pl.col(_column(published, service.pickup_zone))
    counts = published.filter(zone.is_not_null()).group_by(zone=zone).len()
    ordered = counts.sort("len", "zone", descending=[True, False])
    return int(ordered.head(1).collect().item(0, "zone"))


BREAKS: Mapping[str, Break] = {
    "slower": partial(slower, factor=SLOWER),
    "closed zone": without_busiest_zone,
}
"""What can happen to a month, by a short name."""


def write_broken(published: Path, service: Service, happened: Break, target: Path) -> None:
    """Write what a published file would be if something had happened, marked as simulated.

    Args:
        published: the file.
        service: the service it belongs to.
        happened: one of `BREAKS`.
        target: the file to write.
    """
    trips = happened(pl.scan_parquet(published), service)
    trips.collect().write_parquet(target, metadata={SIMULATED_KEY: "true"})


def _column(published: pl.LazyFrame, wanted: str) -> str:
    """Return how a column is spelled, which changes from year to year."""
    names = {name.lower(): name for name in published.collect_schema().names()}
    return names[wanted.lower()]
