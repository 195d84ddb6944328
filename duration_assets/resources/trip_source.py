"""The source of published months: a folder, a bucket or a web address.

A file is fetched whole or not at all, and every way in which a source can fail has an error of its
own. How a file is got over which protocol is left to a transport; what the file holds is not
looked at here.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Formatter
from typing import Any

import tenacity

from duration_assets.addresses import without_secrets
from duration_assets.errors import (
    MissingSourceError,
    NotPublishedError,
    SettingsError,
    SourceAccessError,
    SourceError,
    ThrottledError,
    UnreachableError,
)
from duration_assets.months import Month
from duration_assets.progress import Report
from duration_assets.resources.transport import (
    ABSENT,
    BUSY,
    FORBIDDEN,
    UNAUTHORIZED,
    InterruptionError,
    RefusalError,
    Transport,
    transport_for,
)
from duration_assets.services import Service

FILE_NAME = "{service}_tripdata_{month}.parquet"
_ANY = {"service": "*", "month": "[0-9][0-9][0-9][0-9]-[0-9][0-9]"}
_MARK = "\0"
"""Stands where an address begins to depend on the service or the month."""
_TIMED_OUT = 408
_THROTTLED = (FORBIDDEN, *BUSY)
_KNOWN_SINCE = Month(2021, 1)
_LONGEST_WAIT = 60.0
_WAY_OUT = "`make demo` shows everything offline, on simulated trips."


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
            storage_options: for the fsspec file system of a folder or a bucket.

        Raises:
            SettingsError: if the template is no address, or has other placeholders.
        """
        self.template = _checked(template)
        self.timeout = timeout
        self.attempts = attempts
        self.first_wait = first_wait
        self.storage_options = dict(storage_options or {})

    def address(self, service: str, month: Month) -> str:
        """Return where a month is, without credentials."""
        return without_secrets(self.url(service, month))

    def fetch(
        self,
        service: Service,
        month: Month,
        destination: Path,
        progress: Report | None = None,
    ) -> FetchedFile:
        """Fetch a month's file to `destination`, which does not exist if this raises.

        Raises:
            NotPublishedError: if the source does not have the month.
            MissingSourceError: if it is a folder or a bucket, and has no month at all.
            SourceAccessError: if it does not accept the credentials.
            ThrottledError: if it refuses to answer for now.
            UnreachableError: if it cannot be reached, or keeps failing.
            SourceError: if it refuses for another reason.
            SettingsError: if nothing can be asked at such an address.
            OSError: if `destination` cannot be written.
        """
        backoff = tenacity.wait_exponential_jitter(
            multiplier=self.first_wait, max=_LONGEST_WAIT, jitter=self.first_wait
        )
        retry = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_can_pass),
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=lambda state: max(backoff(state), _asked_wait(state)),
            reraise=True,
        )
        try:
            return retry(self._fetch_once, service, month, destination, progress)
        except BaseException as error:
            destination.unlink(missing_ok=True)
            if isinstance(error, RefusalError | InterruptionError):
                raise self._explained(error, service, month) from None
            raise

    def url(self, service: str, month: Month | str) -> str:
        """Return where a month is, with what the address may hold of credentials."""
        return self.template.format(service=service, month=str(month))

    def beside(self, name: str) -> str:
        """Return where a file without a month is: in the folder that all months are in or below.

        Returns:
            Its address, with what that may hold of credentials.
        """
        before, _, _ = self.url(_MARK, _MARK).partition(_MARK)
        folder, slash, _ = before.rpartition("/")
        return f"{folder}{slash}{name}"

    @cached_property
    def transport(self) -> Transport:
        """What speaks the source's protocol, with the addresses of `url`."""
        protocol, separator, _ = self.template.partition("://")
        return transport_for(protocol if separator else "file", self.timeout, self.storage_options)

    def _fetch_once(
        self, service: Service, month: Month, destination: Path, progress: Report | None
    ) -> FetchedFile:
        """Fetch once, and find out what a refusal of it means."""
        try:
            return self._copy(service, month, destination, progress)
        except RefusalError as refusal:
            if refusal.status != FORBIDDEN or not self._known_month_answers(service, month):
                raise
        # Whatever throttled may have stopped in between: only the answer from now on tells.
        try:
            return self._copy(service, month, destination, progress)
        except RefusalError as refusal:
            raise RefusalError(404) if refusal.status == FORBIDDEN else refusal from None

    def _copy(
        self, service: Service, month: Month, destination: Path, progress: Report | None
    ) -> FetchedFile:
        digest, received = hashlib.sha256(), 0
        url = self.url(service.name, month)
        with self.transport.open(url) as incoming, destination.open("wb") as file:
            for chunk in incoming.chunks:
                file.write(chunk)
                digest.update(chunk)
                received += len(chunk)
                if progress is not None:
                    progress(received, incoming.size)
        if incoming.size is not None and received != incoming.size:
            raise InterruptionError(f"{received:,} of {incoming.size:,} bytes came")
        return FetchedFile(digest.hexdigest(), received, without_secrets(url))

    def _known_month_answers(self, service: Service, month: Month) -> bool:
        """Say whether a month that was published long ago can be had now."""
        known = published_long_ago(service)
        known = known.shift(1) if known == month else known
        return self.transport.answers(self.url(service.name, known))

    def _has_no_month(self) -> bool:
        """Say whether no month of any service is there."""
        pattern = "".join(
            glob.escape(literal) + _ANY.get(field or "", "")
            for literal, field, _, _ in Formatter().parse(self.template)
        )
        try:
            return self.transport.is_empty(pattern)
        except (RefusalError, InterruptionError):
            # Who may not list a bucket can still fetch from it.
            return False

    def _explained(
        self, failure: RefusalError | InterruptionError, service: Service, month: Month
    ) -> SourceError:
        """Return the error that says what a failure means, and what to do."""
        address = self.address(service.name, month)
        unreachable = UnreachableError(
            f"{address} could not be fetched after {self.attempts} attempts ({failure}). Nothing "
            f"was replaced. Check the network and DURATION_SOURCE; {_WAY_OUT}"
        )
        if isinstance(failure, InterruptionError):
            return unreachable
        if failure.status in ABSENT:
            return self._absent(service, month)
        if failure.status == UNAUTHORIZED:
            return SourceAccessError(
                f"{address} may not be read ({failure}). Check the permissions, or the "
                "credentials: for a bucket AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if they "
                "are temporary, AWS_SESSION_TOKEN."
            )
        if failure.status == FORBIDDEN:
            return ThrottledError(
                f"{address} is refused for now ({failure}), and so are months that are known to "
                "be published: the source throttles, or does not let you read it. Try again "
                "later; if it stays so, check DURATION_SOURCE and what you may read there."
            )
        if failure.status in _THROTTLED:
            return ThrottledError(f"{address} throttles ({failure}). Try again later.")
        if _can_pass(failure):
            return unreachable
        return SourceError(
            f"{address} is refused ({failure}), and would be again. Check DURATION_SOURCE, and "
            "for a bucket AWS_ENDPOINT_URL."
        )

    def _absent(self, service: Service, month: Month) -> SourceError:
        if self._has_no_month():
            return MissingSourceError(
                f"{without_secrets(self.template)} does not exist, or holds no month of any "
                "service. Check DURATION_SOURCE, and for a bucket AWS_ENDPOINT_URL; " + _WAY_OUT
            )
        return NotPublishedError(
            f"{service.name} trips of {month} are not published at "
            f"{self.address(service.name, month)}. TLC publishes a month about 50 days after it "
            "ends: choose an earlier month, or set DURATION_SOURCE to where it is."
        )


