"""Published trips read in batches, from a Parquet or a CSV file of any size.

Only reading belongs here, with the columns that a prediction looks at and no others: what the rows
mean is said by `cleaning.py`, and what is predicted for them by `batch_predictions.py`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from duration_assets.errors import BadFileError, BadTripError
from duration_assets.modelling.cleaning import published_columns, trips_of_rows
from duration_assets.modelling.features import FeatureSet
from duration_assets.modelling.trip_files import read_trip_file
from duration_assets.services import Service

PARQUET, CSV = ".parquet", ".csv"
"""The endings of files that can be read and written."""

ROWS_AT_ONCE = 32_768
"""Trips of a Parquet file that are read at once and predicted by one thread: more take memory."""
_CSV_BLOCK = 6 << 20
"""Bytes of a CSV file that are read at a time, about as many trips."""

_CSV_COLUMN = re.compile(r"^In CSV column #(\d+)")
"""How Arrow names a column of CSV, counted from 0."""

_TEXTS = ("string", "large_string", "null")
_TIMES = ("timestamp", "date", *_TEXTS)
_NUMBERS = ("int", "uint", "float", "double", "halffloat", "decimal", *_TEXTS)
"""How the names of Arrow's types begin that times and numbers of a Parquet file may have."""


@dataclass(frozen=True)
class PublishedRows:
    """A file of trips in TLC's columns, of which nothing but the head was read yet.

    Attributes:
        path: the file.
        service: says what its columns are called.
        columns: those of its columns that are looked at, as the file spells them.
        rows: how many trips it has; None for CSV, where only reading it tells.
        simulated: whether this project's simulator wrote it.
    """

    path: Path
    service: Service
    columns: tuple[str, ...]
    rows: int | None
    simulated: bool

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the trips in the order of the file, with the columns of `cleaning.TRIP_SCHEMA`.

        Raises:
            BadFileError: if a value cannot be read as what its column holds.
        """
        first = 0
        read = self._parquet_batches if ending_of(self.path) == PARQUET else self._csv_batches
        try:
            for batch in read():
                rows = pl.DataFrame(batch)
                yield trips_of_rows(rows, self.service, first)
                first += len(rows)
        except (BadTripError, pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
            raise BadFileError(
                f"{self.path} cannot be read after its first {first:,} rows: "
                f"{self._reason(error)}. Put right or leave out what is no trip there."
            ) from error

    def _parquet_batches(self) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(self.path) as file:
            yield from file.iter_batches(ROWS_AT_ONCE, columns=list(self.columns))

    def _csv_batches(self) -> Iterator[pa.RecordBatch]:
        times = {name.lower() for name in self.service.times}
        # Numbers may be written as 1.0, and times with a T or with a space.
        types = {
            name: pa.string() if name.lower() in times else pa.float64() for name in self.columns
        }
        with pyarrow.csv.open_csv(
            self.path,
            read_options=pyarrow.csv.ReadOptions(block_size=_CSV_BLOCK),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=list(self.columns), column_types=types, strings_can_be_null=True
            ),
        ) as reader:
            yield from reader

    def _reason(self, error: Exception) -> str:
        """Return the first line of what an error says, or its kind if it says nothing."""
        first, *_ = str(error).splitlines() or [type(error).__name__]

        def by_name(numbered: re.Match[str]) -> str:
            return f"in the column {_first_line(self.path)[int(numbered[1])]}"

        return _CSV_COLUMN.sub(by_name, first).rstrip(".")


def ending_of(path: Path) -> str:
    """Return the ending of a file's name, `PARQUET` or `CSV`.

    Raises:
        BadFileError: if it is another one.
    """
    ending = path.suffix.lower()
    if ending not in (PARQUET, CSV):
        raise BadFileError(
            f"{path} ends neither in {PARQUET} nor in {CSV}, which says what kind of file it is: "
            "give it a name with one of these."
        )
    return ending


def open_rows(path: Path, service: Service, feature_set: FeatureSet) -> PublishedRows:
    """Open a file of trips, and see whether they can be predicted from.

    Args:
        path: a file that ends in `.parquet` or `.csv`; the first line of a CSV file names its
            columns.
        service: the service that its columns belong to.
        feature_set: of the model: says whether the distance is needed.

    Raises:
        BadFileError: if it is not there, is damaged, or lacks columns or has others in their
            place, naming them.
    """
    ending = ending_of(path)
    if path.is_dir():
        raise BadFileError(f"{path} is a folder: name a file of trips.")
    if not path.is_file():
        raise BadFileError(f"There is no file {path}.")
    if ending == PARQUET:
        file = read_trip_file(path, str(path), advice="Name a file of trips")
        found, rows, simulated = list(file.columns), file.rows, file.simulated
        _check_types(path, file.columns, service)
    else:
        found, rows, simulated = _first_line(path), None, False
    _check_columns(path, found, service, feature_set)
    return PublishedRows(path, service, published_columns(found, service), rows, simulated)


def _first_line(path: Path) -> list[str]:
    """Return the column names of a CSV file.

    Raises:
        BadFileError: if it is empty, or no text.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadFileError(f"{path} is no CSV file in UTF-8 ({error}).") from error
    if not names:
        raise BadFileError(f"{path} is empty: its first line should name its columns.")
    return names


def _check_types(path: Path, columns: dict[str, str], service: Service) -> None:
    """Refuse what would be cast to something else than it says, such as a count of seconds.

    Raises:
        BadFileError: naming the first such column and its type.
    """
    times = {name.lower() for name in service.times}
    for name in published_columns(columns, service):
        needed, kinds = ("time", _TIMES) if name.lower() in times else ("number", _NUMBERS)
        if not columns[name].startswith(kinds):
            raise BadFileError(
                f"{path}: the column {name} has type {columns[name]} where a {needed} is needed. "
                "Write it as one, or leave the column out if trips can be predicted without it."
            )


def _check_columns(path: Path, found: list[str], service: Service, feature_set: FeatureSet) -> None:
    """Refuse a file without the columns that a prediction is made from.

    Raises:
        BadFileError: naming what is missing.
    """
    needed = [service.pickup_time, service.pickup_zone, service.dropoff_zone]
    if feature_set.uses_distance and service.distance is not None:
        needed.append(service.distance)
    there = {name.lower() for name in found}
    missing = [name for name in needed if name.lower() not in there]
    if missing:
        raise BadFileError(
            f"{path} lacks {', '.join(missing)}: a prediction for {service.name} trips with the "
            f"feature set '{feature_set.name}' is made from {', '.join(needed)}. It has "
            f"{', '.join(found)}."
        )
