"""XGBoost's training, as the project calls it. What is trained on what belongs to `training.py`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from duration_assets.errors import SettingsError
from duration_assets.modelling.loading_xgboost import let_threads_sleep
from duration_assets.modelling.matrices import Progress
from duration_assets.modelling.matrix_files import Examples
from duration_assets.modelling.parameters import rounds_apart
from duration_assets.modelling.quantile_matrix import quantile_matrix

if TYPE_CHECKING:
    import xgboost


def train(
    matrix: xgboost.DMatrix,
    parameters: dict[str, Any],
    rounds: int,
    threads: int,
    progress: Progress | None,
    callbacks: Iterable[xgboost.callback.TrainingCallback] = (),
    **options: Any,
) -> xgboost.Booster:
    """Train a booster.

    Args:
        matrix: n trips.
        parameters: of XGBoost, without the number of threads.
        rounds: how many trees to make.
        threads: threads to use; more than there are cores make it many times slower.
        progress: told after each round how many there are.
        callbacks: further ones of XGBoost's.
        options: of `xgboost.train`.
    """
    import xgboost

    class Report(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            if progress is not None:
                progress(epoch + 1, rounds)
            return False

    return xgboost.train(
        {**parameters, "nthread": threads},
        matrix,
        num_boost_round=rounds,
        callbacks=[Report(), *callbacks],
        verbose_eval=False,
        **options,
    )


def train_with_errors(
    matrix: xgboost.DMatrix,
    parameters: dict[str, Any],
    rounds: int,
    threads: int,
    progress: Progress | None,
) -> tuple[xgboost.Booster, dict[str, float]]:
    """Train a booster, and return it with its `rmse` and `mae` on what it was trained on."""
    import xgboost

    errors: dict[str, float] = {}

    class Errors(xgboost.callback.TrainingCallback):
        def after_training(self, model: Any) -> Any:
            # XGBoost knows its predictions of what it trains on until it is done with training;
            # asking for them afterwards costs time, and so does asking after every round.
            errors.update(_errors_in(model.eval_set([(matrix, "training")])))
            return model

    booster = train(
        matrix,
        {**parameters, "eval_metric": ["rmse", "mae"]},
        rounds,
        threads,
        progress,
        callbacks=[Errors()],
    )
    return booster, errors


def _errors_in(line: str) -> dict[str, float]:
    """Return the errors by name from `[0]  training-rmse:4.1  training-mae:2.8`."""
    _, *found = line.split()
    errors = (one.removeprefix("training-").split(":") for one in found)
    return {name: float(value) for name, value in errors}


def check_with_xgboost(parameters: Mapping[str, Any]) -> None:
    """Let XGBoost say whether it can use parameters, by a tree on a few made-up trips.

    Args:
        parameters: all that a model is trained with, but for the number of threads.

    Raises:
        SettingsError: if not, in XGBoost's own words.
    """
    let_threads_sleep()
    import xgboost

    minutes = np.arange(1.0, 21.0)
    trips = [Examples(minutes.reshape(-1, 1).astype(np.float32), minutes)]
    try:
        matrix = quantile_matrix(trips, 1, parameters["max_bin"])
        told, _ = rounds_apart(parameters)
        train(matrix, told, 1, 1, None)
    except xgboost.core.XGBoostError as error:
        # What follows is XGBoost's stack; what comes before is a place in its source.
        said, *_ = str(error).splitlines()
        raise SettingsError(re.sub(r"^\[[\d:]+\] \S+: ", "", said)) from error
