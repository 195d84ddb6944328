from __future__ import annotations

from pathlib import Path

import pytest

from duration_assets.backtests.results import ResultFolder
from duration_assets.errors import StoreError
from duration_assets.modelling.backtesting import Score
from duration_assets_tests.backtests.conftest import trial_of

SCORE = {
    "metrics": {"rmse": 4.25, "mae": 3.0},
    "rounds": 80,
    "training_trips": 100,
    "trips": 50,
    "seconds": 1.5,
}


def test_what_is_saved_is_found_by_what_it_depends_on(tmp_path: Path) -> None:
    results, trial = ResultFolder(tmp_path / "results"), trial_of(inputs="1")
    assert results.find(trial) is None
    results.save(trial, SCORE)
    assert results.find(trial) == Score("metered-1", trial.fold, **SCORE)  # type: ignore[arg-type]
    assert results.find(trial_of(inputs="2")) is None


def test_a_result_counts_for_every_candidate_that_depends_on_the_same(tmp_path: Path) -> None:
    results = ResultFolder(tmp_path)
    results.save(trial_of(), SCORE)
    found = results.find(trial_of(window=2))
    assert found is not None
    assert found.candidate == "metered-2"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"score": {"rmse": 1}}'])
def test_a_damaged_result_is_named_with_what_to_do(content: str, tmp_path: Path) -> None:
    results, trial = ResultFolder(tmp_path), trial_of()
    results.save(trial, SCORE)
    (path,) = tmp_path.iterdir()
    path.write_text(content)
    with pytest.raises(StoreError, match=r"is damaged .*: remove it, and metered-1 on 2023-03 is"):
        results.find(trial)
