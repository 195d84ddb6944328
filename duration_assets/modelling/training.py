"""Fitting XGBoost: parameters, the choice of rounds, and the fit itself.

For `course`, everything is as in the course's script. For the others the number of rounds is
chosen on the end of the training window, encoded with the statistics of what comes before it
alone; then the model is fitted on the whole window with that number. Intervals are fitted on what
comes before the end, and calibrated on it. The validation month plays no part. XGBoost reads the
examples chunk by chunk and keeps them in its own compact form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from duration_assets.errors import SettingsError
from duration_assets.modelling.features import FloatArray
from duration_assets.modelling.intervals import (
    INTERVAL_PARAMETERS,
    INTERVAL_ROUNDS,
    IntervalModel,
    calibrate,
)
from duration_assets.modelling.loading_xgboost import let_threads_sleep
from duration_assets.modelling.matrices import BEGINNING, END, LARGE_WINDOW, TRAINING, Progress
from duration_assets.modelling.matrix_files import Examples
from duration_assets.modelling.quantile_matrix import quantile_matrix

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

LARGE_WINDOW_RATE = 2
"""How many times the learning rate a large window has, and so about half the rounds: 0.6 of the
time for 0.2% more error on 3 million simulated trips."""

MOST_ROUNDS = 600
PATIENCE = 20
"""Rounds without progress on the end of the window after which the search for rounds stops."""


def for_large_window(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a window of more than `LARGE_WINDOW` trips is trained with."""
    return {**parameters, "learning_rate": LARGE_WINDOW_RATE * parameters["learning_rate"]}


@dataclass(frozen=True)
class FittedBooster:
    """A trained booster and how it came about.

    Attributes:
        booster: the trees.
        parameters: what XGBoost was given, without the number of threads.
        rounds: how many trees there are.
        training_errors: `rmse` and `mae` on the training window, in minutes.
        holdout_rmse: RMSE by round on the end of the window, in minutes; empty for `course`.
        intervals: what finds intervals; None for `course`, and where none were wanted.
    """

    booster: xgboost.Booster
    parameters: dict[str, Any]
    rounds: int
    training_errors: dict[str, float]
    holdout_rmse: list[float] = field(default_factory=list)
    intervals: IntervalModel | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """The errors by the names under which they are logged."""
        errors = {f"training_{name}": value for name, value in self.training_errors.items()}
        return {**errors, **({"holdout_rmse": min(self.holdout_rmse)} if self.holdout_rmse else {})}


def fit_parts(
    parts: Mapping[str, Iterable[Examples]],
    threads: int,
    parameters: Mapping[str, Any],
    progress: Progress | None = None,
    *,
    with_intervals: bool = True,
) -> FittedBooster:
    """Fit the parts of a training matrix: as the course does, if there is one part alone.

    Args:
        parts: the course's `training`, or `training`, `beginning` and `end`.
        threads: threads to use.
        parameters: of XGBoost, as of `parameters.tuned_parameters`; the course has its own.
        progress: told how far it is.
        with_intervals: whether to fit intervals too; there are none of the course's.
    """
    if BEGINNING not in parts:
        return fit_course(parts[TRAINING], threads, progress)
    matrices = window_matrices(
        parts[TRAINING], parts[BEGINNING], parts[END], threads, parameters["max_bin"]
    )
    return fit(matrices, threads, parameters, progress, with_intervals=with_intervals)


def fit_course(
    training: Iterable[Examples], threads: int, progress: Progress | None = None
) -> FittedBooster:
    """Fit as the course's script does: 30 rounds with its parameters, on a matrix of one chunk."""
    let_threads_sleep()
    import xgboost

    (examples,) = training
    matrix = xgboost.DMatrix(examples.features, label=examples.durations, nthread=threads)
    return _fit_whole(matrix, COURSE_PARAMETERS, COURSE_ROUNDS, threads, progress)


@dataclass(frozen=True)
class WindowMatrices:
    """The parts of a training matrix in XGBoost's own compact form.

    Attributes:
        whole: the whole window, each trip encoded without its own week.
        beginning: the window without its end, encoded with its own statistics alone.
        end: the end of the window, encoded with the statistics of `beginning`.
        bins: how many values are told apart in a column.
    """

    whole: xgboost.DMatrix
    beginning: xgboost.DMatrix
    end: xgboost.DMatrix
    bins: int


def window_matrices(
    training: Iterable[Examples],
    beginning: Iterable[Examples],
    end: Iterable[Examples],
    threads: int,
    bins: int,
) -> WindowMatrices:
    """Let XGBoost read the parts of a training matrix, each of which is gone through several times.

    Args:
        training: see `WindowMatrices.whole`.
        beginning: see there.
        end: see there.
        threads: threads to use.
        bins: how many values to tell apart in a column: the parameter `max_bin`.
    """
    whole = quantile_matrix(training, threads, bins)
    first = quantile_matrix(beginning, threads, bins)
    return WindowMatrices(whole, first, quantile_matrix(end, threads, bins, first), bins)


