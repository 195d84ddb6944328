"""TLC's schemas of the four services, as data: the columns in order, with their type in each era.

Sources: the published files of green (2021 to 2023) and TLC's samples of the other services; for
other months the footers of the published files as others have written them down, from 2011 on
for yellow and from 2019 on for the rest; before that the types are those of the oldest one known.
TLC converted its files one by one: a column without any value in a month has the null type in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from duration_assets.errors import SettingsError
from duration_assets.months import Month
from duration_assets.services import Service

_TIME, _DOUBLE, _NULL = pa.timestamp("us"), pa.float64(), pa.null()
_LONG, _INTEGER = pa.int64(), pa.int32()
_TEXT, _LARGE_TEXT = pa.string(), pa.large_string()
_ALWAYS = Month(1900, 1)
# What the codecs do by default, but for GZIP, which would take five times as long.
_ZSTD_LEVEL, _GZIP_LEVEL = 1, 1
_NARROW = Month(2023, 2)
"""From here on zones are 32-bit, counts are whole numbers, and pandas wrote no metadata."""


@dataclass(frozen=True)
class _Column:
    """A column over time: its type from each month on, None where the file has no such column.

    Attributes:
        name: as spelled.
        eras: the months from which on a type holds, oldest first.
        exceptions: types of single months.
    """

    name: str
    eras: tuple[tuple[Month, pa.DataType | None], ...]
    exceptions: tuple[tuple[Month, pa.DataType], ...] = ()

    def kind(self, month: Month) -> pa.DataType | None:
        """Return the type in a month."""
        for exception, kind in self.exceptions:
            if exception == month:
                return kind
        return next(kind for since, kind in reversed(self.eras) if since <= month)


@dataclass(frozen=True)
class Layout:
    """How a published file of one month is laid out.

    Attributes:
        schema: names, order and types of the columns, with the metadata that TLC's writer left.
        compression: of every column.
        compression_level: the codec's.
        nullable_integers: whether whole numbers can be null; if not, a column with nulls has
            another type, and one of whole numbers has no nulls.
    """

    schema: pa.Schema
    compression: str
    compression_level: int
    nullable_integers: bool


def _column(
    name: str,
    first: pa.DataType | None,
    *eras: tuple[int, int, pa.DataType | None],
    but: tuple[tuple[int, int, pa.DataType], ...] = (),
) -> _Column:
    """Return a column with its first type, the later ones, and those of single months."""
    return _Column(
        name,
        (
            (_ALWAYS, first),
            *((Month(year, month), kind) for year, month, kind in eras),
        ),
        tuple((Month(year, month), kind) for year, month, kind in but),
    )


def _text(name: str) -> _Column:
    return _column(name, _TEXT, (2023, 2, _LARGE_TEXT))


def _zone(name: str) -> _Column:
    return _column(name, _LONG, (2023, 2, _INTEGER))


def _count(name: str) -> _Column:
    """Return a column of whole numbers that can be null from 2018-07 on."""
    return _column(name, _LONG, (2018, 7, _DOUBLE), (2023, 2, _LONG))


def _times(*names: str) -> tuple[_Column, ...]:
    return tuple(_column(name, _TIME) for name in names)


def _doubles(*names: str) -> tuple[_Column, ...]:
    return tuple(_column(name, _DOUBLE) for name in names)


_CENTRAL_FEE = _column("cbd_congestion_fee", None, (2025, 1, _DOUBLE))
# That there is such a column is known, its type and values are not: it is a text, and empty.
_REQUEST_SOURCE = _column("request_source", None, (2026, 6, _LARGE_TEXT))
_TAXI_FARES = _doubles("fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount")

_COLUMNS: dict[str, tuple[_Column, ...]] = {
    "green": (
        _zone("VendorID"),
        *_times("lpep_pickup_datetime", "lpep_dropoff_datetime"),
        _text("store_and_fwd_flag"),
        _count("RatecodeID"),
        _zone("PULocationID"),
        _zone("DOLocationID"),
        _count("passenger_count"),
        *_doubles("trip_distance"),
        *_TAXI_FARES,
        _column("ehail_fee", _DOUBLE, (2019, 9, _NULL), (2023, 2, _DOUBLE)),
        *_doubles("improvement_surcharge", "total_amount"),
        _count("payment_type"),
        _column("trip_type", _DOUBLE, (2023, 2, _LONG)),
        _column("congestion_surcharge", _NULL, (2019, 1, _DOUBLE)),
        _CENTRAL_FEE,
        _REQUEST_SOURCE,
    ),
    "yellow": (
        _zone("VendorID"),
        *_times("tpep_pickup_datetime", "tpep_dropoff_datetime"),
        _count("passenger_count"),
        *_doubles("trip_distance"),
        _count("RatecodeID"),
        _text("store_and_fwd_flag"),
        _zone("PULocationID"),
        _zone("DOLocationID"),
        _column("payment_type", _LONG),
        *_TAXI_FARES,
        _column("improvement_surcharge", _DOUBLE, but=((2014, 8, _NULL),)),
        *_doubles("total_amount"),
        _column(
            "congestion_surcharge",
            _NULL,
            (2019, 1, _DOUBLE),
            but=(
                (2011, 1, _DOUBLE),
                (2011, 3, _DOUBLE),
                (2012, 12, _DOUBLE),
                (2013, 5, _DOUBLE),
                (2014, 1, _DOUBLE),
                (2018, 1, _DOUBLE),
                (2018, 6, _DOUBLE),
                (2018, 9, _DOUBLE),
                (2018, 11, _DOUBLE),
            ),
        ),
        _column(
            "airport_fee",
            _NULL,
            (2020, 8, _DOUBLE),
            (2023, 2, None),
            but=((2011, 1, _DOUBLE), (2018, 1, _DOUBLE), (2020, 10, _NULL)),
        ),
        _column("Airport_fee", None, (2023, 2, _DOUBLE)),
        _CENTRAL_FEE,
        _REQUEST_SOURCE,
    ),
    "fhv": (
        _text("dispatching_base_num"),
        *_times("pickup_datetime", "dropOff_datetime"),
        # Whole numbers where no zone of the month was null, and in pandas' later way of nulls.
        _column("PUlocationID", _DOUBLE, (2019, 5, _LONG), (2019, 7, _DOUBLE), (2023, 2, _LONG)),
        _column(
            "DOlocationID",
            _DOUBLE,
            (2019, 5, _LONG),
            (2019, 7, _DOUBLE),
            (2023, 2, _LONG),
            but=((2020, 7, _LONG),),
        ),
        _column("SR_Flag", _DOUBLE, (2019, 3, _NULL), (2023, 2, _LONG)),
        _text("Affiliated_base_number"),
    ),
    "fhvhv": (
        _text("hvfhs_license_num"),
        _text("dispatching_base_num"),
        _text("originating_base_num"),
        *_times("request_datetime", "on_scene_datetime", "pickup_datetime", "dropoff_datetime"),
        _zone("PULocationID"),
        _zone("DOLocationID"),
        *_doubles("trip_miles"),
        _column("trip_time", _LONG),
        *_doubles("base_passenger_fare", "tolls", "bcf", "sales_tax", "congestion_surcharge"),
        _column(
            "airport_fee",
            _NULL,
            (2019, 7, _DOUBLE),
            but=((2020, 4, _NULL), (2020, 10, _NULL)),
        ),
        *_doubles("tips", "driver_pay"),
        _text("shared_request_flag"),
        _text("shared_match_flag"),
        _text("access_a_ride_flag"),
        _text("wav_request_flag"),
        _column("wav_match_flag", _NULL, (2019, 4, _TEXT), (2023, 2, _LARGE_TEXT)),
        _CENTRAL_FEE,
    ),
}

SIMULATED_SERVICES = tuple(_COLUMNS)
"""The names of the services that can be simulated."""

_PANDAS_TYPES = {
    _LONG: ("int64", "int64"),
    _DOUBLE: ("float64", "float64"),
    _TIME: ("datetime", "datetime64[ns]"),
    _TEXT: ("unicode", "object"),
    _NULL: ("empty", "object"),
}


def published_layout(service: Service, month: Month) -> Layout:
    """Return how a service's file for a month is laid out.

    Raises:
        SettingsError: if the service publishes no such month, or is none of TLC's.
    """
    if service.name not in _COLUMNS:
        known = ", ".join(_COLUMNS)
        raise SettingsError(f"The {service.name} service is not simulated: use one of {known}.")
    if month < service.first_month:
        raise SettingsError(
            f"{month} is before the first month of the {service.name} service, "
            f"{service.first_month}: choose a later one."
        )
    kinds = ((column.name, column.kind(month)) for column in _COLUMNS[service.name])
    schema = pa.schema([(name, kind) for name, kind in kinds if kind is not None])
    if month >= _NARROW:
        return Layout(schema, "zstd", _ZSTD_LEVEL, nullable_integers=True)
    described = schema.with_metadata({"pandas": _pandas_metadata(schema)})
    return Layout(described, "gzip", _GZIP_LEVEL, nullable_integers=False)


def _pandas_metadata(schema: pa.Schema) -> str:
    """Return what TLC's pandas wrote about the columns."""
    columns: list[dict[str, Any]] = []
    for field in schema:
        pandas_type, numpy_type = _PANDAS_TYPES[field.type]
        columns.append(
            {
                "name": field.name,
                "field_name": field.name,
                "pandas_type": pandas_type,
                "numpy_type": numpy_type,
                "metadata": None,
            }
        )
    return json.dumps(
        {
            "index_columns": [],
            "column_indexes": [],
            "columns": columns,
            "creator": {"library": "pyarrow", "version": "8.0.0"},
            "pandas_version": "1.2.3",
        }
    )
