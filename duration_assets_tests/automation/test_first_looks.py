"""The first look, months that are left to a backfill, and months that others have landed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from duration_assets.automation.arrivals import Landed
from duration_assets_tests.automation.watching import (
    ENDLESS,
    FEBRUARY,
    JANUARY,
    LIMITS,
    MARCH,
    MONTHS,
    NEWEST_WINDOW,
    OLD,
    Watcher,
    after,
    bucket,
    folder,
    sha,
)


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
