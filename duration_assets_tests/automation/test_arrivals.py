from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duration_assets.automation.arrival_notes import notes_on
from duration_assets.automation.arrivals import Decision, Landed, Limits, Look, Sight, decide
from duration_assets.automation.memory import Known, Memory
from duration_assets.months import Month, spans

MONTHS = tuple(Month(2021, 1).through(Month(2023, 12)))
WINDOW = 12
NEWEST_WINDOW = MONTHS[-WINDOW:]
LIMITS = Limits(MONTHS, WINDOW)
ENDLESS = Limits(MONTHS, WINDOW, most=1_000)
JANUARY, FEBRUARY, MARCH = Month(2023, 1), Month(2023, 2), Month(2023, 3)
OLD = Month(2021, 1)

Bytes = Mapping[Month, str]


def sha(content: str) -> str:
    """Return what stands for a SHA-256 here: contents are single letters."""
    return content * 64


def folder(bytes_of: Bytes, dates: Mapping[Month, str] | None = None) -> Look:
    """Look at a folder whose files were all read."""
    dates = dates or {}
    sights = {
        month: Sight(f"{content}{dates.get(month, '')}", sha(content)[:12], whole=False)
        for month, content in bytes_of.items()
    }
    return Look(sights, frozenset(MONTHS) - sights.keys())


def bucket(tags: Bytes, size: int = 100) -> Look:
    """Look at a bucket."""
    sights = {month: Sight(tag, tag, whole=True, size=size) for month, tag in tags.items()}
    return Look(sights, frozenset(MONTHS) - sights.keys())


