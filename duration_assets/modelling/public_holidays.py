"""Public holidays of the United States, from the package `holidays`: no list of our own."""

from __future__ import annotations

from datetime import date

import polars as pl


def is_holiday(times: pl.Series) -> pl.Series:
    """Say which of n times are on a public holiday, or on the day it is observed on.

    Args:
        times: in the city's own time.
    """
    days = times.dt.date()
    return days.is_in(_holidays_of(sorted(days.dt.year().unique().drop_nulls())))


def _holidays_of(years: list[int]) -> list[date]:
    import holidays

    # Some trips say that they were in a year for which nobody knows the holidays yet.
    return list(holidays.country_holidays("US", years=years))
