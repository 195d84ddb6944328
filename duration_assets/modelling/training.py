"""Fitting XGBoost: parameters, the choice of rounds, and the fit itself.

For `course`, everything is as in the course's script. For the others the number of rounds is
chosen on the end of the training window, encoded with the statistics of what comes before it
alone; then the model is fitted on the whole window with that number. The validation month plays
no part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from duration_assets.modelling.features import FloatArray

if TYPE_CHECKING:
    import xgboost

COURSE_PARAMETERS: dict[str, Any] = {
    "learning_rate": 0.09585355369315604,
    "max_depth": 30,
    "min_child_weight": 1.060597050922164,
    "objective": "reg:squarederror",
    "reg_alpha": 0.018060244040060163,
    "reg_lambda": 0.011658731377413597,
    "seed": 42,
}
COURSE_ROUNDS = 30

PARAMETERS: dict[str, Any] = {
    "learning_rate": 0.1,
    "max_depth": 8,
    "min_child_weight": 10,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "objective": "reg:squarederror",
    "tree_method": "hist",
    "seed": 42,
}
MOST_ROUNDS = 600
PATIENCE = 20
"""Rounds without progress on the end of the window after which the search for rounds stops."""

Progress = Callable[[int, int], None]
"""Called with the rounds done and the most there can be."""


@dataclass(frozen=True)
class Examples:
    """A matrix and what it should lead to.

    Attributes:
        features: n rows of k features, dense or sparse.
        durations: n minutes.
    """

    features: Any
    durations: FloatArray


@dataclass(frozen=True)
class FittedBooster:
    """A trained booster and how it came about.

    Attributes:
        booster: the trees.
        parameters: what XGBoost was given, without the number of threads.
        rounds: how many trees there are.
        holdout_rmse: RMSE by round on the end of the window, in minutes; empty for `course`.
    """

    booster: xgboost.Booster
    parameters: dict[str, Any]
    rounds: int
    holdout_rmse: list[float] = field(default_factory=list)


def fit_course(training: Examples, threads: int, progress: Progress | None = None) -> FittedBooster:
    """Fit as the course's script does: 30 rounds with its parameters."""
    import xgboost

    matrix = xgboost.DMatrix(training.features, label=training.durations, nthread=threads)
    booster = _train(matrix, COURSE_PARAMETERS, COURSE_ROUNDS, threads, progress)
    return FittedBooster(booster, COURSE_PARAMETERS, COURSE_ROUNDS)


def fit(
    training: Examples,
    beginning: Examples,
    end: Examples,
    threads: int,
    progress: Progress | None = None,
) -> FittedBooster:
    """Choose the number of rounds on the end of the window, then fit the whole window.

    Args:
        training: the whole window, each trip encoded without its own week.
        beginning: the window without its end, encoded with its own statistics alone.
        end: the end of the window, encoded with the statistics of `beginning`.
        threads: threads to use; more than there are cores make it many times slower.
        progress: told how far it is.
    """
    import xgboost

    history: dict[str, dict[str, list[float]]] = {}
    first = xgboost.QuantileDMatrix(beginning.features, label=beginning.durations, nthread=threads)
    held_out = xgboost.QuantileDMatrix(
        end.features, label=end.durations, ref=first, nthread=threads
    )
    chosen = _train(
        first,
        PARAMETERS,
        MOST_ROUNDS,
        threads,
        progress,
        evals=[(held_out, "end")],
        evals_result=history,
        early_stopping_rounds=PATIENCE,
    )
    rounds = chosen.best_iteration + 1
    whole = xgboost.QuantileDMatrix(training.features, label=training.durations, nthread=threads)
    booster = _train(whole, PARAMETERS, rounds, threads, progress)
    return FittedBooster(booster, PARAMETERS, rounds, history["end"]["rmse"])


def _train(
    matrix: xgboost.DMatrix,
    parameters: dict[str, Any],
    rounds: int,
    threads: int,
    progress: Progress | None,
    **options: Any,
) -> xgboost.Booster:
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
        callbacks=[Report()],
        verbose_eval=False,
        **options,
    )