def fit(
    matrices: WindowMatrices,
    threads: int,
    parameters: Mapping[str, Any],
    progress: Progress | None = None,
    *,
    with_intervals: bool = True,
) -> FittedBooster:
    """Choose the number of rounds on the end of the window, then fit the whole window.

    Args:
        matrices: the window, with as many bins as `parameters` say.
        threads: threads to use; more than there are cores make it many times slower.
        parameters: of XGBoost; a large window gets `LARGE_WINDOW_RATE` times the learning rate.
        progress: told how far it is.
        with_intervals: whether to fit intervals too.
    """
    large = matrices.whole.num_row() > LARGE_WINDOW
    used = for_large_window(parameters) if large else dict(parameters)
    history: dict[str, dict[str, list[float]]] = {}
    chosen = _train(
        matrices.beginning,
        # Whatever is minimized: the rounds are chosen by what models are judged by.
        {**used, "eval_metric": "rmse"},
        MOST_ROUNDS,
        threads,
        progress,
        evals=[(matrices.end, "end")],
        evals_result=history,
        early_stopping_rounds=PATIENCE,
    )
    rounds = chosen.best_iteration + 1
    fitted = _fit_whole(matrices.whole, used, rounds, threads, progress)
    intervals = None
    if with_intervals:
        at_end = chosen.predict(matrices.end, iteration_range=(0, rounds))
        intervals = _fit_intervals(matrices, at_end, threads, progress)
    return replace(fitted, holdout_rmse=history["end"]["rmse"], intervals=intervals)


def _fit_intervals(
    matrices: WindowMatrices, at_end: FloatArray, threads: int, progress: Progress | None
) -> IntervalModel:
    """Fit percentiles on the beginning of the window, and calibrate them on its end."""
    parameters = {**INTERVAL_PARAMETERS, "max_bin": matrices.bins}
    booster = _train(matrices.beginning, parameters, INTERVAL_ROUNDS, threads, progress)
    end = matrices.end
    return IntervalModel(booster, calibrate(booster.predict(end), at_end, end.get_label()))


def check_with_xgboost(parameters: Mapping[str, Any]) -> None:
    """Let XGBoost say whether it can use parameters, by a tree on a few made-up trips.

    Args:
        parameters: all that it is told, but for the number of threads.

    Raises:
        SettingsError: if not, in XGBoost's own words.
    """
    let_threads_sleep()
    import xgboost

    minutes = np.arange(1.0, 21.0)
    trips = [Examples(minutes.reshape(-1, 1).astype(np.float32), minutes)]
    try:
        matrix = quantile_matrix(trips, 1, parameters["max_bin"])
        _train(matrix, dict(parameters), 1, 1, None)
    except xgboost.core.XGBoostError as error:
        # What follows is XGBoost's stack; what comes before is a place in its source.
        said, *_ = str(error).splitlines()
        raise SettingsError(re.sub(r"^\[[\d:]+\] \S+: ", "", said)) from error


def _fit_whole(
    matrix: xgboost.DMatrix,
    parameters: dict[str, Any],
    rounds: int,
    threads: int,
    progress: Progress | None,
) -> FittedBooster:
    import xgboost

    errors: dict[str, float] = {}

    class Errors(xgboost.callback.TrainingCallback):
        def after_training(self, model: Any) -> Any:
            # XGBoost knows its predictions of what it trains on until it is done with training;
            # asking for them afterwards costs time, and so does asking after every round.
            errors.update(_errors_in(model.eval_set([(matrix, "training")])))
            return model

    booster = _train(
        matrix,
        {**parameters, "eval_metric": ["rmse", "mae"]},
        rounds,
        threads,
        progress,
        callbacks=[Errors()],
    )
    return FittedBooster(booster, parameters, rounds, errors)


def _errors_in(line: str) -> dict[str, float]:
    """Return the errors by name from `[0]  training-rmse:4.1  training-mae:2.8`."""
    _, *found = line.split()
    errors = (one.removeprefix("training-").split(":") for one in found)
    return {name: float(value) for name, value in errors}


def _train(
    matrix: xgboost.DMatrix,
    parameters: dict[str, Any],
    rounds: int,
    threads: int,
    progress: Progress | None,
    callbacks: Iterable[xgboost.callback.TrainingCallback] = (),
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
        callbacks=[Report(), *callbacks],
        verbose_eval=False,
        **options,
    )