def published_long_ago(service: Service) -> Month:
    """Return a month that has been at TLC's own source for years."""
    return max(service.first_month, _KNOWN_SINCE)


def _checked(template: str) -> str:
    """Return the template with both of its placeholders."""
    try:
        shown = without_secrets(template)
        fields = {field for _, field, _, _ in Formatter().parse(template) if field is not None}
    except ValueError as error:
        raise SettingsError(f"DURATION_SOURCE is no address: {error}.") from None
    if not fields:
        return f"{template.rstrip('/')}/{FILE_NAME}"
    if not {"month"} <= fields <= {"service", "month"}:
        raise SettingsError(
            "DURATION_SOURCE may hold {service} and {month}, needs {month} where it holds one, "
            f"and takes no other placeholder; it is {shown}."
        )
    return template


def _can_pass(error: BaseException) -> bool:
    """Say whether the same request may succeed when it is made again."""
    if isinstance(error, RefusalError):
        return error.status >= 500 or error.status in (_TIMED_OUT, *_THROTTLED)
    return isinstance(error, InterruptionError)


def _asked_wait(state: tenacity.RetryCallState) -> float:
    """Return the seconds that the source asks to wait, within reason."""
    error = state.outcome.exception() if state.outcome else None
    return min(error.retry_after, _LONGEST_WAIT) if isinstance(error, RefusalError) else 0.0
