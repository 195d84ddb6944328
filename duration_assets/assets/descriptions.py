"""What an asset tells the web UI of a partition: results, schemas, previews, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from duration_assets.modelling.matrix_files import StoredExamples
from duration_assets.modelling.reports.markdown import picture
from duration_assets.resources.partition import Partition

_PREVIEW_ROWS = 5
_MOST_COLUMNS = 60
"""The features of `course` are thousands; a schema shows that many of them."""
_PREVIEW_FEATURES = 12


def result(
    partition: Partition,
    metadata: Mapping[str, Any],
    checks: Sequence[dg.AssetCheckResult] = (),
) -> dg.MaterializeResult:
    """Tell Dagster what was written, in the form that every asset of the project uses.

    Args:
        partition: what was written.
        metadata: figures, tables and pictures of it.
        checks: what its checks found.
    """
    general: dict[str, Any] = {
        "content_hash": partition.data_version,
        "simulated": partition.simulated,
        "path": dg.MetadataValue.path(str(partition.folder)),
    }
    return dg.MaterializeResult(
        asset_key=dg.AssetKey.from_user_string(partition.asset),
        metadata={**general, **metadata},
        check_results=checks,
        data_version=dg.DataVersion(partition.data_version),
    )


def describe_table(
    table: pl.LazyFrame,
    rows: int,
    descriptions: Mapping[str, str] | None = None,
    shown: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return a table's row count, column schema and first rows.

    Args:
        table: the table.
        rows: how many rows it has.
        descriptions: of its columns, by name.
        shown: the columns to show rows of; the web UI hides a preview of many. None shows all.
    """
    head = table.head(_PREVIEW_ROWS)
    return {
        "dagster/row_count": rows,
        "dagster/column_schema": column_schema(table.collect_schema(), descriptions or {}),
        "preview": preview((head if shown is None else head.select(shown)).collect()),
    }


def describe_file(path: Path) -> dict[str, Any]:
    """Return the same for a Parquet file."""
    table = pl.scan_parquet(path)
    return describe_table(table, table.select(pl.len()).collect().item())


def describe_matrix(examples: StoredExamples, names: list[str], rows: int) -> dict[str, Any]:
    """Return a matrix's row count, features and first rows, without the features that are 0 there.

    Args:
        examples: the matrix of n rows and k features.
        names: the k features.
        rows: n.
    """
    first = next(iter(examples))
    head = first.features[:_PREVIEW_ROWS]
    dense = head if isinstance(head, np.ndarray) else head.toarray()
    shown = [int(column) for column in np.flatnonzero(dense.any(axis=0))]
    # The features of the trip itself stand last, and are what a reader looks for first.
    columns = {names[column]: dense[:, column] for column in shown[::-1][:_PREVIEW_FEATURES]}
    table = pl.DataFrame({"duration": first.durations[:_PREVIEW_ROWS], **columns})
    types = dict.fromkeys(names[:_MOST_COLUMNS], dense.dtype.name)
    return {
        "dagster/row_count": rows,
        "dagster/column_schema": column_schema(types, {}),
        "features": len(names),
        "preview": preview(table),
    }


def column_schema(types: Mapping[str, Any], descriptions: Mapping[str, str]) -> dg.TableSchema:
    """Return columns in Dagster's terms."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name, _type(kind), description=descriptions.get(name))
            for name, kind in types.items()
        ]
    )


def preview(table: pl.DataFrame) -> dg.MarkdownMetadataValue:
    """Return rows as a Markdown table."""
    lines = [table.columns, ["---"] * table.width, *table.rows()]
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines))


def pictures(images: Mapping[str, bytes]) -> dict[str, dg.MarkdownMetadataValue]:
    """Return PNG images as Markdown that the web UI shows."""
    return {name: dg.MetadataValue.md(picture(name, content)) for name, content in images.items()}


def _type(kind: Any) -> str:
    """Return a column's type as people call it, without its unit of time and zone."""
    return str(kind).partition("(")[0].lower()


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
