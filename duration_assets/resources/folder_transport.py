"""Files of a folder, or of whatever else fsspec shows as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import fsspec

from duration_assets.resources.transport import (
    CHUNK,
    Incoming,
    InterruptionError,
    RefusalError,
    reason_of,
)


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

    def _chunks(self, url: str, stream: Any, size: int | None) -> Iterator[bytes]:
        with _translated():
            while chunk := stream.read(CHUNK):
                yield chunk
                # Nothing stops another process from writing to a file while it is read here.
                if self.files.size(url) != size:
                    raise InterruptionError("it changed while it was read")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise RefusalError(404) from None
    except PermissionError as error:
        raise RefusalError(401, reason_of(error)) from None
    except OSError as error:
        raise InterruptionError(reason_of(error)) from None
