"""Writing simulated months as Parquet files, in chunks, with the flaws that real files have."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from duration_assets.months import Month
from duration_assets.services import Service, service_named
from duration_assets.simulation import SIMULATED_KEY
from duration_assets.simulation.city import City, Trips
from duration_assets.simulation.schemas import NARROW_SINCE, published_schema

CHUNK = 250_000
"""Rows drawn and written at a time, so that memory does not grow with the month."""

ENDS_BEFORE_START_SINCE = Month(2025, 2)
_COMPLETE_SHARE = 0.9
_TOGETHER_NULL = ("RatecodeID", "passenger_count", "payment_type", "congestion_surcharge")


def write_month(
    service: Service,
    month: Month,
    path: Path,
    rows: int,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a simulated month in TLC's schema for its service and era.

    The same arguments give the same trips. The file appears whole or not at all.

    Args:
        service: green or yellow.
        month: the month in its name.
        path: the file to write.
        rows: how many trips.
        seed: another seed gives other trips.
        progress: called with the rows written and `rows`.

    Raises:
        SettingsError: if the service is not simulated.
    """
    schema = published_schema(service.name, month)
    marks = {SIMULATED_KEY: "true"}
    if month < NARROW_SINCE:
        marks["pandas"] = json.dumps({"index_columns": [], "columns": []})
    generator = np.random.default_rng([seed, month.year, month.month, len(service.name)])
    city = City()
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    path.parent.mkdir(parents=True, exist_ok=True)
    compression = "zstd" if month >= NARROW_SINCE else "gzip"
    try:
        with pq.ParquetWriter(
            temporary, schema.with_metadata(marks), compression=compression
        ) as writer:
            for start in range(0, rows, CHUNK):
                count = min(CHUNK, rows - start)
                trips = _with_flaws(city.trips(month, count, generator), month, generator)
                writer.write_table(_table(trips, service, month, schema, generator))
                if progress is not None:
                    progress(start + count, rows)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def simulate_source(
    folder: Path, services: Iterable[str], months: Iterable[Month], rows: int, seed: int = 0
) -> list[Path]:
    """Fill a folder with simulated months under TLC's file names; existing ones are kept.

    Returns:
        The files, in the order of the services and months.
    """
    months, paths = list(months), []
    for name in services:
        for month in months:
            path = folder / f"{name}_tripdata_{month}.parquet"
            if not path.exists():
                write_month(service_named(name), month, path, rows, seed)
            paths.append(path)
    return paths


def _with_flaws(trips: Trips, month: Month, generator: np.random.Generator) -> Trips:
    """Put in about as many unusable rows of each kind as real files have."""
    count = len(trips.duration)
    chance = generator.random(count)
    duration, distance, second = trips.duration, trips.distance, trips.pickup_second
    duration = np.where(chance < 0.025, generator.uniform(0, 0.9, count), duration)
    duration = np.where(chance > 0.99, generator.uniform(61, 1439, count), duration)
    if month >= ENDS_BEFORE_START_SINCE:
        duration = np.where(chance > 0.997, -duration, duration)
    distance = np.where(generator.random(count) < 0.03, 0.0, distance)
    distance = np.where(generator.random(count) < 0.0005, 60_000.0, distance)
    elsewhen = generator.random(count) < 0.0001
    second = np.where(elsewhen, second - 14 * 365 * 86400, second)
    return Trips(second, trips.pickup_zone, trips.dropoff_zone, distance, duration)


def _table(
    trips: Trips,
    service: Service,
    month: Month,
    schema: pa.Schema,
    generator: np.random.Generator,
) -> pa.Table:
    count = len(trips.duration)
    start = np.datetime64(month.start, "s")
    pickup = start + trips.pickup_second.astype("timedelta64[s]")
    dropoff = pickup + np.rint(trips.duration * 60).astype("timedelta64[s]")
    fare = np.round(3 + 2.5 * np.minimum(trips.distance, 60) + 0.5, 2)
    values = {
        service.pickup_time: pickup.astype("datetime64[us]"),
        service.dropoff_time: dropoff.astype("datetime64[us]"),
        service.pickup_zone: trips.pickup_zone,
        service.dropoff_zone: trips.dropoff_zone,
        service.distance: np.round(trips.distance, 2),
        "VendorID": generator.integers(1, 3, count),
        "store_and_fwd_flag": np.full(count, "N"),
        "fare_amount": fare,
        "total_amount": fare + 0.8,
    }
    missing = generator.random(count) > _COMPLETE_SHARE
    columns = []
    for field in schema:
        if pa.types.is_null(field.type) or field.name == "ehail_fee":
            columns.append(pa.nulls(count, field.type))
            continue
        content = values.get(field.name, np.ones(count))
        mask = missing if field.name in _TOGETHER_NULL else None
        columns.append(pa.array(content, mask=mask).cast(field.type))
    return pa.Table.from_arrays(columns, schema=schema)
