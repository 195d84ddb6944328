"""Tables written batch by batch, as Parquet or CSV: whole or not at all."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from duration_assets.disk_space import full_disk_error, is_full_disk
from duration_assets.errors import StoreError

Write = Callable[[pl.DataFrame], None]
"""Adds rows with the columns of the table."""


@contextmanager
def writing_table(
    path: Path,
    schema: pl.Schema,
    marks: Mapping[str, str] | None = None,
    repeating: Sequence[str] = (),
) -> Iterator[Write]:
    """Write a table in place of what is there, once all of it is written.

    Args:
        path: the file; CSV if its name ends in `.csv`, Parquet if not.
        schema: the columns, in order.
        marks: what a Parquet file says of itself.
        repeating: columns of few values, of which a Parquet file holds each once; to try that with
            the others takes as long as all else and makes the file larger.

    Raises:
        StoreError: if it cannot be written.
    """
    check_place(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    kind = _csv if path.suffix.lower() == ".csv" else _parquet
    try:
        with kind(temporary, schema, marks or {}, repeating) as write:
            yield write
        temporary.replace(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        if is_full_disk(error):
            raise full_disk_error(path) from error
        if not isinstance(error, OSError):
            raise
        raise unwritable(path, error.strerror or str(error)) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_place(path: Path) -> None:
    """Refuse a place where no file can be, before anything is done for what it would hold.

    Raises:
        StoreError: if the path is a folder, or its folder is not there.
    """
    if path.is_dir():
        raise unwritable(path, os.strerror(errno.EISDIR))
    if not path.parent.is_dir():
        raise unwritable(path, os.strerror(errno.ENOENT))


def unwritable(path: Path, reason: str) -> StoreError:
    """Return the error that says of a file why it cannot be written, and what to do."""
    return StoreError(
        f"{path} cannot be written ({reason}): choose a file in a folder that is there and can be "
        "written."
    )


@contextmanager
def _parquet(
    path: Path, schema: pl.Schema, marks: Mapping[str, str], repeating: Sequence[str]
) -> Iterator[Write]:
    columns: pa.Schema = pl.DataFrame(schema=schema).to_arrow().schema
    options: dict[str, Any] = {"compression": "zstd", "use_dictionary": list(repeating)}
    with pq.ParquetWriter(path, columns, **options) as writer:

        def write(rows: pl.DataFrame) -> None:
            writer.write_table(rows.to_arrow().cast(columns))

        yield write
        writer.add_key_value_metadata(dict(marks))


@contextmanager
def _csv(
    path: Path, schema: pl.Schema, _marks: Mapping[str, str], _repeating: Sequence[str]
) -> Iterator[Write]:
    with path.open("wb") as file:
        pl.DataFrame(schema=schema).write_csv(file)

        def write(rows: pl.DataFrame) -> None:
            rows.select(schema.names()).write_csv(file, include_header=False)

        yield write
