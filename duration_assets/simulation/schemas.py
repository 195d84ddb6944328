"""TLC's schemas of green and yellow files, as data: columns, order and types in each era.

Source: the published files themselves (TLC trip record data, 2021 to 2025).
"""

from __future__ import annotations

import pyarrow as pa

from duration_assets.errors import SettingsError
from duration_assets.months import Month

NARROW_SINCE = Month(2023, 2)
"""From here on zones are 32-bit, counts are whole numbers and files are packed with ZSTD."""
CONGESTION_FEE_SINCE = Month(2025, 1)

_TIME, _DOUBLE = pa.timestamp("us"), pa.float64()
_FARES = ("fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount")


def published_schema(service: str, month: Month) -> pa.Schema:
    """Return the schema of a service's file for a month.

    Raises:
        SettingsError: if the service is not simulated.
    """
    narrow = month >= NARROW_SINCE
    zone = pa.int32() if narrow else pa.int64()
    count = pa.int64() if narrow else _DOUBLE
    text = pa.large_string() if narrow else pa.string()
    fares = [(name, _DOUBLE) for name in _FARES]
    if service == "green":
        columns = [
            ("VendorID", zone),
            ("lpep_pickup_datetime", _TIME),
            ("lpep_dropoff_datetime", _TIME),
            ("store_and_fwd_flag", text),
            ("RatecodeID", count),
            ("PULocationID", zone),
            ("DOLocationID", zone),
            ("passenger_count", count),
            ("trip_distance", _DOUBLE),
            *fares,
            ("ehail_fee", _DOUBLE if narrow else pa.null()),
            ("improvement_surcharge", _DOUBLE),
            ("total_amount", _DOUBLE),
            ("payment_type", count),
            ("trip_type", count),
            ("congestion_surcharge", _DOUBLE),
        ]
    elif service == "yellow":
        columns = [
            ("VendorID", zone),
            ("tpep_pickup_datetime", _TIME),
            ("tpep_dropoff_datetime", _TIME),
            ("passenger_count", count),
            ("trip_distance", _DOUBLE),
            ("RatecodeID", count),
            ("store_and_fwd_flag", text),
            ("PULocationID", zone),
            ("DOLocationID", zone),
            ("payment_type", pa.int64()),
            *fares,
            ("improvement_surcharge", _DOUBLE),
            ("total_amount", _DOUBLE),
            ("congestion_surcharge", _DOUBLE),
            ("Airport_fee" if narrow else "airport_fee", _DOUBLE),
        ]
    else:
        raise SettingsError(f"The {service} service is not simulated: use green or yellow.")
    if month >= CONGESTION_FEE_SINCE:
        columns.append(("cbd_congestion_fee", _DOUBLE))
    return pa.schema(columns)
