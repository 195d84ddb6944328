"""The source of published months: a folder, a bucket or a web address, through fsspec.

A file is fetched whole or not at all, and every way in which a source can fail has an error of its
own. What the file holds is not looked at here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

import fsspec
import tenacity

from duration_assets.addresses import without_secrets
from duration_assets.errors import (
    NotPublishedError,
    SettingsError,
    SourceError,
    ThrottledError,
    UnreachableError,
)
from duration_assets.months import Month
from duration_assets.services import Service

FILE_NAME = "{service}_tripdata_{month}.parquet"
_CHUNK = 1 << 20
_THROTTLED = (429, 503)
_KNOWN_SINCE = Month(2021, 1)

Progress = Callable[[int, int | None], None]
"""Called with the bytes received and the bytes announced, if they are."""


@dataclass(frozen=True)
class FetchedFile:
    """A file that was fetched.

    Attributes:
        sha256: of its bytes, in hexadecimal.
        size: in bytes.
        address: where it came from, without credentials.
    """

    sha256: str
    size: int
    address: str


class _ShortTransferError(Exception):
    """Fewer bytes came than were announced."""


class TripSource:
    """Fetches the months of the services."""

    def __init__(
        self,
        template: str,
        *,
        timeout: float = 60.0,
        attempts: int = 4,
        first_wait: float = 1.0,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Take the setting `DURATION_SOURCE`.

        Args:
            template: a folder, a bucket prefix or URL, or any of them with `{service}` and
                `{month}`; without, TLC's own file names are appended.
            timeout: seconds without an answer after which a request is given up.
            attempts: how often a request is made before it counts as failed.
            first_wait: seconds before the second attempt; each further wait is twice as long.
            storage_options: for the fsspec file system.

        Raises:
            SettingsError: if the template has another placeholder.
        """
        fields = {field for _, field, _, _ in Formatter().parse(template) if field is not None}
        if fields - {"service", "month"}:
            raise SettingsError(
                "DURATION_SOURCE may hold {service} and {month}, and no other placeholder; it is "
                f"{without_secrets(template)}."
            )
        self.template = template if fields else f"{template.rstrip('/')}/{FILE_NAME}"
        self.timeout = timeout
        self.attempts = attempts
        self.first_wait = first_wait
        self.storage_options = dict(storage_options or {})

    def address(self, service: str, month: Month) -> str:
        """Return where a month is, without credentials."""
        return without_secrets(self._url(service, month))

    def fetch(
        self,
        service: Service,
        month: Month,
        destination: Path,
        progress: Progress | None = None,
    ) -> FetchedFile:
        """Fetch a month's file to `destination`, which does not exist if this raises.

        Raises:
            NotPublishedError: if the source does not have the month.
            ThrottledError: if it refuses to answer for now.
            UnreachableError: if it cannot be reached, or keeps failing.
        """
        retry = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_can_pass),
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=tenacity.wait_exponential_jitter(
                multiplier=self.first_wait, max=60, jitter=self.first_wait
            ),
            reraise=True,
        )
        try:
            return retry(self._fetch_unmasked, service, month, destination, progress)
        except BaseException as error:
            destination.unlink(missing_ok=True)
            explained = self._explain(error, service, month)
            if explained is error:
                raise
            # The chain would show the address with its credentials.
            raise explained from None

    def _url(self, service: str, month: Month) -> str:
        return self.template.format(service=service, month=month)

    def _file_system(self, url: str) -> Any:
        protocol = fsspec.utils.get_protocol(url)
        options = dict(self.storage_options)
        if protocol in ("http", "https"):
            import aiohttp

            options["client_kwargs"] = {
                "timeout": aiohttp.ClientTimeout(
                    total=None, sock_connect=self.timeout, sock_read=self.timeout
                )
            }
        try:
            return fsspec.filesystem(protocol, **options)
        except ImportError as error:
            raise SettingsError(
                f"DURATION_SOURCE is a {protocol} address, which needs a further package: "
                "pip install 'duration_assets[s3]' for S3."
            ) from error

    def _fetch_unmasked(
        self, service: Service, month: Month, destination: Path, progress: Progress | None
    ) -> FetchedFile:
        """Fetch once; whatever fails over HTTP, fsspec may say that the file is not found."""
        try:
            return self._fetch_once(service, month, destination, progress)
        except FileNotFoundError as error:
            if error.__cause__ is not None:
                raise error.__cause__ from None
            raise

    def _fetch_once(
        self, service: Service, month: Month, destination: Path, progress: Progress | None
    ) -> FetchedFile:
        url = self._url(service.name, month)
        files = self._file_system(url)
        local = fsspec.utils.get_protocol(url) == "file"
        if local:
            url = str(Path(url.removeprefix("file://")).expanduser())
            if not Path(url).parent.is_dir():
                raise UnreachableError(
                    f"The source folder {Path(url).parent} does not exist: check DURATION_SOURCE."
                )
        digest, received = hashlib.sha256(), 0
        # Streaming over HTTP asks for the size with the same request.
        size_hint = {"block_size": 0} if "http" in str(files.protocol) else {}
        with closing(files.open(url, "rb", **size_hint)) as stream, destination.open("wb") as out:
            announced = _announced_size(stream)
            while chunk := stream.read(_CHUNK):
                out.write(chunk)
                digest.update(chunk)
                received += len(chunk)
                if progress is not None:
                    progress(received, announced)
        if announced is not None and received != announced:
            raise _ShortTransferError(f"{received:,} of {announced:,} bytes came")
        return FetchedFile(digest.hexdigest(), received, self.address(service.name, month))

    def _explain(self, error: BaseException, service: Service, month: Month) -> BaseException:
        """Return the error to raise in place of what a library raised."""
        address = self.address(service.name, month)
        status = getattr(error, "status", None)
        if isinstance(error, FileNotFoundError) or status == 404:
            return self._not_published(service, month)
        if status == 403:
            if self._known_month_answers(service, month):
                return self._not_published(service, month)
            return ThrottledError(
                f"{address} is refused for now (403), and so are months that are known to be "
                "published: the source throttles. Try again later."
            )
        if status in _THROTTLED:
            return ThrottledError(f"{address} throttles ({status}). Try again later.")
        if isinstance(error, SourceError | SettingsError) or not _is_transfer_error(error):
            return error
        detail = f"status {status}" if status else f"{type(error).__name__}: {error}"
        return UnreachableError(
            f"{address} could not be fetched after {self.attempts} attempts ({detail}). Nothing "
            "was replaced. Check the network and DURATION_SOURCE; `make demo` shows everything "
            "offline, on simulated trips."
        )

    def _not_published(self, service: Service, month: Month) -> NotPublishedError:
        return NotPublishedError(
            f"{service.name} trips of {month} are not published at "
            f"{self.address(service.name, month)}. TLC publishes a month about 50 days after it "
            "ends: choose an earlier month, or set DURATION_SOURCE to where it is."
        )

    def _known_month_answers(self, service: Service, month: Month) -> bool:
        """Say whether a month that was published long ago can be had now."""
        known = max(service.first_month, _KNOWN_SINCE)
        url = self._url(service.name, known.shift(1) if known == month else known)
        try:
            with closing(self._file_system(url).open(url, "rb", block_size=0)) as stream:
                return bool(stream.read(1))
        except Exception:
            return False


def _announced_size(stream: Any) -> int | None:
    """Return the bytes that a file or a web server's answer says it has."""
    answer = getattr(stream, "r", None)
    return getattr(stream, "size", None) if answer is None else answer.content_length


def _is_transfer_error(error: BaseException) -> bool:
    import aiohttp

    kinds = (_ShortTransferError, aiohttp.ClientError, TimeoutError, ConnectionError)
    return isinstance(error, kinds) or type(error).__module__.startswith("botocore")


def _can_pass(error: BaseException) -> bool:
    """Say whether the same request may succeed when it is made again."""
    status = getattr(error, "status", None)
    if status is not None:
        return status >= 500 or status in (403, 408, *_THROTTLED)
    return not isinstance(error, FileNotFoundError) and _is_transfer_error(error)
