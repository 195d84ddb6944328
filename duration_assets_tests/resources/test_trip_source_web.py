from __future__ import annotations

import hashlib
import time
import traceback
import tracemalloc
from pathlib import Path

import pytest

from duration_assets.errors import (
    DurationError,
    NotPublishedError,
    SettingsError,
    SourceAccessError,
    SourceError,
    ThrottledError,
    UnreachableError,
)
from duration_assets.resources.trip_source import TripSource
from duration_assets_tests.answering import (
    CONTENT,
    CUT_SHORT,
    HANGING_UP,
    SILENCE,
    STALLED,
    Answer,
    AnsweringServer,
    refused,
)
from duration_assets_tests.months import GREEN, JANUARY

MONTH, KNOWN = "/green_tripdata_2023-01.parquet", "/green_tripdata_2021-01.parquet"


def source_at(server: AnsweringServer, attempts: int = 2, timeout: float = 5) -> TripSource:
    return TripSource(server.url, timeout=timeout, attempts=attempts, first_wait=0.01)


def fetch_fails(source: TripSource, error: type[Exception], message: str, folder: Path) -> None:
    with pytest.raises(error, match=message) as caught:
        source.fetch(GREEN, JANUARY, folder / "month")
    assert caught.type is error
    assert list(folder.iterdir()) == []


def test_a_month_is_fetched_byte_for_byte_with_its_hash_in_one_request(
    server: AnsweringServer, tmp_path: Path
) -> None:
    seen: list[tuple[int, int | None]] = []
    fetched = source_at(server).fetch(
        GREEN, JANUARY, tmp_path / "month", lambda *done: seen.append(done)
    )
    assert (tmp_path / "month").read_bytes() == CONTENT
    assert fetched.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert fetched.size == len(CONTENT)
    assert fetched.address == server.url + MONTH
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert server.paths == [MONTH]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, SourceError),
        (401, SourceAccessError),
        (404, NotPublishedError),
        (405, SourceError),
        (410, NotPublishedError),
        (451, SourceError),
    ],
)
def test_what_would_be_refused_again_is_asked_for_once(
    status: int, error: type[Exception], server: AnsweringServer, tmp_path: Path
) -> None:
    server.answer = lambda path, count: refused(status)
    fetch_fails(source_at(server), error, MONTH, tmp_path)
    assert server.paths == [MONTH]


@pytest.mark.parametrize("status", [403, 408, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(status: int, server: AnsweringServer, tmp_path: Path) -> None:
    server.answer = lambda path, count: refused(status) if count == 1 else Answer()
    assert source_at(server).fetch(GREEN, JANUARY, tmp_path / "month").size == len(CONTENT)
    assert server.paths.count(MONTH) == 2


@pytest.mark.parametrize("failure", [CUT_SHORT, HANGING_UP, SILENCE, STALLED])
def test_a_transfer_that_breaks_off_is_tried_again_from_the_start(
    failure: Answer, server: AnsweringServer, tmp_path: Path
) -> None:
    server.answer = lambda path, count: failure if count == 1 else Answer()
    source_at(server, timeout=0.3).fetch(GREEN, JANUARY, tmp_path / "month")
    assert (tmp_path / "month").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (refused(500), "status 500"),
        (CUT_SHORT, "IncompleteRead"),
        (HANGING_UP, "RemoteDisconnected"),
        (SILENCE, "no answer in time"),
        (STALLED, "no answer in time"),
    ],
)
def test_what_keeps_failing_is_given_up_with_the_reason(
    failure: Answer, reason: str, server: AnsweringServer, tmp_path: Path
) -> None:
    server.answer = lambda path, count: failure
    started = time.monotonic()
    source = source_at(server, attempts=3, timeout=0.3)
    fetch_fails(source, UnreachableError, rf"after 3 attempts \({reason}\).*make demo", tmp_path)
    assert server.paths == [MONTH] * 3
    assert time.monotonic() - started < 3


def test_a_host_that_is_not_there_is_named_with_a_way_out(tmp_path: Path) -> None:
    source = TripSource("http://127.0.0.1:9/trips", attempts=2, first_wait=0.01)
    message = r"127\.0\.0\.1:9/trips/green.*2 attempts .*refused.*make demo"
    fetch_fails(source, UnreachableError, message, tmp_path)


def test_403_means_not_published_while_the_first_byte_of_a_known_month_can_be_had(
    server: AnsweringServer, tmp_path: Path
) -> None:
    server.answer = lambda path, count: Answer() if path == KNOWN else refused(403)
    fetch_fails(source_at(server, 5), NotPublishedError, "2023-01 are not published", tmp_path)
    assert server.paths == [MONTH, KNOWN, MONTH]
    assert server.requests[1].headers["Range"] == "bytes=0-0"


