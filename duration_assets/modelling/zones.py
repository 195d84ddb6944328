"""The zone lookup: which borough a zone lies in, as in TLC's `taxi_zone_lookup.csv`."""

from __future__ import annotations

import io

import polars as pl

from duration_assets.errors import BadFileError

LOOKUP_FILE = "taxi_zone_lookup.csv"
"""TLC's own name for it."""

UNLISTED = "no known zone"
"""Stands for the borough of a zone that is null, or that the lookup does not have."""

_COLUMNS = {"LocationID": "zone", "Borough": "borough", "Zone": "name"}


def read_zones(content: bytes, origin: str) -> pl.DataFrame:
    """Read a zone lookup.

    Args:
        content: the file, with a first line that names its columns; further columns do not matter.
        origin: where it came from, for the message.

    Returns:
        A row for each zone, in order: `zone` (its id), `borough` and `name`.

    Raises:
        BadFileError: if it is none.
    """
    try:
        table = pl.read_csv(io.BytesIO(content), infer_schema=False)
        zones = table.select(**{new: pl.col(old) for old, new in _COLUMNS.items()}).with_columns(
            pl.col("zone").cast(pl.Int32), pl.col("borough", "name").fill_null("")
        )
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise BadFileError(
            f"{origin} is no zone lookup with the columns {', '.join(_COLUMNS)} ({reason})."
        ) from error
    return zones.drop_nulls("zone").unique("zone", keep="first", maintain_order=True).sort("zone")


def with_boroughs(pairs: pl.DataFrame, zones: pl.DataFrame) -> pl.DataFrame:
    """Add the borough of both ends of n zone pairs.

    Args:
        pairs: n rows with `pickup_zone` and `dropoff_zone`.
        zones: what `read_zones` returned.

    Returns:
        The n rows with `pickup_borough` and `dropoff_borough`.
    """
    ends = {
        f"{end}_borough": pl.col(f"{end}_zone").replace_strict(
            zones["zone"], zones["borough"], default=UNLISTED, return_dtype=pl.String
        )
        for end in ("pickup", "dropoff")
    }
    return pairs.with_columns(**ends)
