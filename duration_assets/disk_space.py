"""A full disk, told apart whichever library met it first.

Dagster's and MLflow's databases can lie on other disks than the store, and their libraries have
words of their own for it.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from duration_assets.errors import DurationError, StoreError

if TYPE_CHECKING:
    from duration_assets.settings import Settings

_FULL = (errno.ENOSPC, errno.EDQUOT)
_SIGNS = ("No space left on device", "Disk quota exceeded", "database or disk is full")
_PERHAPS_FULL = "disk I/O error"
"""What SQLite says, for one, if there is no room for the index of its write-ahead log."""
_CLEAR = "The disk is full: "
_LITTLE = 1 << 20
"""Free bytes below which a disk counts as the one that was full."""


def is_full_disk(error: BaseException) -> bool:
    """Say whether a full disk is behind an error."""
    return any(getattr(link, "errno", None) in _FULL for link in _chain(error)) or any(
        _says(error, sign) for sign in _SIGNS
    )


def full_disk_error(what: object) -> StoreError:
    """Return the error that says what could not be written, and what to do."""
    return StoreError(
        f"{_CLEAR}{what} could not be written. Nothing was changed. "
        "Free some space and run it again."
    )


@contextmanager
def full_disk_explained(settings: Settings) -> Iterator[None]:
    """Say in one clear message that a disk is full, in place of what a library says of it.

    Args:
        settings: say what is written where.

    Raises:
        StoreError: if a disk is full, naming the folders on it.
    """
    try:
        yield
    except Exception as error:
        folders = _written_folders(settings)
        full = [folder for folder in folders if shutil.disk_usage(folder).free < _LITTLE]
        if _explains(error, full) or not (
            is_full_disk(error) or (full and _says(error, _PERHAPS_FULL))
        ):
            raise
        # If space was freed since, nobody knows which of them it was.
        raise full_disk_error(" or ".join(map(str, _topmost(full or folders)))) from error


def _explains(error: Exception, full: list[Path]) -> bool:
    """Say whether an error names the full disk already, and not one that has room."""
    said = str(error)
    named = not full or any(str(folder) in said for folder in full)
    return isinstance(error, DurationError) and _CLEAR in said and named


def _says(error: BaseException, sign: str) -> bool:
    return any(sign in str(link) for link in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it, each once: errors can lead to each other in a circle."""
    seen: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in seen:
        seen.append(link)
        yield link
        link = link.__cause__ or link.__context__


def _topmost(folders: list[Path]) -> list[Path]:
    """Leave out the folders that lie in others."""
    return [folder for folder in folders if not any(other in folder.parents for other in folders)]


def _written_folders(settings: Settings) -> list[Path]:
    """Return the folders that are there and may lie on disks of their own."""
    from duration_assets.resources.mlflow_access import local_database
    from duration_assets.resources.tracking import ARTIFACT_FOLDER

    assert settings.dagster_home is not None
    home = settings.home
    folders = [home, home / "store", home / ARTIFACT_FOLDER, settings.dagster_home]
    database = local_database(settings.tracking_uri)
    if database is not None:
        folders.append(database.absolute().parent)
    return [folder for folder in dict.fromkeys(folders) if folder.exists()]
