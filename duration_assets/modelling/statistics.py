"""Zone statistics: sums over past trips by zone pair, time block and week, which add up.

The sums of a month are computed once and used by every window that holds it. Because they are kept
by week, a training trip can be encoded with the sums of all weeks but its own, so that no trip ever
sees itself.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from duration_assets.months import Month
from duration_assets.services import FIRST_ZONE, SERVICES

STATISTICS_FILE = "statistics.parquet"

UNKNOWN_ZONE = 0
"""Stands for a zone that is null or that no service has."""
ZONES = max(service.last_zone for service in SERVICES.values()) + 1
"""Zone ids of the service with the most, and `UNKNOWN_ZONE`. Memory grows with its square."""
HOURS_IN_BLOCK = 3
BLOCKS = 16
"""Blocks of the week: eight of three hours, on weekdays and at weekends."""
WEEKS = 5
"""Weeks of a month, counted from its first day; the fifth is shorter."""

KEYS = ("pickup_zone", "dropoff_zone", "block")
SUMS = ("trips", "duration", "log_duration", "distance", "log_speed")
"""What is summed: trips, minutes, log of minutes, miles, and log of miles an hour."""

LONGEST_DISTANCE = 60.0
SHORTEST_DISTANCE = 0.1
"""Metered distances reach 55,000 miles; sums take them clipped to 0 to 60 miles, and speeds take
them clipped to 0.1 to 60 miles."""

GRID = 2.0**16
"""Summands are rounded to whole parts of 1 / 65,536: see `exactly_summable`."""


def exactly_summable(values: pl.Expr) -> pl.Expr:
    """Round values so that their sum is the same in whatever order they are added.

    Threads add in an order that changes from run to run, and floating-point sums change with it:
    the same trips would get another data version each time. Sums of whole parts of 2^-16 are
    exact in 64-bit floats up to 2^37, which is 7 thousand million trips of 20 minutes, and so is
    taking a week's sums away again.
    """
    return (values * GRID).round() / GRID


def with_time_and_zone_keys(trips: pl.LazyFrame) -> pl.LazyFrame:
    """Replace both zones by known ones or `UNKNOWN_ZONE`, and add the hour, weekday and block.

    Args:
        trips: rows in the canonical schema.

    Returns:
        The same rows with integer columns `pickup_zone`, `dropoff_zone` (0 to `ZONES` - 1), `hour`
        (0 to 23), `weekday` (0 is Monday) and `block` (0 to 15).
    """

    def known(zone: str) -> pl.Expr:
        inside = pl.col(zone).is_between(FIRST_ZONE, ZONES - 1)
        return pl.when(inside).then(zone).otherwise(UNKNOWN_ZONE).alias(zone)

    hour = pl.col("pickup_time").dt.hour().cast(pl.Int32)
    weekday = pl.col("pickup_time").dt.weekday().cast(pl.Int32) - 1
    return trips.with_columns(
        known("pickup_zone"), known("dropoff_zone"), hour=hour, weekday=weekday
    ).with_columns(
        block=(pl.col("weekday") >= 5).cast(pl.Int32) * (BLOCKS // 2)
        + pl.col("hour") // HOURS_IN_BLOCK
    )


def week_of(month: Month) -> pl.Expr:
    """Return the week (0 to 4) of a trip in the month of its file.

    Trips picked up outside that month, of which there are a few in every file, count in the
    nearest week of it.
    """
    days = (pl.col("pickup_time") - pl.lit(month.start)).dt.total_days()
    return (days // 7).clip(0, WEEKS - 1).cast(pl.Int32)


def weekly_sums(trips: pl.LazyFrame, month: Month) -> pl.DataFrame:
    """Sum up the trips of one month by week, zone pair and time block.

    Args:
        trips: the month's kept trips in the canonical schema.
        month: the month of the file they stand in.

    Returns:
        A row for each week and key that occurs, with the columns `week`, `KEYS` and `SUMS`,
        sorted by week and key.
    """
    clipped = pl.col("distance").clip(0, LONGEST_DISTANCE).fill_null(0.0)
    hours = pl.col("duration") / 60
    speed = clipped.clip(SHORTEST_DISTANCE) / hours
    return (
        with_time_and_zone_keys(trips)
        .with_columns(week=week_of(month))
        .group_by("week", *KEYS)
        .agg(
            trips=pl.len().cast(pl.Float64),
            duration=exactly_summable(pl.col("duration")).sum(),
            log_duration=exactly_summable(pl.col("duration").log()).sum(),
            distance=exactly_summable(clipped).sum(),
            log_speed=exactly_summable(speed.log()).sum(),
        )
        .sort("week", *KEYS)
        .collect(engine="streaming")
    )


def add_up(sums: Iterable[pl.DataFrame], keys: Iterable[str] = KEYS) -> pl.DataFrame:
    """Add sums of weeks and months together.

    Args:
        sums: tables as `weekly_sums` makes them.
        keys: the columns to tell apart in the result.

    Returns:
        A row for each combination of keys, sorted, with the columns `keys` and `SUMS`.
    """
    keys = tuple(keys)
    columns = [*keys, *SUMS]
    stacked = pl.concat([table.select(columns) for table in sums])
    return stacked.group_by(keys).agg(pl.col(SUMS).sum()).sort(keys)
