"""Small trip files and homes for the tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from duration_assets.months import Month
from duration_assets.services import SERVICES
from duration_assets.settings import Settings
from duration_assets.simulation.writer import write_month

GREEN = SERVICES["green"]
JANUARY, FEBRUARY, MARCH = Month(2023, 1), Month(2023, 2), Month(2023, 3)
ROWS = 3_000

GOOD_MONTH: dict[str, Any] = {
    "rows": 9,
    "column_problems": [],
    "kept": 9,
    "picked_up_in_month": 9,
    "unknown_zones": 0,
    "not_finite": 0,
}
"""What the blocking rules look at in partitions' summaries, in a month that they let pass."""


def simulated_folder(folder: Path, *months: Month, rows: int = ROWS) -> Path:
    """Write simulated green months under TLC's names."""
    for month in months or (JANUARY, FEBRUARY, MARCH):
        write_month(GREEN, month, published(folder, month), rows)
    return folder


def published(folder: Path, month: Month) -> Path:
    """Return where a month's green file is in a folder."""
    return folder / f"green_tripdata_{month}.parquet"


def settings_for(home: Path, source: Path | str, **changes: Any) -> Settings:
    """Return settings for a home of its own with small windows."""
    values: dict[str, Any] = {
        "home": home,
        "source": str(source),
        "first_month": "2023-01",
        "last_month": "2023-03",
        "window": 2,
        "lock_timeout": 5.0,
        "source_attempts": 1,
    }
    return Settings.load(**{**values, **changes})


def green_rows(
    minutes: list[float], start: datetime = datetime(2023, 1, 10, 8), **columns: Any
) -> pl.DataFrame:
    """Return rows in TLC's green schema, one for each duration."""
    count = len(minutes)
    values: dict[str, Any] = {
        "lpep_pickup_datetime": [start] * count,
        "lpep_dropoff_datetime": [start + timedelta(minutes=length) for length in minutes],
        "PULocationID": [43] * count,
        "DOLocationID": [151] * count,
        "trip_distance": [1.01] * count,
        **columns,
    }
    return pl.DataFrame(values).cast(
        {"lpep_pickup_datetime": pl.Datetime("us"), "lpep_dropoff_datetime": pl.Datetime("us")}
    )


def rewrite(path: Path, change: Any) -> None:
    """Replace a published file by what `change` makes of its table."""
    table: pa.Table = pq.read_table(path)
    pq.write_table(change(table), path)


def with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """Replace a column."""
    return table.set_column(table.schema.get_field_index(name), name, values)


def zones_out_of_range(table: pa.Table) -> pa.Table:
    """Start every trip in a zone that there is not."""
    zones = pa.array(np.full(len(table), 999), table.schema.field("PULocationID").type)
    return with_column(table, "PULocationID", zones)


def endless_trips(table: pa.Table) -> pa.Table:
    """Let every trip last for years."""
    late = pa.array(np.full(len(table), np.datetime64("2030-01-01", "us")))
    return with_column(table, "lpep_dropoff_datetime", late)
