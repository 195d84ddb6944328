from __future__ import annotations

import numpy as np
import pytest

from duration_assets.modelling.intervals import INTERVAL_PARAMETERS, IntervalModel
from duration_assets.modelling.matrices import LARGE_WINDOW
from duration_assets.modelling.matrix_files import Examples
from duration_assets.modelling.parameters import parameters_of
from duration_assets.modelling.training import (
    SMALL_WINDOW,
    SMALL_WINDOW_PARAMETERS,
    FittedBooster,
    WindowMatrices,
    fit,
    for_window,
    window_matrices,
)

PARAMETERS = {**parameters_of("metered"), "max_depth": 3}


def examples(trips: int, seed: int) -> list[Examples]:
    draws = np.random.default_rng(seed)
    features = draws.uniform(1, 30, (trips, 3)).astype(np.float32)
    return [Examples(features, features[:, 0] * draws.uniform(0.5, 1.5, trips))]


@pytest.fixture(scope="module")
def matrices() -> WindowMatrices:
    parts = examples(3_000, 1), examples(2_000, 2), examples(1_000, 3)
    return window_matrices(*parts, 1, PARAMETERS["max_bin"])


def trees(fitted: FittedBooster) -> tuple[bytes, bytes]:
    assert isinstance(fitted.intervals, IntervalModel)
    return bytes(fitted.booster.save_raw()), bytes(fitted.intervals.booster.save_raw())


def test_side_by_side_and_one_after_the_other_are_the_same_model(matrices: WindowMatrices) -> None:
    alone = fit(matrices, 1, PARAMETERS)
    beside = fit(matrices, 2, PARAMETERS)

    assert trees(beside) == trees(alone)
    assert beside.intervals is not None
    assert alone.intervals is not None
    assert beside.intervals.calibration == alone.intervals.calibration


def test_an_error_in_the_fit_of_the_percentiles_is_the_errors_of_the_training(
    matrices: WindowMatrices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(INTERVAL_PARAMETERS, "objective", "reg:nothing")
    with pytest.raises(Exception, match="reg:nothing"):
        fit(matrices, 2, PARAMETERS)


def test_a_model_without_intervals_has_the_same_trees(matrices: WindowMatrices) -> None:
    without = fit(matrices, 2, PARAMETERS, with_intervals=False)
    assert without.intervals is None
    assert without.booster.save_raw() == fit(matrices, 2, PARAMETERS).booster.save_raw()


@pytest.mark.parametrize(
    ("trips", "rate"),
    [(SMALL_WINDOW, 0.15), (SMALL_WINDOW + 1, 0.1), (LARGE_WINDOW, 0.1), (LARGE_WINDOW + 1, 0.2)],
)
def test_small_and_large_windows_learn_faster(trips: int, rate: float) -> None:
    found = for_window({"learning_rate": 0.1, "max_depth": 7}, trips)
    changed = SMALL_WINDOW_PARAMETERS if trips <= SMALL_WINDOW else {}
    assert found == {"max_depth": 7, **changed, "learning_rate": pytest.approx(rate)}


def test_a_learning_rate_that_a_person_gave_is_used_as_it_is(matrices: WindowMatrices) -> None:
    usual = fit(matrices, 1, PARAMETERS, with_intervals=False)
    given = {"learning_rate": 0.2}
    fitted = fit(matrices, 1, PARAMETERS, with_intervals=False, overrides=given)
    assert usual.parameters["learning_rate"] != PARAMETERS["learning_rate"]
    assert fitted.parameters == {**usual.parameters, **given}
