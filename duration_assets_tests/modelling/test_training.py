from __future__ import annotations

import numpy as np
import pytest

from duration_assets.modelling import window_sizes
from duration_assets.modelling.intervals import (
    FINER_ROUNDS,
    INTERVAL_PARAMETERS,
    INTERVAL_ROUNDS,
    IntervalModel,
)
from duration_assets.modelling.matrix_files import Examples
from duration_assets.modelling.parameters import parameters_of
from duration_assets.modelling.quantile_matrix import quantile_matrix
from duration_assets.modelling.training import (
    FittedBooster,
    WindowMatrices,
    fit,
    fit_mean,
    fit_parts,
    window_matrices,
)
from duration_assets.modelling.window_sizes import (
    LARGE_WINDOW,
    SMALL_WINDOW,
    SMALL_WINDOW_PARAMETERS,
    for_window,
)

PARAMETERS = {**parameters_of("metered"), "max_depth": 3, "rounds": 40}
PARTS = {"training": (3_000, 1), "beginning": (2_000, 2), "end": (1_000, 3)}


def examples(trips: int, seed: int) -> list[Examples]:
    draws = np.random.default_rng(seed)
    features = draws.uniform(1, 30, (trips, 3)).astype(np.float32)
    return [Examples(features, features[:, 0] * draws.uniform(0.5, 1.5, trips))]


@pytest.fixture(scope="module")
def matrices() -> WindowMatrices:
    whole, beginning, end = (examples(*part) for part in PARTS.values())
    bins = PARAMETERS["max_bin"]
    return window_matrices(quantile_matrix(whole, 1, bins), beginning, end, 1, bins)


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


def test_a_model_without_intervals_has_the_same_trees() -> None:
    parts = {name: examples(*part) for name, part in PARTS.items()}
    without = fit_parts(parts, 2, PARAMETERS, with_intervals=False)
    assert without.intervals is None
    assert without.booster.save_raw() == fit_parts(parts, 2, PARAMETERS).booster.save_raw()


def test_the_end_of_the_window_is_judged_by_as_many_trees_that_have_not_seen_it(
    matrices: WindowMatrices,
) -> None:
    fitted = fit(matrices, 1, PARAMETERS)
    alone = fit_mean(matrices.beginning, 1, PARAMETERS)
    end = matrices.end
    off = np.asarray(alone.booster.predict(end)) - end.get_label()
    assert len(fitted.holdout_rmse) == fitted.rounds == 40
    assert fitted.metrics["holdout_rmse"] == pytest.approx(np.sqrt(np.mean(off**2)), abs=1e-4)
    assert fitted.holdout_rmse[-1] < fitted.holdout_rmse[0]


def test_what_only_measures_has_half_the_rounds_of_a_window_that_has_many(
    matrices: WindowMatrices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window_sizes, "SMALL_WINDOW", 2_999)
    fitted = fit(matrices, 1, PARAMETERS)
    told = {**PARAMETERS, "rounds": 20, "learning_rate": 2 * PARAMETERS["learning_rate"]}
    early = fit_mean(matrices.beginning, 1, told)
    off = np.asarray(early.booster.predict(matrices.end)) - matrices.end.get_label()
    assert (fitted.rounds, len(fitted.holdout_rmse)) == (40, 20)
    assert fitted.metrics["holdout_rmse"] == pytest.approx(np.sqrt(np.mean(off**2)), abs=1e-4)


@pytest.mark.parametrize(
    ("trips", "rounds", "rate"),
    [
        (SMALL_WINDOW, 70, 0.2),
        (SMALL_WINDOW + 1, 400, 0.1),
        (LARGE_WINDOW, 400, 0.1),
        (LARGE_WINDOW + 1, 100, 0.2),
    ],
)
def test_small_and_large_windows_have_fewer_rounds(trips: int, rounds: int, rate: float) -> None:
    found = for_window({"learning_rate": 0.1, "max_depth": 7, "rounds": 400}, trips)
    changed = SMALL_WINDOW_PARAMETERS if trips <= SMALL_WINDOW else {}
    assert found == {"max_depth": 7, **changed, "rounds": rounds, "learning_rate": rate}


@pytest.mark.parametrize("trips", [SMALL_WINDOW, LARGE_WINDOW + 1])
def test_a_window_has_one_round_at_least(trips: int) -> None:
    assert for_window({"learning_rate": 0.1, "rounds": 1}, trips)["rounds"] == 1


@pytest.mark.parametrize(("small", "rounds"), [(3_000, INTERVAL_ROUNDS), (2_999, FINER_ROUNDS)])
def test_the_percentiles_of_a_window_that_is_not_small_have_finer_trees(
    small: int, rounds: int, matrices: WindowMatrices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window_sizes, "SMALL_WINDOW", small)
    fitted = fit(matrices, 1, {**PARAMETERS, "rounds": 2})
    assert fitted.intervals is not None
    assert fitted.intervals.booster.num_boosted_rounds() == rounds


def test_what_a_person_gave_is_used_as_it_is() -> None:
    parts = {name: examples(*part) for name, part in PARTS.items()}
    usual = fit_parts(parts, 1, PARAMETERS, with_intervals=False)
    given = {"learning_rate": 0.2, "colsample_bytree": 0.9}
    told = {**given, "rounds": 5}
    fitted = fit_parts(parts, 1, PARAMETERS, with_intervals=False, overrides=told)
    assert usual.rounds == 7
    assert fitted.rounds == fitted.booster.num_boosted_rounds() == 5
    assert fitted.parameters == {**usual.parameters, **given}
