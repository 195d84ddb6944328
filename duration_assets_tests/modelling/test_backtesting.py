from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duration_assets.errors import SettingsError
from duration_assets.modelling.backtesting import (
    Candidate,
    Fold,
    ParameterSet,
    Score,
    candidates,
    folds,
    summarize,
)
from duration_assets.months import Month

MONTHS = st.builds(Month, st.integers(2015, 2030), st.integers(1, 12))
DEEP = ParameterSet("deep", {"max_depth": 9})


def score(candidate: str, month: int, rmse: float, mae: float = 1.0, rounds: int = 10) -> Score:
    at = Month(2023, month)
    metrics = {"rmse": rmse, "mae": mae}
    return Score(candidate, Fold(at, (at.shift(-1),)), metrics, rounds, 100, 50, 2.0)


@given(MONTHS, st.integers(1, 40), st.integers(0, 30), st.integers(1, 24))
def test_a_window_ends_the_month_before_and_never_holds_its_validation_month_or_a_later_one(
    earliest: Month, start: int, more: int, size: int
) -> None:
    first = earliest.shift(start)
    found = folds(first, first.shift(more), size, earliest)
    assert [fold.validation_month for fold in found] == list(first.through(first.shift(more)))
    for fold in found:
        assert fold.window[-1] == fold.validation_month.shift(-1)
        assert max(fold.window) < fold.validation_month
        assert list(fold.window) == list(fold.window[0].through(fold.window[-1]))


@given(MONTHS, st.integers(1, 40), st.integers(1, 24))
def test_a_window_has_its_size_unless_it_would_begin_before_the_first_month(
    earliest: Month, start: int, size: int
) -> None:
    (fold,) = folds(earliest.shift(start), earliest.shift(start), size, earliest)
    assert len(fold.window) == min(size, start)
    assert fold.window[0] >= earliest
    if len(fold.window) < size:
        assert fold.window[0] == earliest


@given(MONTHS, st.integers(0, 40))
def test_a_first_month_with_none_before_it_is_refused(earliest: Month, before: int) -> None:
    with pytest.raises(SettingsError, match="to train on"):
        folds(earliest.shift(-before), earliest.shift(5), 3, earliest)


def test_months_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(SettingsError, match="from 2023-05 to 2023-04: --from is after --to"):
        folds(Month(2023, 5), Month(2023, 4), 1, Month(2021, 1))


def test_every_combination_is_a_candidate_once_and_the_course_is_always_the_same() -> None:
    found = candidates(
        ["course", "metered", "request", "course"], [1, 12, 1], [ParameterSet(), DEEP]
    )
    assert [each.name for each in found] == [
        "course",
        "metered-1",
        "metered-1-deep",
        "metered-12",
        "metered-12-deep",
        "request-1",
        "request-1-deep",
        "request-12",
        "request-12-deep",
    ]
    assert found[0] == Candidate("course", 1)
    assert found[4] == Candidate("metered", 12, DEEP)


def test_a_summary_is_what_it_comes_to_by_hand() -> None:
    scores = [
        score("course", 2, 5.0, 3.0, 30),
        score("course", 3, 6.0, 4.0, 30),
        score("course", 4, 8.0, 5.0, 30),
        score("metered-1", 2, 4.0, 2.0, 100),
        score("metered-1", 3, 4.5, 3.5, 140),
        score("metered-1", 4, 6.2, 3.0, 150),
    ]
    course, metered = summarize(["course", "metered-1"], scores)
    assert metered.candidate == "metered-1"
    assert metered.months == 3
    assert metered.rmse.mean == pytest.approx(4.9)
    assert metered.rmse.deviation == pytest.approx(math.sqrt((0.81 + 0.16 + 1.69) / 2))
    assert (metered.rmse.worst, metered.rmse.worst_month) == (6.2, Month(2023, 4))
    assert metered.mae.mean == pytest.approx(8.5 / 3)
    assert (metered.mae.worst, metered.mae.worst_month) == (3.5, Month(2023, 3))
    assert metered.ratio_to_course == pytest.approx((0.8 + 0.75 + 0.775) / 3)
    assert metered.rounds == 130
    assert course.rmse.mean == pytest.approx(19 / 3)
    assert course.ratio_to_course == 1.0


def test_the_ratio_is_over_the_months_that_the_course_has_too() -> None:
    scores = [score("course", 3, 5.0), score("metered-1", 2, 9.0), score("metered-1", 3, 4.0)]
    _, metered = summarize(["course", "metered-1"], scores)
    assert metered.ratio_to_course == 0.8
    assert metered.rmse.mean == 6.5


def test_without_the_course_there_is_no_ratio_and_a_single_month_has_no_spread() -> None:
    (found,) = summarize(["metered-1", "metered-2"], [score("metered-1", 2, 4.0)])
    assert found.ratio_to_course is None
    assert found.rmse.deviation is None
    assert found.rmse.mean == found.rmse.worst == 4.0


def test_months_up_to_which_parameters_were_tuned_can_be_left_out() -> None:
    scores = [score("metered-1", month, float(month)) for month in (2, 3, 4, 5)]
    (found,) = summarize(["metered-1"], scores, after=Month(2023, 3))
    assert found.months == 2
    assert found.rmse.mean == 4.5
    assert summarize(["metered-1"], scores, after=Month(2023, 5)) == []
