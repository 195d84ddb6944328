from __future__ import annotations

from dataclasses import replace

from duration_assets.months import Month
from duration_assets.resources.champion_history import (
    Decision,
    Outcome,
    aliases_of,
    by_hand,
    decided_on,
    last_decided,
)
from duration_assets.resources.registry import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    RegisteredModel,
)
from duration_assets_tests.months import FEBRUARY, JANUARY
from duration_assets_tests.registered import NAME


def decision(outcome: Outcome, champion: int, challenger: int, month: str = "2023-02") -> Decision:
    return Decision(month, outcome, champion, "run", "2023-01", challenger, "because")


def test_the_aliases_follow_from_the_history_alone() -> None:
    first = decision(Outcome.FIRST, 1, 1)
    kept = decision(Outcome.KEPT, 1, 2, "2023-03")
    promoted = decision(Outcome.PROMOTED, 3, 3, "2023-04")
    back = decision(Outcome.ROLLED_BACK, 1, 1, "2023-04")
    there = (1, 2, 3)
    assert aliases_of([], there) == {}
    assert aliases_of([first, kept], there) == {CHAMPION: 1, CHALLENGER: 2}
    assert aliases_of([first, kept, promoted], there) == {CHAMPION: 3, CHALLENGER: 3, PREVIOUS: 1}
    assert aliases_of([first, promoted, back], there) == {CHAMPION: 1, CHALLENGER: 3, PREVIOUS: 3}


def test_by_hand_what_the_model_has_seen_counts_as_decided_on() -> None:
    first = decision(Outcome.FIRST, 1, 1)
    newer = RegisteredModel(NAME, 4, "run", "green", "course", Month(2023, 5), simulated=True)
    promoted = by_hand([first], newer, Outcome.BY_HAND, "because")
    assert promoted.month == "2023-05"
    assert last_decided([first, promoted]) == Month(2023, 5)
    assert decided_on([first, promoted], FEBRUARY) == first
    older = replace(newer, version=1, training_month=JANUARY)
    assert by_hand([first], older, Outcome.ROLLED_BACK, "because").month == "2023-02"
    assert by_hand([], older, Outcome.BY_HAND, "because").month == "2023-01"
