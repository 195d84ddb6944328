from __future__ import annotations

import hashlib
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from duration_assets.errors import (
    NotPublishedError,
    SettingsError,
    ThrottledError,
    UnreachableError,
)
from duration_assets.resources.trip_source import TripSource
from duration_assets_tests.months import FEBRUARY, GREEN, JANUARY

CONTENT = b"PAR1" + b"x" * 3_000_000 + b"PAR1"
KNOWN = "2021-01"

Answer = Callable[[str, int], tuple[int, bytes, int]]
"""Takes a path and how often it was asked; returns status, body and announced length."""


class Server:
    """A web server that answers as a test says."""

    def __init__(self) -> None:
        self.answer: Answer = lambda path, count: (200, CONTENT, len(CONTENT))
        self.asked: dict[str, int] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                count = outer.asked[self.path] = outer.asked.get(self.path, 0) + 1
                status, body, length = outer.answer(self.path, count)
                self.send_response(status)
                self.send_header("Content-Length", str(length))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def source(self, attempts: int = 2) -> TripSource:
        url = f"http://127.0.0.1:{self.server.server_address[1]}"
        return TripSource(url, timeout=5, attempts=attempts, first_wait=0.01)

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


def fetch_fails(source: TripSource, error: type[Exception], message: str, folder: Path) -> None:
    with pytest.raises(error, match=message):
        source.fetch(GREEN, JANUARY, folder / "month")
    assert list(folder.iterdir()) == []


def test_a_month_is_fetched_byte_for_byte_with_its_hash(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    fetched = server.source().fetch(
        GREEN, JANUARY, tmp_path / "month", lambda *done: seen.append(done)
    )
    assert (tmp_path / "month").read_bytes() == CONTENT
    assert fetched.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert fetched.size == len(CONTENT)
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_month_that_is_not_there_is_not_published_and_asked_for_once(
    server: Server, tmp_path: Path
) -> None:
    server.answer = lambda path, count: (404, b"", 0)
    fetch_fails(server.source(), NotPublishedError, "2023-01 are not published", tmp_path)
    assert list(server.asked.values()) == [1]


def test_403_means_not_published_while_a_known_month_answers(
    server: Server, tmp_path: Path
) -> None:
    server.answer = lambda path, count: (
        (200, CONTENT, len(CONTENT)) if KNOWN in path else (403, b"", 0)
    )
    fetch_fails(server.source(), NotPublishedError, "not published", tmp_path)


def test_403_for_a_known_month_too_means_throttled(server: Server, tmp_path: Path) -> None:
    server.answer = lambda path, count: (403, b"", 0)
    fetch_fails(server.source(), ThrottledError, "the source throttles", tmp_path)


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_what_passes_is_tried_again(status: int, server: Server, tmp_path: Path) -> None:
    server.answer = lambda path, count: (
        (status, b"", 0) if count == 1 else (200, CONTENT, len(CONTENT))
    )
    fetched = server.source().fetch(GREEN, JANUARY, tmp_path / "month")
    assert fetched.size == len(CONTENT)


def test_a_server_that_keeps_failing_is_given_up(server: Server, tmp_path: Path) -> None:
    server.answer = lambda path, count: (500, b"", 0)
    fetch_fails(server.source(3), UnreachableError, "after 3 attempts .status 500.", tmp_path)
    assert list(server.asked.values()) == [3]


def test_a_server_that_throttles_is_given_up_as_such(server: Server, tmp_path: Path) -> None:
    server.answer = lambda path, count: (429, b"", 0)
    fetch_fails(server.source(), ThrottledError, "throttles .429.", tmp_path)


def test_a_transfer_that_is_cut_short_is_tried_again_and_given_up(
    server: Server, tmp_path: Path
) -> None:
    server.answer = lambda path, count: (200, CONTENT[:1000], len(CONTENT))
    fetch_fails(server.source(), UnreachableError, "after 2 attempts", tmp_path)


def test_a_host_that_is_not_there_is_named_with_a_way_out(tmp_path: Path) -> None:
    source = TripSource("http://127.0.0.1:9/trips", attempts=1)
    fetch_fails(source, UnreachableError, r"127\.0\.0\.1:9/trips/green.*make demo", tmp_path)


def test_secrets_in_an_address_are_not_shown() -> None:
    source = TripSource("https://me:secret@host/{service}/{month}?key=secret")
    assert source.address("green", JANUARY) == "https://host/green/2023-01"


def test_a_folder_serves_months_under_tlcs_names(tmp_path: Path) -> None:
    (tmp_path / "green_tripdata_2023-01.parquet").write_bytes(CONTENT)
    source = TripSource(str(tmp_path))
    assert source.fetch(GREEN, JANUARY, tmp_path / "month").size == len(CONTENT)
    with pytest.raises(NotPublishedError, match="2023-02"):
        source.fetch(GREEN, FEBRUARY, tmp_path / "other")


def test_a_folder_that_is_not_there_is_told_apart_from_a_month(tmp_path: Path) -> None:
    source = TripSource(str(tmp_path / "nowhere"))
    fetch_fails(source, UnreachableError, "source folder .*nowhere does not exist", tmp_path)


def test_another_placeholder_in_the_template_is_refused() -> None:
    with pytest.raises(SettingsError, match="no other placeholder"):
        TripSource("https://host/{year}.parquet")


def test_secrets_in_an_address_do_not_get_into_a_traceback(server: Server, tmp_path: Path) -> None:
    server.answer = lambda path, count: (500, b"", 0)
    port = server.server.server_address[1]
    url = f"http://127.0.0.1:{port}/{{service}}/{{month}}?signature=hidden"
    source = TripSource(url, attempts=1, first_wait=0.01)
    with pytest.raises(UnreachableError) as caught:
        source.fetch(GREEN, JANUARY, tmp_path / "month")
    assert any("signature=hidden" in path for path in server.asked)
    assert "hidden" not in "".join(traceback.format_exception(caught.value))