def test_throttling_that_ends_before_the_known_month_is_asked_for_hides_no_month(
    server: AnsweringServer, tmp_path: Path
) -> None:
    server.answer = lambda path, count: refused(403) if path == MONTH and count == 1 else Answer()
    assert source_at(server, 1).fetch(GREEN, JANUARY, tmp_path / "month").size == len(CONTENT)


def test_403_for_a_known_month_too_means_throttled(server: AnsweringServer, tmp_path: Path) -> None:
    server.answer = lambda path, count: refused(403)
    fetch_fails(source_at(server), ThrottledError, "the source throttles", tmp_path)
    assert server.paths == [MONTH, KNOWN] * 2


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_keeps_throttling_is_given_up_as_such(
    status: int, server: AnsweringServer, tmp_path: Path
) -> None:
    server.answer = lambda path, count: refused(status)
    fetch_fails(source_at(server), ThrottledError, rf"throttles \(status {status}\)", tmp_path)


def waits(
    answer: Answer, server: AnsweringServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    server.answer = lambda path, count: answer
    with pytest.raises(SourceError):
        TripSource(server.url, attempts=4, first_wait=1).fetch(GREEN, JANUARY, folder / "month")
    return waited


def test_waits_double_and_are_never_quite_the_same(
    server: AnsweringServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = waits(refused(500), server, tmp_path, monkeypatch)
    for wait, least in zip(waited, (1, 2, 4), strict=True):
        assert least < wait < least + 1


@pytest.mark.parametrize(("asked", "waited"), [("9", 9), ("100000", 60)])
def test_a_server_may_ask_for_a_longer_wait_up_to_a_minute(
    asked: str,
    waited: float,
    server: AnsweringServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = refused(503, Retry_After=asked)
    assert waits(answer, server, tmp_path, monkeypatch) == [waited] * 3


def test_a_wait_that_is_asked_for_as_a_date_is_left_to_the_usual_waits(
    server: AnsweringServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = refused(503, Retry_After="Fri, 31 Dec 2999 23:59:59 GMT")
    assert max(waits(answer, server, tmp_path, monkeypatch)) < 5


@pytest.mark.parametrize(
    "failure", [refused(400), refused(401), refused(403), refused(404), refused(500), STALLED]
)
def test_no_secret_of_an_address_gets_into_an_error(
    failure: Answer, server: AnsweringServer, tmp_path: Path
) -> None:
    server.answer = lambda path, count: failure
    fetch_fails_without_secrets(secret_address(server), tmp_path)
    assert "signature=hidden" in server.paths[0]


def test_no_secret_gets_into_the_error_of_a_host_that_is_not_there(tmp_path: Path) -> None:
    fetch_fails_without_secrets(
        "http://me:hidden@127.0.0.1:9/{service}/{month}?signature=hidden", tmp_path
    )


def test_an_address_that_cannot_be_asked_is_a_setting_to_change(tmp_path: Path) -> None:
    error = fetch_fails_without_secrets(
        "http://me:hidden@host:99999999/{month}?signature=hidden", tmp_path
    )
    assert isinstance(error, SettingsError)


def test_secrets_of_an_address_are_used_and_not_kept(
    server: AnsweringServer, tmp_path: Path
) -> None:
    fetched = TripSource(secret_address(server)).fetch(GREEN, JANUARY, tmp_path / "month")
    assert server.requests[0].headers["Authorization"].startswith("Basic ")
    assert fetched.address == f"{server.url}/green/2023-01"


def secret_address(server: AnsweringServer) -> str:
    address = server.url.replace("://", "://me:hidden@")
    return f"{address}/{{service}}/{{month}}?signature=hidden"


def fetch_fails_without_secrets(address: str, folder: Path) -> DurationError:
    source = TripSource(address, attempts=2, first_wait=0.01, timeout=0.3)
    with pytest.raises(DurationError) as caught:
        source.fetch(GREEN, JANUARY, folder / "month")
    assert "hidden" not in "".join(traceback.format_exception(caught.value))
    assert "me:" not in str(caught.value)
    return caught.value


def test_a_large_month_passes_through_little_memory(
    server: AnsweringServer, tmp_path: Path
) -> None:
    piece, count = bytes(1 << 20), 100
    server.answer = lambda path, _: Answer(body=(piece,) * count, length=len(piece) * count)
    tracemalloc.start()
    fetched = source_at(server).fetch(GREEN, JANUARY, tmp_path / "month")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fetched.size == 100 << 20
    assert peak < 10 << 20


def test_whoever_breaks_off_leaves_nothing_behind(server: AnsweringServer, tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        assert (tmp_path / "month").stat().st_size > 0
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        source_at(server).fetch(GREEN, JANUARY, tmp_path / "month", interrupt)
    assert list(tmp_path.iterdir()) == []
    assert server.paths == [MONTH]
