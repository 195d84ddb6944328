"""Published trip files: whether a file is one, and what its footer says.

Only the footer is read here; the trips themselves are read by `cleaning.py`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from duration_assets.errors import BadFileError
from duration_assets.services import Service
from duration_assets.simulation import SIMULATED_KEY

_MAGIC = b"PAR1"


@dataclass(frozen=True)
class TripFile:
    """What the footer of a trip file says.

    Attributes:
        rows: the trips in it.
        columns: each column's name and Arrow type.
        simulated: whether this project's simulator wrote it.
    """

    rows: int
    columns: dict[str, str]
    simulated: bool


def read_trip_file(
    path: Path, origin: str, advice: str = "Check the address in DURATION_SOURCE"
) -> TripFile:
    """Read the footer of a Parquet file of trips.

    Args:
        path: the file.
        origin: where it came from, for the message.
        advice: what to do if it is something else, likewise.

    Raises:
        BadFileError: if it is empty, not Parquet, or cut short.
    """
    _check_magic(path, origin, advice)
    try:
        with pq.ParquetFile(path) as file:
            metadata, schema = file.metadata, file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise BadFileError(
            f"{origin} is damaged: its Parquet footer cannot be read ({error}). "
            "Fetch it again, or ask its publisher for a whole copy."
        ) from error
    marks = metadata.metadata or {}
    return TripFile(
        rows=metadata.num_rows,
        columns={field.name: str(field.type) for field in schema},
        simulated=marks.get(SIMULATED_KEY.encode()) == b"true",
    )


def column_problems(columns: dict[str, str], service: Service) -> list[str]:
    """Say what a file lacks of the columns that its service needs.

    Args:
        columns: name and Arrow type of each column in the file.
        service: the service that the file belongs to.

    Returns:
        A sentence for each problem; none if the file can be used.
    """
    types = {name.lower(): kind for name, kind in columns.items()}
    problems = []
    for column in service.columns:
        is_time = column in (service.pickup_time, service.dropoff_time)
        kind = types.get(column.lower())
        if kind is None:
            problems.append(f"The column {column} is missing.")
        elif is_time and not kind.startswith("timestamp"):
            problems.append(f"The column {column} has type {kind} where a timestamp is needed.")
        elif not is_time and not kind.startswith(("int", "uint", "float", "double")):
            problems.append(f"The column {column} has type {kind} where a number is needed.")
    return problems


def _check_magic(path: Path, origin: str, advice: str) -> None:
    """Tell the copies found in the wild apart before Parquet's own reader does, less clearly."""
    size = path.stat().st_size
    if size == 0:
        raise BadFileError(f"{origin} is empty (0 bytes): it is no Parquet file. Fetch it again.")
    with path.open("rb") as file:
        head = file.read(512)
        file.seek(max(0, size - len(_MAGIC)), os.SEEK_SET)
        tail = file.read()
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise BadFileError(
            f"{origin} is a web page under a Parquet file's name: its publisher answered with an "
            f"error page. {advice}, or try again later."
        )
    if not head.startswith(_MAGIC):
        raise BadFileError(
            f"{origin} is not a Parquet file: it does not start with {_MAGIC.decode()}. {advice}."
        )
    if tail != _MAGIC or size < 12:
        raise BadFileError(
            f"{origin} is cut short: its Parquet footer is missing after {size:,} bytes. "
            "Fetch it again, or ask its publisher for a whole copy."
        )