class Watcher:
    """Looks, remembers by way of the cursor's text, and lands what it asks for at once."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.memory = Memory()
        self.landed: dict[Month, Landed] = {}
        self.keys: list[tuple[Month, int]] = []
        self.notes = ""

    def see(self, look: Look) -> list[Month]:
        decision = decide(self.memory, look, self.landed, self.limits)
        self.notes = " ".join(notes_on(decision, look, self.landed, self.limits))
        read = Memory.read(decision.memory.text())
        assert read == decision.memory
        self.memory = read
        for request in decision.requests:
            self.keys.append((request.month, request.revision))
            sight = look.found.get(request.month)
            content = self.memory.of(request.month).content
            self.landed[request.month] = Landed(content, sight.size if sight else None)
        return [request.month for request in decision.requests]

    def see_twice(self, look: Look) -> list[Month]:
        assert self.see(look) == [], "asked for what was seen once"
        return self.see(look)


def after(bytes_of: Bytes, limits: Limits = LIMITS) -> Watcher:
    """Return one that has seen and landed what a folder holds."""
    watcher = Watcher(limits)
    watcher.see_twice(folder(bytes_of))
    return watcher


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


def test_an_empty_home_gets_the_newest_window_and_is_told_of_the_rest() -> None:
    watcher = Watcher()
    assert watcher.see_twice(folder(dict.fromkeys(MONTHS, "a"))) == list(NEWEST_WINDOW)
    assert "2021-01 to 2022-12 are older than the newest window" in watcher.notes
    assert "backfill" in watcher.notes
    assert "DURATION_LAND_ALL" in watcher.notes
    assert watcher.see_twice(folder(dict.fromkeys(MONTHS, "a"))) == []


def test_the_newest_window_is_chosen_when_the_first_files_have_settled() -> None:
    watcher = Watcher()
    watcher.see(folder({OLD: "a"}))
    watcher.see(folder({OLD: "b", JANUARY: "a", FEBRUARY: "a"}))
    assert watcher.see(folder({OLD: "b", JANUARY: "a", FEBRUARY: "a"})) == [JANUARY, FEBRUARY]


def test_a_month_that_arrives_late_is_asked_for_however_old_it_is() -> None:
    watcher = after({JANUARY: "a"})
    assert watcher.see_twice(folder({JANUARY: "a", OLD: "a"})) == [OLD]


def test_a_month_that_is_left_to_a_backfill_stays_so_also_when_it_changes() -> None:
    watcher = after({OLD: "a", JANUARY: "a"})
    assert watcher.see_twice(folder({OLD: "b", JANUARY: "a"})) == []
    assert "2021-01 is older" in watcher.notes


@pytest.mark.parametrize("look_at", [folder, bucket])
def test_a_backfilled_month_is_asked_for_again_when_it_changes(look_at: object) -> None:
    assert callable(look_at)
    watcher = Watcher()
    watcher.see(look_at({OLD: "a", JANUARY: "a"}))
    watcher.see(look_at({OLD: "a", JANUARY: "a"}))
    watcher.landed[OLD] = Landed(sha("a"), 100)
    for _ in range(2):
        assert watcher.see(look_at({OLD: "a", JANUARY: "a"})) == []
        assert watcher.notes == ""
    watcher.see(look_at({OLD: "b", JANUARY: "a"}))
    watcher.see(look_at({OLD: "b", JANUARY: "a"}))
    assert watcher.keys == [(JANUARY, 1), (OLD, 1)]


def test_a_month_that_changed_before_its_backfill_was_seen_is_asked_for_once_to_be_sure() -> None:
    watcher = Watcher()
    watcher.see(bucket({OLD: "a", JANUARY: "a"}))
    watcher.landed[OLD] = Landed("unknown", 100)
    assert watcher.see(bucket({OLD: "b", JANUARY: "a"})) == [OLD]
    assert watcher.see(bucket({OLD: "b", JANUARY: "a"})) == []


def test_all_months_are_asked_for_when_the_limit_is_lifted_before_the_first_look() -> None:
    watcher = Watcher(replace(ENDLESS, land_all=True))
    assert watcher.see_twice(folder(dict.fromkeys(MONTHS, "a"))) == list(MONTHS)


def test_all_months_are_asked_for_when_the_limit_is_lifted_later() -> None:
    watcher = after(dict.fromkeys(MONTHS, "a"))
    watcher.limits = replace(ENDLESS, land_all=True)
    watcher.see(folder(dict.fromkeys(MONTHS, "a")))
    assert set(watcher.landed) == set(MONTHS)


def test_months_before_the_first_partition_do_not_flood_in_when_it_is_moved() -> None:
    watcher = Watcher(replace(LIMITS, months=NEWEST_WINDOW))
    watcher.see(bucket(dict.fromkeys(MONTHS, "a")))
    watcher.limits = LIMITS
    assert watcher.see(bucket(dict.fromkeys(MONTHS, "a"))) == []


def test_a_month_that_was_landed_by_hand_with_these_bytes_is_not_asked_for() -> None:
    watcher = Watcher()
    watcher.landed = {JANUARY: Landed(sha("a")), FEBRUARY: Landed(sha("b"))}
    assert watcher.see_twice(folder({JANUARY: "a", FEBRUARY: "a"})) == [FEBRUARY]
    assert "2023-02 is asked for again, with other bytes" in watcher.notes


def test_a_landed_month_of_a_bucket_counts_as_known_if_its_size_is_the_same() -> None:
    watcher = Watcher()
    watcher.landed = {
        JANUARY: Landed(sha("a"), 100),
        FEBRUARY: Landed(sha("a"), 99),
        MARCH: Landed(sha("a"), None),
    }
    assert watcher.see(bucket({JANUARY: "x", FEBRUARY: "x", MARCH: "x"})) == [FEBRUARY]
    assert watcher.see(bucket({JANUARY: "y", FEBRUARY: "x", MARCH: "x"})) == [JANUARY]


def test_an_old_month_that_is_landed_is_not_left_to_a_backfill() -> None:
    watcher = Watcher()
    watcher.landed = {OLD: Landed(sha("a"))}
    assert watcher.see_twice(folder({OLD: "a", JANUARY: "a"})) == [JANUARY]
    assert watcher.see_twice(folder({OLD: "b", JANUARY: "a"})) == [OLD]


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
