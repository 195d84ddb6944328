from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from duration_assets.errors import SettingsError
from duration_assets.months import Month
from duration_assets_tests.answering import (
    HANGING_UP,
    SILENCE,
    Answer,
    AnsweringServer,
    refused,
)
from duration_assets_tests.automation.sensing import Sensing

ALL = [str(month) for month in Month(2021, 1).through(Month(2023, 12))]
PUBLISHED = ALL[:-2]
"""As at TLC: the two latest months of those there are partitions for are not published yet."""
NEWEST = PUBLISHED[-12:]
OLDER = PUBLISHED[:-12]
ALLOWED = 8
SIZE = 1000


class Publisher:
    """A server like TLC's bucket: it answers 403 for what it lacks, and also when it throttles."""

    def __init__(self, server: AnsweringServer) -> None:
        self.server = server
        self.tags = dict.fromkeys(PUBLISHED, '"first"')
        self.instead: dict[str, Answer] = {}
        self.throttling: Answer | None = None
        server.answer = self.answer

    def answer(self, path: str, _count: int) -> Answer:
        month = path.partition("?")[0][-len("2023-01.parquet") : -len(".parquet")]
        if self.throttling is not None:
            return self.throttling
        if month in self.instead:
            return self.instead[month]
        if month not in self.tags:
            return refused(403)
        return Answer(body=(), length=SIZE, headers={"ETag": self.tags[month]})

    def asked(self) -> list[str]:
        """Return the months that were asked for since the last time, in time."""
        months = [path.partition("?")[0][-15:-8] for path in self.server.paths]
        assert {request.method for request in self.server.requests} <= {"HEAD"}
        self.server.requests.clear()
        return months


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    server = AnsweringServer()
    yield Publisher(server)
    server.stop()


@pytest.fixture
def sensing(tmp_path: Path, publisher: Publisher, instance: dg.DagsterInstance) -> Sensing:
    return Sensing(tmp_path / "home", publisher.server.url, instance, source_timeout=0.5)


@pytest.fixture
def begun(sensing: Sensing, publisher: Publisher) -> Sensing:
    """After its first look, with what it asked for landed."""
    for month in sensing.look():
        sensing.land(month, bytes(SIZE))
    publisher.asked()
    return sensing


def rounds(sensing: Sensing) -> list[str]:
    """Look until every month had its turn, and return what is asked for meanwhile."""
    return [month for _ in range(len(ALL)) for month in sensing.look()]


def test_an_empty_home_gets_the_newest_window_at_once_from_the_newest_published_month_on(
    sensing: Sensing, publisher: Publisher
) -> None:
    assert sensing.look() == NEWEST
    assert sensing.keys()[0] == f"green/{NEWEST[0]}/1"
    assert publisher.asked() == ALL[-14:][::-1]


def test_older_months_are_left_to_a_backfill_and_not_asked_about(
    begun: Sensing, publisher: Publisher
) -> None:
    assert rounds(begun) == []
    assert f"{OLDER[0]} to {OLDER[-1]} are older than the newest window" in begun.said
    assert not set(publisher.asked()) & set(OLDER)


def test_all_months_are_asked_for_where_the_limit_is_lifted_as_many_as_allowed_at_a_time(
    tmp_path: Path, publisher: Publisher, instance: dg.DagsterInstance
) -> None:
    sensing = Sensing(tmp_path / "home", publisher.server.url, instance, land_all=True)
    assert sensing.look() == PUBLISHED[:24]
    publisher.asked()
    assert sensing.look() == PUBLISHED[24:]
    assert len(publisher.asked()) <= ALLOWED


def test_when_nothing_is_new_a_look_takes_at_most_8_requests(
    begun: Sensing, publisher: Publisher
) -> None:
    for _ in ALL:
        assert begun.look() == []
        assert begun.said.startswith("Nothing to land.")
        assert len(publisher.asked()) <= ALLOWED


def test_the_three_latest_months_are_looked_at_each_time_and_the_others_in_turn(
    begun: Sensing, publisher: Publisher
) -> None:
    turns = []
    for _ in NEWEST[:-1]:
        begun.look()
        asked = publisher.asked()
        assert asked[:3] == ALL[-3:]
        turns += asked[3:]
    assert turns == NEWEST[:-1]
    begun.look()
    assert publisher.asked() == [*ALL[-3:], NEWEST[0]]


def test_months_that_were_landed_otherwise_have_their_turn_too(
    begun: Sensing, publisher: Publisher
) -> None:
    begun.land("2021-05", bytes(SIZE))
    assert rounds(begun) == []
    assert "2021-05" in publisher.asked()
    publisher.tags["2021-05"] = '"second"'
    assert rounds(begun) == ["2021-05"]


def test_a_month_that_is_published_is_asked_for_at_the_next_look(
    begun: Sensing, publisher: Publisher
) -> None:
    publisher.tags["2023-11"] = '"first"'
    assert begun.look() == ["2023-11"]
    assert begun.look() == []


def test_a_month_of_the_past_that_is_published_late_is_found_in_its_turn(
    sensing: Sensing, publisher: Publisher
) -> None:
    late = NEWEST[5]
    del publisher.tags[late]
    assert late not in sensing.look()
    publisher.tags[late] = '"first"'
    assert rounds(sensing) == [late]


def test_a_month_that_is_published_again_is_asked_for_in_its_turn_and_when_it_goes_back(
    begun: Sensing, publisher: Publisher
) -> None:
    month = NEWEST[3]
    keys = []
    for tag in ('"second"', '"first"'):
        publisher.tags[month] = tag
        for _ in ALL:
            if begun.look():
                keys += begun.keys()
    assert keys == [f"green/{month}/2", f"green/{month}/3"]


