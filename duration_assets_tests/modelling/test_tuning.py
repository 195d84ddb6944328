from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from duration_assets.errors import SettingsError
from duration_assets.modelling.parameters import parameters_of
from duration_assets.modelling.tuning import SPACE, Search, Tried, best_of

MONTHS = ("2023-01", "2023-02", "2023-03")
REFERENCE = {**parameters_of("metered"), "max_depth": 7, "learning_rate": 0.2}
TRIALS = 8


@dataclass
class Problem:
    """Errors that are lowest at a depth of 9 and a rate of 0.08, and what was asked for.

    Attributes:
        stop_at: the number of the judgement that a person stops; None for none.
    """

    stop_at: int | None = None
    asked: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)

    def rmse(self, month: int, parameters: Mapping[str, Any]) -> float:
        self.asked.append((month, parameters))
        if len(self.asked) == self.stop_at:
            raise KeyboardInterrupt
        depth, rate = float(parameters["max_depth"]), float(parameters["learning_rate"])
        return 4.0 + month + 0.1 * (abs(depth - 9) + abs(math.log(rate / 0.08)))


class Recorder:
    """Remembers how trials ended."""

    def __init__(self) -> None:
        self.ends: list[tuple[int, str]] = []

    @contextmanager
    def trial(
        self, number: int, parameters: Mapping[str, Any]
    ) -> Iterator[Callable[[Tried], None]]:
        end = "stopped"
        told: list[Tried] = []
        try:
            yield told.append
            end = "given up" if told[0].pruned else "whole"
        finally:
            self.ends.append((number, end))


def search(folder: Path, problem: Problem, **changes: Any) -> Search:
    values: dict[str, Any] = {
        "database": folder / "search.db",
        "reference": REFERENCE,
        "months": MONTHS,
        "evaluate": problem.rmse,
    }
    return Search(**{**values, **changes})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[Tried]:
    """What a search that nobody stops comes to."""
    return search(tmp_path_factory.mktemp("whole"), Problem()).run(TRIALS)


def test_the_reference_is_tried_first_so_that_the_best_is_never_worse(whole: list[Tried]) -> None:
    assert whole[0].parameters.items() >= {
        (name, REFERENCE[name]) for name in SPACE if name in REFERENCE
    }
    assert whole[0].value == 1.0
    best = best_of(whole)
    assert best.value is not None
    assert best.value < 1.0


def test_what_xgboost_is_told_holds_what_is_not_searched_for(tmp_path: Path) -> None:
    problem = Problem()
    search(tmp_path, problem).run(2)
    for _, parameters in problem.asked:
        assert parameters["objective"] == "reg:squarederror"
        assert parameters["tree_method"] == "hist"


def test_trials_stay_within_the_space_and_are_others_each_time(whole: list[Tried]) -> None:
    for tried in whole:
        for name, part in SPACE.items():
            assert part.holds(tried.parameters[name]), name
    assert len({str(tried.parameters) for tried in whole}) == TRIALS


def test_a_trial_is_worth_the_mean_of_its_errors_as_shares_of_the_references(
    whole: list[Tried],
) -> None:
    for tried in whole:
        shares = [rmse / whole[0].rmse[month] for month, rmse in tried.rmse.items()]
        if tried.pruned:
            assert tried.value is None
            assert len(shares) < len(MONTHS)
        else:
            assert tried.value == pytest.approx(sum(shares) / len(MONTHS))


def test_a_trial_that_is_worse_than_half_of_the_others_is_given_up(whole: list[Tried]) -> None:
    assert any(tried.pruned for tried in whole)
    assert not any(tried.pruned for tried in whole[:3])


def test_a_search_that_was_stopped_goes_on_to_what_it_would_have_come_to(
    whole: list[Tried], tmp_path: Path
) -> None:
    recorder, stopped = Recorder(), Problem(stop_at=8)
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, stopped, listener=recorder).run(TRIALS)
    assert recorder.ends == [(0, "whole"), (1, "whole"), (2, "stopped")]
    rest = Problem()
    resumed = search(tmp_path, rest).run(TRIALS)
    assert [tried.parameters for tried in resumed] == [tried.parameters for tried in whole]
    assert [tried.value for tried in resumed] == [tried.value for tried in whole]
    # The two that were done are not tried again.
    assert len(rest.asked) == sum(len(tried.rmse) for tried in whole[2:])


def test_a_search_that_is_done_tries_nothing_and_a_longer_one_goes_on(tmp_path: Path) -> None:
    first = search(tmp_path, Problem()).run(3)
    again = Problem()
    assert search(tmp_path, again).run(3) == first
    assert again.asked == []
    assert search(tmp_path, again).run(4)[:3] == first
    assert {str(parameters) for _, parameters in again.asked} != set()


def test_what_a_killed_process_left_unfinished_is_tried_again(tmp_path: Path) -> None:
    import optuna

    first = search(tmp_path, Problem()).run(2)
    url = f"sqlite:///{tmp_path / 'search.db'}"
    storage = optuna.storages.RDBStorage(url)
    study = optuna.load_study(study_name=None, storage=storage)
    study.ask()
    storage.remove_session()
    storage.engine.dispose()
    resumed = search(tmp_path, Problem()).run(3)
    assert resumed[:2] == first
    assert [tried.number for tried in resumed] == [0, 1, 3]


def test_no_trial_is_begun_after_the_time_but_the_reference(tmp_path: Path) -> None:
    assert len(search(tmp_path, Problem()).run(TRIALS, timeout=0.0)) == 1


def test_a_reference_outside_of_the_space_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="have max_depth outside of what is searched"):
        search(tmp_path, Problem(), reference={**REFERENCE, "max_depth": 40}).run(1)
