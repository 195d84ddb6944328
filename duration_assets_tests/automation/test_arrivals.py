from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duration_assets.automation.arrivals import Decision, Landed, Look, Sight, decide
from duration_assets.automation.memory import Known, Memory
from duration_assets.months import Month, spans
from duration_assets_tests.automation.watching import (
    ENDLESS,
    FEBRUARY,
    JANUARY,
    LIMITS,
    MARCH,
    MONTHS,
    NEWEST_WINDOW,
    Watcher,
    after,
    bucket,
    folder,
    sha,
)


def test_a_file_counts_when_it_looks_the_same_at_two_looks() -> None:
    watcher = Watcher()
    assert watcher.see(folder({JANUARY: "a"})) == []
    assert "2023-01 is not settled" in watcher.notes
    assert watcher.see(folder({JANUARY: "a"})) == [JANUARY]
    assert watcher.see(folder({JANUARY: "a"})) == []
    assert watcher.notes == ""


def test_a_file_that_grows_from_look_to_look_does_not_count_until_it_stands_still() -> None:
    watcher = Watcher()
    asked = [watcher.see(folder({JANUARY: content})) for content in "abcdd"]
    assert asked == [[], [], [], [], [JANUARY]]


def test_a_file_that_stands_still_and_cannot_be_read_does_not_count() -> None:
    watcher = Watcher()
    unreadable = Look({JANUARY: Sight("mark", "", whole=False)})
    for _ in range(3):
        assert watcher.see(unreadable) == []
        assert "2023-01 is not settled" in watcher.notes
    assert watcher.see(Look({JANUARY: Sight("mark", "content", whole=False)})) == [JANUARY]


def test_a_bucket_shows_whole_files_which_count_at_once() -> None:
    watcher = Watcher()
    assert watcher.see(bucket({JANUARY: "a"})) == [JANUARY]
    assert watcher.see(bucket({JANUARY: "a"})) == []


def test_several_months_at_once_are_asked_for_oldest_first() -> None:
    watcher = Watcher()
    assert watcher.see(bucket({MARCH: "a", JANUARY: "a", FEBRUARY: "a"})) == [
        JANUARY,
        FEBRUARY,
        MARCH,
    ]


def test_more_months_than_one_look_asks_for_are_asked_for_at_the_next_ones() -> None:
    watcher = Watcher(replace(LIMITS, most=5))
    everything = bucket(dict.fromkeys(NEWEST_WINDOW, "a"))
    assert watcher.see(everything) == list(NEWEST_WINDOW[:5])
    assert "2023-06 to 2023-12 are asked for at the next looks" in watcher.notes
    assert watcher.see(everything) == list(NEWEST_WINDOW[5:10])
    # A web server is not asked for each month again.
    assert watcher.see(Look()) == list(NEWEST_WINDOW[10:])
    assert watcher.see(everything) == []


def test_a_month_that_changes_is_asked_for_again() -> None:
    watcher = after({JANUARY: "a"})
    assert watcher.see_twice(folder({JANUARY: "b"})) == [JANUARY]
    assert "2023-01 is asked for again, with other bytes" in watcher.notes


def test_a_month_that_changes_back_has_another_key_than_the_first_time() -> None:
    watcher = after({JANUARY: "a"})
    watcher.see_twice(folder({JANUARY: "b"}))
    assert watcher.see_twice(folder({JANUARY: "a"})) == [JANUARY]
    assert watcher.keys == [(JANUARY, 1), (JANUARY, 2), (JANUARY, 3)]


def test_a_month_that_changes_back_before_it_was_asked_for_is_nothing() -> None:
    watcher = after({JANUARY: "a"}, replace(LIMITS, most=1))
    watcher.see_twice(folder({JANUARY: "a", FEBRUARY: "a"}))
    watcher.limits = replace(LIMITS, most=0)
    watcher.see_twice(folder({JANUARY: "b", FEBRUARY: "a"}))
    watcher.limits = LIMITS
    assert watcher.see_twice(folder({JANUARY: "a", FEBRUARY: "a"})) == []


def test_the_same_bytes_with_a_new_date_are_nothing() -> None:
    watcher = after({JANUARY: "a"})
    assert watcher.see_twice(folder({JANUARY: "a"}, {JANUARY: "later"})) == []
    assert watcher.see(folder({JANUARY: "a"}, {JANUARY: "later"})) == []
    assert watcher.notes == ""


def test_a_month_without_a_partition_is_not_asked_for_and_is_named() -> None:
    watcher = Watcher()
    beyond = Month(2024, 1)
    assert watcher.see(bucket({JANUARY: "a", beyond: "a"})) == [JANUARY]
    assert "2024-01 is at the source, without a partition" in watcher.notes
    watcher.limits = replace(LIMITS, months=(*MONTHS, beyond))
    assert watcher.see(bucket({JANUARY: "a", beyond: "a"})) == [beyond]