def test_a_server_without_entity_tags_is_watched_by_time_and_size(
    begun: Sensing, publisher: Publisher
) -> None:
    month = ALL[-3]
    dates = ("Mon, 01 Jan 2024 00:00:00 GMT", "Tue, 02 Jan 2024 00:00:00 GMT")
    asked = []
    for date in (dates[0], dates[0], dates[1]):
        publisher.instead[month] = Answer(body=(), length=SIZE, headers={"Last-Modified": date})
        asked.append(begun.look())
    assert asked == [[month], [], [month]]


def test_a_month_that_disappears_is_named_and_nothing_is_forgotten(
    begun: Sensing, publisher: Publisher
) -> None:
    tag = publisher.tags.pop(ALL[-3])
    assert begun.look() == []
    assert f"{ALL[-3]} is not at the source any more" in begun.said
    publisher.tags[ALL[-3]] = tag
    assert begun.look() == []


def test_a_month_that_is_landed_and_seen_for_the_first_time_counts_as_known(
    sensing: Sensing, publisher: Publisher
) -> None:
    sensing.land(NEWEST[0], bytes(SIZE))
    sensing.land(NEWEST[1], bytes(SIZE - 1))
    assert sensing.look() == NEWEST[1:]


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_source_that_throttles_is_not_one_without_months(
    status: int, begun: Sensing, publisher: Publisher
) -> None:
    cursor = begun.cursor
    publisher.throttling = refused(status)
    assert begun.look() == []
    assert "throttles" in begun.said
    assert "Nothing is forgotten" in begun.said
    assert begun.cursor == cursor
    assert len(publisher.asked()) <= ALLOWED
    publisher.throttling = None
    assert begun.look() == []
    assert begun.said.startswith("Nothing to land.")


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_source_that_throttles_at_the_first_look_is_looked_at_again_as_if_never_before(
    status: int, sensing: Sensing, publisher: Publisher
) -> None:
    publisher.throttling = refused(status)
    assert sensing.look() == []
    assert "throttles" in sensing.said
    assert sensing.cursor is None
    publisher.throttling = None
    assert sensing.look() == NEWEST


def test_throttling_that_begins_within_a_look_hides_no_month(
    sensing: Sensing, publisher: Publisher
) -> None:
    publisher.server.answer = lambda path, count: (
        publisher.answer(path, count) if len(publisher.server.requests) < 8 else refused(403)
    )
    assert sensing.look() == []
    assert "throttles" in sensing.said
    publisher.server.answer = publisher.answer
    assert sensing.look() == NEWEST


@pytest.mark.parametrize("failure", [SILENCE, HANGING_UP])
def test_a_source_that_does_not_answer_is_asked_once_and_nothing_is_forgotten(
    failure: Answer, begun: Sensing, publisher: Publisher
) -> None:
    cursor = begun.cursor
    publisher.throttling = failure
    assert begun.look() == []
    assert "does not answer" in begun.said
    assert begun.cursor == cursor
    assert len(publisher.asked()) == 1


def test_one_month_that_cannot_be_looked_at_keeps_no_other_away_and_takes_its_turn(
    begun: Sensing, publisher: Publisher
) -> None:
    publisher.instead[NEWEST[0]] = refused(500)
    publisher.tags[NEWEST[1]] = '"second"'
    publisher.tags["2023-11"] = '"first"'
    assert begun.look() == ["2023-11"]
    assert begun.look() == [NEWEST[1]]


@pytest.mark.parametrize("status", [400, 401, 405, 500])
def test_a_source_that_refuses_everything_says_so(
    status: int, begun: Sensing, publisher: Publisher
) -> None:
    publisher.throttling = refused(status)
    cursor = begun.cursor
    assert begun.look() == []
    assert f"refuses to show 2023-10 (status {status})" in begun.said
    assert begun.cursor == cursor


def test_a_source_that_has_none_of_the_months_is_not_asked_for_all_of_them_again(
    sensing: Sensing, publisher: Publisher
) -> None:
    publisher.throttling = refused(404)
    assert sensing.look() == []
    assert publisher.asked() == ALL[::-1]
    assert sensing.look() == []
    assert len(publisher.asked()) <= ALLOWED


def test_an_address_that_cannot_be_asked_fails_the_look_and_names_the_setting(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    sensing = Sensing(tmp_path / "home", "http://me:hidden@host:99999999/{month}", instance)
    with pytest.raises(SettingsError, match="DURATION_SOURCE is no address") as caught:
        sensing.look()
    assert "hidden" not in str(caught.value)


def test_no_secret_of_an_address_gets_into_cursor_reason_or_run(
    tmp_path: Path, publisher: Publisher, instance: dg.DagsterInstance
) -> None:
    address = publisher.server.url.replace("://", "://me:hidden@")
    template = f"{address}/{{service}}_tripdata_{{month}}.parquet?signature=hidden"
    sensing = Sensing(tmp_path / "home", template, instance, source_timeout=0.5)
    assert sensing.look() == NEWEST
    told = [sensing.cursor, *map(repr, sensing.requests)]
    for failure in (refused(403), refused(401), refused(429), refused(500), SILENCE, HANGING_UP):
        publisher.throttling = failure
        sensing.look()
        told.append(sensing.said)
    assert all(told)
    assert "hidden" not in " ".join(map(str, told))
    assert "me:" not in " ".join(map(str, told))
    assert publisher.server.requests[0].headers["Authorization"].startswith("Basic ")
