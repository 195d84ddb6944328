"""Trips in the canonical schema, for tests of what is made from them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from duration_assets.modelling.cleaning import DETAILS
from duration_assets_tests.months import GREEN

MONDAY_AT_EIGHT = datetime(2023, 1, 2, 8)

_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "pickup_time": pl.Datetime("us"),
    "pickup_zone": pl.Int32,
    "dropoff_zone": pl.Int32,
    "distance": pl.Float64,
    "duration": pl.Float64,
    **dict.fromkeys(DETAILS, pl.Int32),
}


def trips_of(duration: list[float], **columns: list[Any]) -> pl.DataFrame:
    """Return a trip for each duration; what is not said of them is the same for all.

    Args:
        duration: in minutes.
        columns: further columns, by name.
    """
    count = len(duration)
    usual: dict[str, list[Any]] = {
        "pickup_time": [MONDAY_AT_EIGHT] * count,
        "pickup_zone": [43] * count,
        "dropoff_zone": [151] * count,
        "distance": [1.0] * count,
        **{name: [detail.usual] * count for name, detail in GREEN.details.items()},
    }
    return pl.DataFrame({**usual, **columns, "duration": duration}, schema_overrides=_TYPES)
