"""What every kind of source has in common: how it hands over a file, and the two ways to fail.

A transport knows one protocol and no trips. Whatever its library raises, it raises one of the two
failures here, in the words of HTTP and without an address: what a library says of a failure can
hold the user, the password or the signature of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from duration_assets.errors import SettingsError

UNAUTHORIZED, FORBIDDEN = 401, 403
ABSENT = (404, 410)
BUSY = (429, 503)
"""Statuses of refusals. A 403 may stand for any of them: who asks has to find out which."""

CHUNK = 1 << 20
"""Bytes that are asked for at a time, and kept in memory."""


class RefusalError(Exception):
    """The source answered, and does not give the file.

    Attributes:
        status: as over HTTP; 401 stands for anything about credentials and permissions, 404 for
            anything that is not there.
        reason: more about it, or nothing.
        retry_after: seconds to wait that the source asks for, or 0.
    """

    def __init__(self, status: int, reason: str = "", retry_after: float = 0) -> None:
        """Take what was answered."""
        super().__init__(f"status {status}" + (f", {reason}" if reason else ""))
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class InterruptionError(Exception):
    """No answer came, or it broke off; the message says why, in a few words."""


@dataclass(frozen=True)
class Incoming:
    """A file that begins to come.

    Attributes:
        size: the bytes that are announced, if they are.
        chunks: its bytes.
    """

    size: int | None
    chunks: Iterator[bytes]


@dataclass(frozen=True)
class Seen:
    """A file as it looks from outside.

    Attributes:
        mark: other bytes have another mark, but for the unlikely; the same bytes can have several.
        size: in bytes, if it is known.
        whole: whether files appear all at once at such a source; if not, this one may still grow.
    """

    mark: str
    size: int | None
    whole: bool


class Transport(Protocol):
    """Gets files of one protocol.

    Each method can raise the two failures above, and a `SettingsError` where no request could
    succeed; `answers` only the latter.
    """

    def open(self, url: str) -> AbstractContextManager[Incoming]:
        """Begin to get a file."""

    def answers(self, url: str) -> bool:
        """Say whether a file can be had now, without getting all of it."""

    def is_empty(self, pattern: str) -> bool:
        """Say whether nothing at all matches a pattern; False where that cannot be known."""

    def see(self, url: str) -> Seen:
        """Look at a file from outside."""

    def listing(self, address: Callable[[str], str]) -> dict[str, Seen] | None:
        """Look at every month that is there, by its name, `2023-01`.

        Args:
            address: gives the URL of a month by its name.

        Returns:
            None if such a source does not list what it has.
        """


@runtime_checkable
class ReadingTransport(Protocol):
    """Gets files that are cheap to read, and may still be being written."""

    def digest(self, url: str) -> str | None:
        """Return the SHA-256 of a Parquet file in hexadecimal, or None while it lacks a footer."""


def transport_for(protocol: str, timeout: float, options: Mapping[str, Any]) -> Transport:
    """Return the transport of a protocol.

    Args:
        protocol: `file`, `s3`, `https` or another one that fsspec knows.
        timeout: seconds without an answer after which a request is given up.
        options: for the fsspec file system.

    Raises:
        SettingsError: if fsspec does not know it, or lacks a package for it.
    """
    # The libraries take their time to load, and most processes fetch nothing.
    if protocol in ("http", "https"):
        from duration_assets.resources.web_transport import WebTransport

        return WebTransport(timeout)
    import fsspec

    try:
        fsspec.get_filesystem_class(protocol)
    except (ImportError, ValueError) as error:
        raise SettingsError(
            f"DURATION_SOURCE is a {protocol} address, and fsspec has nothing for it ({error}). "
            "An s3 address needs a further package: pip install 'duration_assets[s3]'."
        ) from error
    if protocol in ("s3", "s3a"):
        from duration_assets.resources.bucket_transport import BucketTransport

        return BucketTransport(timeout, options)
    from duration_assets.resources.folder_transport import FolderTransport

    try:
        return FolderTransport(protocol, options)
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"DURATION_SOURCE is a {protocol} address, and fsspec cannot open such a source by its "
            f"address alone ({error}). Use a folder, a bucket or a web server."
        ) from error


def reason_of(error: BaseException) -> str:
    """Say in a few words why a library failed, without what its message says of addresses."""
    chain = [error]
    while (deeper := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(deeper)
    if any(isinstance(link, TimeoutError) for link in chain):
        return "no answer in time"
    said = [link.strerror for link in chain if isinstance(link, OSError) and link.strerror]
    return said[-1] if said else type(chain[-1]).__name__
