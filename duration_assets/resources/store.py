"""The store: a folder for each partition, written all at once or not at all.

A partition is a manifest (what it is, made from what) that points to a folder of files. The files
are written to a folder of their own first, then the manifest is replaced: a reader sees the old
partition or the new one, and a process that is killed leaves the old one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
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

_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Partition:
    """One written partition.

    Attributes:
        asset: the asset's key, `green/cleaned_trips`.
        month: its month.
        data_version: stands for the content: two partitions with the same one are the same.
        code_version: of the code and settings that made it.
        inputs: the data version of each partition it was made from, by `green/raw_trips@2023-01`.
        summary: counts and figures about the content.
        simulated: whether any simulated trip went into it.
        version: the name of the folder that holds the files.
        folder: that folder.
        written: when it was written, ISO 8601 in UTC.
    """

    asset: str
    month: str
    data_version: str
    code_version: str
    inputs: dict[str, str]
    summary: dict[str, Any]
    simulated: bool
    version: str
    written: str
    folder: Path = field(default=Path(), compare=False)

    @property
    def name(self) -> str:
        """The partition's name in the inputs of others."""
        return partition_name(self.asset, Month.parse(self.month))

    @property
    def is_dropped(self) -> bool:
        """Whether its files were dropped after use, and what is known of it was kept."""
        return not self.folder.is_dir()

    def file(self, name: str) -> Path:
        """Return one of its files.

        Raises:
            MissingPartitionError: if it is not there.
        """
        path = self.folder / name
        if self.is_dropped:
            raise MissingPartitionError(
                f"The files of {self.name} were dropped after use, as DURATION_KEEP_MATRICES says: "
                f"materialize {self.asset} for {self.month} to make them again."
            )
        if not path.exists():
            raise MissingPartitionError(
                f"{self.name} holds no {name} any more: materialize {self.asset} for {self.month}."
            )
        return path


@dataclass
class Draft:
    """A partition that is being written: put files into `folder`, then `commit`."""

    folder: Path
    result: Partition | None = None
    _commit: Any = None

    def commit(
        self,
        *,
        data_version: str,
        code_version: str,
        inputs: Mapping[str, str],
        summary: Mapping[str, Any],
        simulated: bool,
    ) -> Partition:
        """Make the files in `folder` the partition, in place of what was there."""
        self.result = self._commit(
            data_version=data_version,
            code_version=code_version,
            inputs=dict(inputs),
            summary=dict(summary),
            simulated=simulated,
        )
        return self.result


def partition_name(asset: str, month: Month) -> str:
    """Return the name of a partition in the inputs of others."""
    return f"{asset}@{month}"


def content_hash(*paths: Path) -> str:
    """Return the SHA-256 of files, one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def folder_hash(folder: Path) -> str:
    """Return the SHA-256 of all files below a folder, in the order of their paths."""
    return content_hash(*sorted(path for path in folder.rglob("*") if path.is_file()))


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
            content = json.loads((place / _MANIFEST).read_text())
            return Partition(**content, folder=place / content["version"])
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise StoreError(
                f"{place / _MANIFEST} is damaged ({error}): remove the folder {place}, and "
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
            Whether it was done; not if somebody writes the partition at the moment.
        """
        month = Month.parse(partition.month)
        place = self._place(partition.asset, month)
        try:
            with self.locked(partition.asset, month, timeout=0):
                if self.find(partition.asset, month) != partition:
                    return False
                for version in place.iterdir():
                    if version.name != _MANIFEST:
                        shutil.rmtree(version)
        except PartitionLockedError:
            return False
        return True

    def months(self, asset: str) -> list[Month]:
        """Return the months of an asset that are there, in time."""
        found = (self.root / asset).glob(f"*/{_MANIFEST}")
        return sorted(Month.parse(path.parent.name) for path in found)

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
        write_atomically(place / _MANIFEST, json.dumps(manifest, indent=1).encode())
        # What was current until now stays for those who are reading it.
        keep = {version, before.version if before else version, _MANIFEST}
        for old in place.iterdir():
            if old.name not in keep:
                shutil.rmtree(old, ignore_errors=True)
        return partition

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


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file: whoever reads it sees the old content or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
