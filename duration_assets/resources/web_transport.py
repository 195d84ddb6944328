"""Files of a web server: one request for a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests

from duration_assets.errors import SettingsError
from duration_assets.resources.transport import (
    CHUNK,
    Incoming,
    InterruptionError,
    RefusalError,
    Seen,
    reason_of,
)

_GIVEN = (200, 206)


class WebTransport:
    """Gets files over HTTP and HTTPS, through the proxies that the environment names."""

    def __init__(self, timeout: float) -> None:
        """Wait at most `timeout` seconds for a connection, and for each next byte."""
        self.timeout = timeout

    @contextmanager
    def open(self, url: str) -> Iterator[Incoming]:
        """Begin to get a file."""
        with self._response(url) as response:
            size = response.headers.get("Content-Length")
            yield Incoming(int(size) if size else None, _chunks(response))

    def answers(self, url: str) -> bool:
        """Say whether a file can be had now, by its first byte."""
        try:
            with self._response(url, {"Range": "bytes=0-0"}):
                return True
        except (RefusalError, InterruptionError):
            return False

    def is_empty(self, pattern: str) -> bool:
        """Say False: a web server does not list what it has."""
        return False

    def see(self, url: str) -> Seen:
        """Look at a file's entity tag, or at its size and time where the server gives none."""
        with self._response(url, method="HEAD") as response:
            headers = response.headers
            size = headers.get("Content-Length")
            tag = headers.get("ETag") or f"{headers.get('Last-Modified')} {size}"
            return Seen(tag, int(size) if size else None, whole=True)

    def listing(self, address: Callable[[str], str]) -> None:
        """Return None: a web server does not list what it has."""

    @contextmanager
    def _response(
        self, url: str, headers: dict[str, str] | None = None, method: str = "GET"
    ) -> Iterator[requests.Response]:
        with requests.Session() as session:
            # Compressed on its way, a file would not have the size that is announced.
            session.headers["Accept-Encoding"] = "identity"
            with _translated():
                response = session.request(
                    method, url, headers=headers, stream=True, timeout=self.timeout
                )
            with response:
                if response.status_code not in _GIVEN:
                    raise RefusalError(response.status_code, retry_after=_retry_after(response))
                yield response


def _chunks(response: requests.Response) -> Iterator[bytes]:
    with _translated():
        yield from response.iter_content(CHUNK)


def _retry_after(response: requests.Response) -> float:
    """Return the seconds that are asked for; the header's other form, a date, is left out."""
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else 0


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except requests.RequestException as error:
        # That is how requests marks an address that nothing can be asked at.
        if isinstance(error, ValueError):
            raise SettingsError(
                f"DURATION_SOURCE is no address that can be asked ({type(error).__name__})."
            ) from None
        raise InterruptionError(reason_of(error)) from None
