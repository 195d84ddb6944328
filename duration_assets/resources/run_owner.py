"""Who owns a run of MLflow or Dagster, or a backfill: a file in the home, locked while that lives.

However a process ends, the system lets go of its locks. So a file that can be locked belongs to one
that is gone; no process number, clock or host name has to be compared. On an MLflow run, the file's
name is a tag.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

OWNER_TAG = "duration_assets.owner"


class Owner:
    """The owner of one run or backfill.

    Attributes:
        name: of its file: with `new`, its host and process, for people who wonder.
    """

    def __init__(self, path: Path) -> None:
        """Name an owner by its file."""
        self.name = path.name
        self._path = path

    @classmethod
    def new(cls, folder: Path) -> Owner:
        """Name an owner that there never was before."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder / f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}")

    @classmethod
    def all_in(cls, folder: Path) -> list[Owner]:
        """Return the owners that were not forgotten."""
        return [cls(path) for path in sorted(folder.glob("*"))]

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Show the owner as alive, until the block or the process ends.

        Raises:
            filelock.Timeout: if it is alive already.
        """
        with filelock.FileLock(self._path, timeout=0):
            yield

    def is_gone(self) -> bool:
        """Say whether what it stands for ended, or its process did."""
        try:
            with self.alive():
                return True
        except filelock.Timeout:
            return False

    def forget(self) -> None:
        """Forget an owner whose run or backfill has ended."""
        self._path.unlink(missing_ok=True)
