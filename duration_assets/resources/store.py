"""The store: a folder for each partition, written all at once or not at all.

A partition is a manifest (what it is, made from what) that points to a folder of files. The files
are written to a folder of their own first, then the manifest is replaced: a reader sees the old
partition or the new one, and a process that is killed leaves the old one.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock
import polars as pl

from duration_assets.disk_space import full_disk_error, is_full_disk
from duration_assets.errors import (
    MissingPartitionError,
    PartitionLockedError,
    StoreError,
)
from duration_assets.months import Month
from duration_assets.resources.files import write_atomically
from duration_assets.resources.partition import MANIFEST, Draft, Partition

_DISCARDED = ".discarded-"


class Store:
    """All partitions of a home."""

    def __init__(self, root: Path, lock_timeout: float = 600.0) -> None:
        """Use the folder `root`, which is made when something is first written.

        Args:
            root: the folder.
            lock_timeout: seconds to wait for another writer of the same partition.
        """
        self.root = root
        self.lock_timeout = lock_timeout

    def find(self, asset: str, month: Month) -> Partition | None:
        """Return a partition, or None if there is none.

        Raises:
            StoreError: if its manifest is damaged.
        """
        place = self._place(asset, month)
        try:
            content = json.loads((place / MANIFEST).read_text())
            return Partition(**content, folder=place / content["version"])
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise StoreError(
                f"{place / MANIFEST} is damaged ({error}): remove the folder {place}, and "
                f"{asset} for {month} is made again by the next run."
            ) from error

    def require(self, asset: str, month: Month, why: str) -> Partition:
        """Return a partition that has to be there.

        Args:
            asset: its asset.
            month: its month.
            why: what it is needed for, for the message.

        Raises:
            MissingPartitionError: if there is none.
        """
        found = self.find(asset, month)
        if found is None:
            raise MissingPartitionError(
                f"{asset} for {month} is missing, which {why} needs: "
                f"materialize {asset} for {month} first."
            )
        return found

    @contextmanager
    def writing(self, asset: str, month: Month) -> Iterator[Draft]:
        """Write a partition, alone.

        Raises:
            PartitionLockedError: if another process still writes it after the time-out.
            StoreError: if the disk is full.
        """
        place = self._place(asset, month)
        draft = Draft(place / f".{uuid.uuid4().hex}")

        def commit(**content: Any) -> Partition:
            return self._commit(asset, month, draft.folder, content)

        draft._commit = commit
        try:
            with self.locked(asset, month):
                try:
                    draft.folder.mkdir(parents=True)
                    yield draft
                finally:
                    shutil.rmtree(draft.folder, ignore_errors=True)
        except (OSError, pl.exceptions.PolarsError) as error:
            if is_full_disk(error):
                raise full_disk_error(place) from error
            raise

    def drop(self, partition: Partition) -> bool:
        """Remove a partition's files, and keep what is known of it.

        Returns:
            Whether it was done; not if somebody writes or reads the partition at the moment.
        """
        month = Month.parse(partition.month)
        place = self._place(partition.asset, month)
        writers = self.locked(partition.asset, month, timeout=0)
        readers = self.locked(_readers_of(partition), month, timeout=0)
        try:
            with writers, readers:
                if self.find(partition.asset, month) != partition:
                    return False
                self._discard([each for each in place.iterdir() if each.name != MANIFEST])
        except PartitionLockedError:
            return False
        return True

    def reading(self, partition: Partition) -> AbstractContextManager[None]:
        """Keep a partition from being dropped, for one reader at a time.

        Others may write it meanwhile: what was current until then stays.

        Raises:
            PartitionLockedError: if another process still reads it after the time-out.
        """
        return self.locked(_readers_of(partition), Month.parse(partition.month))

    def months(self, asset: str) -> list[Month]:
        """Return the months of an asset that are there, in time."""
        found = (self.root / asset).glob(f"*/{MANIFEST}")
        return sorted(Month.parse(path.parent.name) for path in found)

    def content(self, sha256: str) -> Path:
        """Return where a published file is kept by its content, also if there is none."""
        return self.root / "content" / f"{sha256}.parquet"

    def _place(self, asset: str, month: Month) -> Path:
        return self.root / asset / str(month)

    def _commit(self, asset: str, month: Month, folder: Path, content: dict[str, Any]) -> Partition:
        place = self._place(asset, month)
        version = uuid.uuid4().hex
        before = self.find(asset, month)
        folder.rename(place / version)
        partition = Partition(
            asset=asset,
            month=str(month),
            version=version,
            written=datetime.now(UTC).isoformat(),
            folder=place / version,
            **content,
        )
        manifest = {k: v for k, v in asdict(partition).items() if k != "folder"}
        write_atomically(place / MANIFEST, json.dumps(manifest, indent=1).encode())
        # What was current until now stays for those who are reading it.
        keep = {version, before.version if before else version, MANIFEST}
        with suppress(OSError):
            self._discard([old for old in place.iterdir() if old.name not in keep])
        return partition

    def _discard(self, paths: Iterable[Path]) -> None:
        """Remove files and folders, also what others were stopped at removing.

        They go out of sight at once: what is there in part would be taken for the whole.
        """
        for path in paths:
            path.rename(self.root / f"{_DISCARDED}{uuid.uuid4().hex}")
        for each in self.root.glob(f"{_DISCARDED}*"):
            if each.is_dir():
                shutil.rmtree(each, ignore_errors=True)
            else:
                each.unlink(missing_ok=True)

    @contextmanager
    def locked(
        self,
        name: str,
        month: Month,
        waiting: Callable[[str], None] | None = None,
        timeout: float | None = None,
    ) -> Iterator[None]:
        """Keep other writers of an asset, or of a group of assets, away from a month.

        Args:
            name: of the asset or group.
            month: the month.
            waiting: told who holds it, if that has to be waited for.
            timeout: seconds to wait, in place of the store's own.

        Raises:
            PartitionLockedError: if it is still held after the time-out.
        """
        path = self.root / ".locks" / f"{name.replace('/', '.')}.{month}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        holder = path.with_suffix(".holder")
        lock = filelock.FileLock(path)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            if waiting is not None:
                waiting(_holder(holder))
            seconds = self.lock_timeout if timeout is None else timeout
            _wait_for(lock, holder, f"{name} for {month}", seconds)
        try:
            holder.write_text(f"process {os.getpid()} on {socket.gethostname()}")
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()


def _readers_of(partition: Partition) -> str:
    """Return the name of the lock that a partition's readers hold."""
    return f"{partition.asset}.readers"


def _wait_for(lock: filelock.BaseFileLock, holder: Path, what: str, seconds: float) -> None:
    try:
        lock.acquire(timeout=seconds)
    except filelock.Timeout:
        raise PartitionLockedError(
            f"{what} is being written by {_holder(holder)}, for more than {seconds:.0f} seconds. "
            "Wait until it is done, or stop it."
        ) from None


def _holder(path: Path) -> str:
    """Say who holds a lock; its holder may be done in this moment."""
    try:
        return path.read_text() or "another process"
    except FileNotFoundError:
        return "another process"
