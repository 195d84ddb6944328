"""The published files that a model was trained on, which the store keeps by their content."""

from __future__ import annotations

from pathlib import Path

from duration_assets.errors import MissingPartitionError, StoreError
from duration_assets.modelling.training_record import TrainingRecord
from duration_assets.months import Month
from duration_assets.resources.files import content_hash
from duration_assets.resources.store import Store


def kept_files(home: Path, store: Store, record: TrainingRecord) -> dict[Month, Path]:
    """Find the published file of each month of a window.

    Args:
        home: the home that is looked into.
        store: its store.
        record: says which files.

    Returns:
        The files, oldest month first.

    Raises:
        MissingPartitionError: if any is not there, naming them all.
        StoreError: if one is damaged.
    """
    found: dict[Month, Path] = {}
    missing: list[str] = []
    for month in record.months:
        if month.raw is None:
            raise MissingPartitionError(
                f"{record.service} trips of {month.month} were published again while the model was "
                "made: it is not known which file it was trained on."
            )
        path = store.content(month.raw)
        if path.is_file():
            found[Month.parse(month.month)] = path
        else:
            missing.append(f"{month.month} ({month.raw})")
    if missing:
        raise MissingPartitionError(_say_missing(missing, home, store, record))
    for at, path in found.items():
        _check(path, f"{record.service} trips of {at}")
    return found


def _say_missing(missing: list[str], home: Path, store: Store, record: TrainingRecord) -> str:
    files = f"{record.service} trips that the model was trained on are not in the home {home}"
    listed = f"{files}: {', '.join(missing)}, by the SHA-256 of their files."
    if record.home != str(home):
        return (
            f"{listed} The run was logged from the home {record.home}: set DURATION_HOME to that."
        )
    return (
        f"{listed} They came from {record.source}. Files with the same bytes can be put back as "
        f"{store.content('SHA-256')}."
    )


def _check(path: Path, what: str) -> None:
    if content_hash(path) != path.stem:
        raise StoreError(
            f"{path}, {what}, is damaged: its bytes have another SHA-256 than its name says. Put a "
            "whole copy in its place."
        )