def test_a_month_without_a_partition_does_not_move_the_newest_window() -> None:
    watcher = Watcher()
    months = [*MONTHS, Month(2030, 1)]
    assert watcher.see(bucket(dict.fromkeys(months, "a"))) == list(NEWEST_WINDOW)


def test_a_file_that_disappears_is_named_and_nothing_is_forgotten() -> None:
    watcher = after({JANUARY: "a", FEBRUARY: "a"})
    assert watcher.see(folder({FEBRUARY: "a"})) == []
    assert "2023-01 is not at the source any more; what was landed stays" in watcher.notes
    assert watcher.see_twice(folder({FEBRUARY: "a"})) == []
    assert watcher.see(folder({JANUARY: "a", FEBRUARY: "a"})) == []
    assert watcher.notes == ""


def test_a_folder_that_is_suddenly_empty_makes_no_month_new_when_it_is_back() -> None:
    everything = dict.fromkeys(NEWEST_WINDOW, "a")
    watcher = after(everything)
    assert watcher.see(folder({})) == []
    assert "2023-01 to 2023-12 are not at the source any more" in watcher.notes
    assert watcher.see(folder(everything)) == []


def test_a_month_that_disappears_while_it_waits_is_asked_for_when_it_is_back() -> None:
    watcher = Watcher(replace(LIMITS, most=1))
    both = bucket({JANUARY: "a", FEBRUARY: "a"})
    assert watcher.see(both) == [JANUARY]
    assert watcher.see(bucket({JANUARY: "a"})) == []
    assert watcher.see(both) == [FEBRUARY]


def test_the_same_knowledge_and_the_same_look_give_the_same_decision() -> None:
    watcher = Watcher()
    watcher.see(folder(dict.fromkeys(MONTHS, "a")))
    look = folder(dict.fromkeys(MONTHS, "a"))
    first = decide(watcher.memory, look, {}, LIMITS)
    assert decide(watcher.memory, look, {}, LIMITS) == first
    # A run that was asked for and lost with its daemon may have landed by the second time.
    landed = {request.month: Landed(sha("a")) for request in first.requests[:3]}
    assert decide(watcher.memory, look, landed, LIMITS).requests == first.requests[3:]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "2023-01",
        '{"version":2,"months":{},"started":true}',
        '{"version":1,"months":{"2023-13":{}},"started":true}',
        '{"version":1,"months":{"2023-01":{"revision":"1"}},"started":true}',
        '{"version":1,"months":{"2023-01":{"foreign":1}},"started":true}',
        '{"version":1,"months":[],"started":true}',
    ],
)
def test_what_is_no_cursor_is_taken_for_none(text: str) -> None:
    assert Memory.read(text) is None


def test_a_cursor_of_three_years_of_months_stays_short() -> None:
    watcher = after(dict.fromkeys(MONTHS, "a"), replace(ENDLESS, land_all=True))
    text = watcher.memory.text()
    assert len(text) < 100 * len(MONTHS)
    assert json.loads(text)["months"]["2023-01"]["revision"] == 1


def test_months_that_follow_each_other_are_named_as_one_span() -> None:
    assert spans([MARCH, JANUARY, Month(2022, 12), Month(2022, 6)]) == (
        "2022-06, 2022-12 to 2023-01, 2023-03"
    )


CONTENTS = st.dictionaries(st.sampled_from(MONTHS[:4]), st.sampled_from("abc"))


@given(st.lists(CONTENTS, max_size=12))
def test_whatever_happens_what_stands_still_is_asked_for_once_and_what_is_landed_is_it(
    history: list[dict[Month, str]],
) -> None:
    watcher = Watcher()
    last: dict[Month, str] = {}
    for state in history:
        watcher.see(folder(state))
        # It stands still at the second look, and a third one finds nothing new in it.
        asked = watcher.see(folder(state))
        assert asked == [month for month in sorted(state) if last.get(month) != state[month]]
        assert watcher.see(folder(state)) == []
        last |= state
        assert {month: landed.sha256[0] for month, landed in watcher.landed.items()} == last
    assert len(set(watcher.keys)) == len(watcher.keys)


@given(st.lists(CONTENTS, max_size=12))
def test_whatever_happens_between_single_looks_no_key_comes_twice_and_the_end_is_landed(
    history: list[dict[Month, str]],
) -> None:
    watcher = Watcher(replace(LIMITS, most=1))
    for state in history:
        watcher.see(folder(state))
    final = history[-1] if history else {}
    for _ in range(2 + len(MONTHS[:4])):
        watcher.see(folder(final))
    assert len(set(watcher.keys)) == len(watcher.keys)
    assert {month: watcher.landed[month].sha256[0] for month in final} == final


def test_nothing_known_takes_no_room_in_the_cursor() -> None:
    assert Memory({JANUARY: Known()}).text() == (
        '{"version":1,"months":{"2023-01":{}},"started":false}'
    )


def test_a_decision_without_a_look_asks_for_nothing() -> None:
    assert decide(Memory(), Look(), {}, LIMITS) == Decision((), Memory())
