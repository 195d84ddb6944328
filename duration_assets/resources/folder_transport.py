"""Files of a folder, or of whatever else fsspec shows as one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from duration_assets.resources.listing import list_months
from duration_assets.resources.transport import (
    CHUNK,
    Incoming,
    InterruptionError,
    RefusalError,
    Seen,
    reason_of,
)

# Whatever a file system tells of when and how a file was written.
_TRACES = ("mtime", "created", "ino", "LastModified", "updated", "modified", "ETag", "etag")


class FolderTransport:
    """Gets files of an fsspec file system."""

    def __init__(self, protocol: str, options: Mapping[str, Any]) -> None:
        """Use the file system of `protocol` with the fsspec storage options `options`."""
        self.files = fsspec.filesystem(protocol, skip_instance_cache=True, **options)

    @contextmanager
    def open(self, url: str) -> Iterator[Incoming]:
        """Begin to get a file."""
        with _translated():
            size = self.files.size(url)
            stream = self.files.open(url, "rb")
        with stream:
            yield Incoming(size, self._chunks(url, stream, size))

    def answers(self, url: str) -> bool:
        """Say whether a file is there."""
        return bool(self.files.exists(url))

    def is_empty(self, pattern: str) -> bool:
        """Say whether nothing matches a pattern."""
        with _translated():
            return not self.files.glob(pattern)

    def see(self, url: str) -> Seen:
        """Look at a file's size and times."""
        with _translated():
            return _seen(self.files.info(url))

    def listing(self, address: Callable[[str], str]) -> dict[str, Seen]:
        """Look at every month's size and times; a link shows those of its file."""
        # Some file systems would show what they listed before.
        self.files.invalidate_cache()
        with _translated():
            found = list_months(self.files, address)
            return {month: self._behind_links(info) for month, info in found.items()}

    def digest(self, url: str) -> str | None:
        """Return the SHA-256 of a Parquet file in hexadecimal, or None while it lacks a footer."""
        digest = hashlib.sha256()
        with _translated(), self.files.open(url, "rb") as stream:
            if not _has_footer(stream):
                return None
            stream.seek(0)
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def _behind_links(self, info: Mapping[str, Any]) -> Seen:
        return _seen(self.files.info(info["name"]) if info.get("islink") else info)

    def _chunks(self, url: str, stream: Any, size: int | None) -> Iterator[bytes]:
        with _translated():
            while chunk := stream.read(CHUNK):
                yield chunk
                # Nothing stops another process from writing to a file while it is read here.
                if self.files.size(url) != size:
                    raise InterruptionError("it changed while it was read")


def _seen(info: Mapping[str, Any]) -> Seen:
    traces = [f"{name} {info[name]}" for name in _TRACES if name in info]
    return Seen(" ".join([f"size {info['size']}", *traces]), info["size"], whole=False)


def _has_footer(stream: Any) -> bool:
    """Say whether a file ends as a Parquet file that was written to its end."""
    try:
        pq.read_metadata(stream)
    except (pa.ArrowException, OSError):
        return False
    return True


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise RefusalError(404) from None
    except (IsADirectoryError, NotADirectoryError) as error:
        raise RefusalError(400, reason_of(error)) from None
    except PermissionError as error:
        raise RefusalError(401, reason_of(error)) from None
    except OSError as error:
        raise InterruptionError(reason_of(error)) from None
