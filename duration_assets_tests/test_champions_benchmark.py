"""The replay of what the gate is worth, without any model."""

from __future__ import annotations

import pytest

from benchmarks.champions import lines, replay, worth
from duration_assets.modelling.champion_gate import Comparison, Gate
from duration_assets.months import Month

GATE = Gate(margin=0.01, confidence=0.9, slice_share=0.05, slice_limit=0.05)
FIRST, LAST = Month(2023, 3), Month(2023, 7)
ERROR_OF = {1: 5.0, 2: 4.99, 3: 4.9, 4: 4.89, 5: 4.7}
"""The RMSE of each training month's model, on any month."""


def judged(champion: Month, challenger: Month, month: Month) -> Comparison:
    assert champion <= challenger < month
    before, now = ERROR_OF[champion.month], ERROR_OF[challenger.month]
    return Comparison(100, 30, now, before, 1.0 if now < before else 0.0)


def test_each_decision_is_judged_on_the_month_after_it() -> None:
    steps = replay(FIRST, LAST, GATE, judged)
    assert [(step.month, step.champion, step.newest, step.promoted) for step in steps] == [
        ("2023-03", "2023-01", "2023-02", False),
        ("2023-04", "2023-03", "2023-03", True),
        ("2023-05", "2023-03", "2023-04", False),
        ("2023-06", "2023-05", "2023-05", True),
    ]
    assert [step.champion_rmse for step in steps] == [5.0, 4.9, 4.9, 4.7]
    assert [step.newest_rmse for step in steps] == [4.99, 4.9, 4.89, 4.7]


def test_the_worth_is_the_ratio_of_the_mean_errors_and_the_number_of_changes() -> None:
    steps = replay(FIRST, LAST, GATE, judged)
    found = worth(steps)
    assert found.ratio == pytest.approx((5.0 + 4.9 + 4.9 + 4.7) / (4.99 + 4.9 + 4.89 + 4.7))
    assert (found.promotions, found.newest_promotions) == (2, 4)
    *_, last = lines(steps, found)
    assert last.endswith("2 promotions against 4")


def test_a_gate_that_lets_everything_through_is_always_taking_the_newest() -> None:
    steps = replay(FIRST, LAST, Gate(0.0, 0.5, 1.0, 9.0), judged)
    assert worth(steps).ratio == 1.0
    assert worth(steps).promotions == 4
