"""Every way in which a month can be bad, each in a command of its own.

A command takes seconds to load its libraries, so that as many run at once as there are cores.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pytest

from duration_assets_tests.answering import AnsweringServer, refused
from duration_assets_tests.command_line import Done, State, Workplace
from duration_assets_tests.months import (
    MARCH,
    endless_trips,
    published,
    rewrite,
    with_column,
    zones_out_of_range,
)

Spoil = Callable[[Path], object]


def overwritten(content: bytes) -> Spoil:
    return lambda path: path.write_bytes(content)


def rewritten(change: Callable[[pa.Table], pa.Table]) -> Spoil:
    return lambda path: rewrite(path, change)


@dataclass(frozen=True)
class Case:
    """A bad file for 2023-03: what is done to it, what is said, and what is landed all the same.

    A month that is landed and breaks a blocking rule stays, so that it can be looked at; nothing
    is built on it.
    """

    spoil: Spoil
    message: str
    landed: frozenset[str] = field(default=frozenset())


RAW = frozenset({"raw_trips"})
RAW_AND_CLEANED = RAW | {"cleaned_trips"}
CASES: Mapping[str, Case] = {
    "not published": Case(Path.unlink, "green trips of 2023-03 are not published at {path}."),
    "empty": Case(overwritten(b""), "{path} is empty (0 bytes)"),
    "a web page": Case(overwritten(b"<html>Access denied</html>"), "{path} is a web page"),
    "cut short": Case(
        lambda path: os.truncate(path, path.stat().st_size // 2), "{path} is cut short"
    ),
    "without rows": Case(
        rewritten(lambda table: table.slice(0, 0)), "raw_trips for 2023-03: It holds no trips", RAW
    ),
    "without a column": Case(
        rewritten(lambda table: table.drop_columns(["trip_distance"])),
        "raw_trips for 2023-03: The column trip_distance is missing.",
        RAW,
    ),
    "with a column of text": Case(
        rewritten(
            lambda table: with_column(
                table, "PULocationID", table["PULocationID"].cast(pa.string())
            )
        ),
        "raw_trips for 2023-03: The column PULocationID has type string where a number is needed.",
        RAW,
    ),
    "without a trip to keep": Case(
        rewritten(endless_trips),
        "cleaned_trips for 2023-03: None of its 3,000 rows is a trip of 1 to 60 minutes.",
        RAW_AND_CLEANED,
    ),
    "with zones out of range": Case(
        rewritten(zones_out_of_range),
        "green/cleaned_trips for 2023-03: 100.0% of its trips have a zone id that is none of",
        RAW_AND_CLEANED,
    ),
    "another month's": Case(
        lambda path: published(path.parent, MARCH.shift(-1)).replace(path),
        "cleaned_trips for 2023-03: Only 0.0% of its trips were picked up in its month",
        RAW_AND_CLEANED,
    ),
}


@dataclass(frozen=True)
class Attempt:
    """A command on a bad month, and what was there before it."""

    workplace: Workplace
    before: State
    done: Done


@pytest.fixture(scope="module")
def attempts(new_workplace: Callable[[], Workplace]) -> Iterator[dict[str, Future[Attempt]]]:
    def attempt(case: Case) -> Attempt:
        workplace = new_workplace()
        before = State.of(workplace)
        case.spoil(published(workplace.source, MARCH))
        return Attempt(workplace, before, workplace.train(2))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {name: pool.submit(attempt, case) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_month_is_named_with_the_reason_and_leaves_everything_as_it_was(
    name: str, attempts: dict[str, Future[Attempt]]
) -> None:
    case, attempt = CASES[name], attempts[name].result()
    path = published(attempt.workplace.source, MARCH)
    assert case.message.format(path=path) in attempt.done.message
    assert "2023-03" in attempt.done.message
    made = {f"green/{asset}/2023-03" for asset in case.landed}
    attempt.before.check_kept(attempt.workplace, made=made)


def test_a_month_that_was_bad_is_landed_again_once_the_source_has_the_right_file(
    workplace: Workplace,
) -> None:
    path = published(workplace.source, MARCH)
    right = path.read_bytes()
    rewrite(path, zones_out_of_range)
    assert "zone id that is none of the service's" in workplace.train(2).message
    path.write_bytes(right)
    done = workplace.train(2)
    assert "2023-03 data: making raw_trips, cleaned_trips, zone_statistics\n" in done.errors
    assert done.code == 0


@contextmanager
def answering(status: int) -> Iterator[str]:
    server = AnsweringServer()
    server.answer = lambda path, count: refused(status)
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def nobody_there() -> Iterator[str]:
    # Bound and not listening: whoever calls is refused, and nobody else gets the port.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (answering(403), "is refused for now (status 403)"),
        (answering(429), "throttles (status 429). Try again later."),
        (answering(500), "could not be fetched after 1 attempts (status 500)"),
        (nobody_there(), "could not be fetched after 1 attempts (Connection refused)"),
    ],
    ids=["throttles silently", "throttles", "fails", "is not there"],
)
def test_a_source_that_throttles_or_fails_is_told_from_a_month_that_is_not_there(
    source: object, message: str, workplace: Workplace
) -> None:
    before = State.of(workplace)
    with source as url:  # type: ignore[attr-defined]
        template = url + "/{service}/{month}.parquet"
        workplace.believe_in(template)
        said = workplace.train(2, DURATION_SOURCE=template).message
    assert f"{url}/green/2023-03.parquet {message}" in said
    before.check_kept(workplace)
