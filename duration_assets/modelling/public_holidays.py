"""Public holidays of the United States, from the package `holidays`: no list of our own."""

from __future__ import annotations

from datetime import date
from functools import cache

import polars as pl


def is_holiday(times: pl.Series) -> pl.Series:
    """Say which of n times are on a public holiday, or on the day it is observed on.

    Args:
        times: in the city's own time.
    """
    days = times.dt.date()
    # Some trips say that they were in a year that is long gone, or far ahead.
    years = days.dt.year().unique().drop_nulls()
    return days.is_in([day for year in sorted(years) for day in _holidays_of(year)])


def is_on_holiday(day: date) -> bool:
    """Say of a single day what `is_holiday` says of times on it."""
    return day in _holidays_of(day.year)


@cache
def _holidays_of(year: int) -> tuple[date, ...]:
    import holidays

    return tuple(holidays.country_holidays("US", years=year))
