from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from duration_assets.modelling.loading_xgboost import let_threads_sleep
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.pair_preprocessor import PairPreprocessor
from duration_assets.reproduction.comparing import (
    Difference,
    differences,
    first_different_tree,
)
from duration_assets_tests.months import GREEN
from duration_assets_tests.trainings import training

RECORD = training()
JANUARY, FEBRUARY = RECORD.months


def test_a_training_does_not_differ_from_itself() -> None:
    assert differences(RECORD, training()) == []


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            {"months": (replace(JANUARY, cleaned="f" * 64), FEBRUARY)},
            Difference("cleaned_trips of 2023-01", "b2023-010000", "f" * 12),
        ),
        (
            {"months": (JANUARY, replace(FEBRUARY, statistics=None))},
            Difference("zone_statistics of 2023-02", "c2023-020000", "none"),
        ),
        ({"trips": 99_999}, Difference("trips trained on", "120,003", "99,999")),
        (
            {"parameters": {**RECORD.parameters, "learning_rate": 0.3}},
            Difference("XGBoost's learning_rate", f"{RECORD.parameters['learning_rate']}", "0.3"),
        ),
        (
            {"parameters": {**RECORD.parameters, "reg_alpha": 1}},
            Difference("XGBoost's reg_alpha", "none", "1"),
        ),
        (
            {"code_versions": {**RECORD.code_versions, "training_matrix": "3"}},
            Difference("code version of training_matrix", "2", "3"),
        ),
        (
            {"packages": {**RECORD.packages, "polars": "9.0"}},
            Difference("version of polars", RECORD.packages["polars"], "9.0"),
        ),
        ({"machine": "Darwin arm64"}, Difference("machine", "Linux x86_64", "Darwin arm64")),
        ({"rounds": 1}, Difference("rounds", "143", "1")),
    ],
)
def test_whatever_differs_is_named_with_how_it_was_and_is(
    made: dict[str, Any], expected: Difference
) -> None:
    assert differences(RECORD, replace(RECORD, **made)) == [expected]
    assert str(expected) == f"{expected.what}: {expected.logged} in the run, {expected.now} now"


def test_what_is_trained_on_comes_before_what_it_is_trained_with() -> None:
    made = training(rounds=1, parameters={}, trips=1, packages={})
    named = [each.what for each in differences(RECORD, made)]
    assert named[0] == "trips trained on"
    assert named[1].startswith("XGBoost's")
    assert named.index("rounds") < named.index(next(each for each in named if "version" in each))


def model(folder: Path, rounds: int, rate: float = 0.5) -> Path:
    """Save a model of a few trees."""
    let_threads_sleep()
    import xgboost

    minutes = np.arange(40, dtype=np.float32)
    matrix = xgboost.DMatrix(minutes.reshape(-1, 1), label=minutes, nthread=1)
    booster = xgboost.train({"learning_rate": rate, "seed": 1, "nthread": 1}, matrix, rounds)
    folder.mkdir()
    DurationModel(GREEN, PairPreprocessor(pl.Series(["1_2"])), booster).save(folder)
    return folder


def test_the_first_tree_that_two_models_do_not_share_is_found(tmp_path: Path) -> None:
    three = model(tmp_path / "three", 3)
    assert first_different_tree(three, model(tmp_path / "same", 3)) is None
    assert first_different_tree(three, model(tmp_path / "longer", 5)) == 4
    assert first_different_tree(model(tmp_path / "shorter", 2), three) == 3
    assert first_different_tree(three, model(tmp_path / "other", 3, rate=0.4)) == 1
