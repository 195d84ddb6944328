"""Fitting the boosters of a model: parameters, the choice of rounds, and the fit itself.

For `course`, everything is as in the course's script. For the others the number of rounds is
chosen on the end of the training window, encoded with the statistics of what comes before it
alone; then the model is fitted on the whole window with that number. Intervals are fitted on what
comes before the end, and calibrated on it. The validation month plays no part. How XGBoost is
called is in `boosting.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from duration_assets.modelling.boosting import train, train_with_errors
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

SMALL_WINDOW = 100_000
"""Trips up to which a window is small."""
SMALL_WINDOW_RATE, LARGE_WINDOW_RATE = 1.5, 2.0
"""How many times the learning rate these have, and so fewer rounds. For a large one that took 0.6
of the time for 0.2% more error on 3 million simulated trips."""
SMALL_WINDOW_PARAMETERS: dict[str, Any] = {"colsample_bytree": 0.3, "reg_lambda": 20}
"""Trees of a small window see fewer columns and are shrunk more, which makes up for the rate."""

_NO_OVERRIDES: Mapping[str, Any] = MappingProxyType({})

MOST_ROUNDS = 600
PATIENCE = 20
"""Rounds without progress on the end of the window after which the search for rounds stops."""


def for_window(parameters: Mapping[str, Any], trips: int) -> dict[str, Any]:
    """Return what a window of so many trips is trained with, from what others are trained with."""
    usual = parameters["learning_rate"]
    if trips <= SMALL_WINDOW:
        small = {**parameters, **SMALL_WINDOW_PARAMETERS}
        return {**small, "learning_rate": SMALL_WINDOW_RATE * usual}
    if trips > LARGE_WINDOW:
        return {**parameters, "learning_rate": LARGE_WINDOW_RATE * usual}
    return dict(parameters)


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
    overrides: Mapping[str, Any] = _NO_OVERRIDES,
) -> FittedBooster:
    """Fit the parts of a training matrix: as the course does, if there is one part alone.

    Args:
        parts: the course's `training`, or `training`, `beginning` and `end`.
        threads: threads to use.
        parameters: of XGBoost, as of `parameters.tuned_parameters`; the course has its own.
        progress: told how far it is.
        with_intervals: whether to fit intervals too; there are none of the course's.
        overrides: parameters that a person gave, in place of some of these.
    """
    if BEGINNING not in parts:
        return fit_course(parts[TRAINING], threads, progress)
    bins = {**parameters, **overrides}["max_bin"]
    matrices = window_matrices(parts[TRAINING], parts[BEGINNING], parts[END], threads, bins)
    return fit(
        matrices,
        threads,
        parameters,
        progress,
        with_intervals=with_intervals,
        overrides=overrides,
    )


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
    overrides: Mapping[str, Any] = _NO_OVERRIDES,
) -> FittedBooster:
    """Choose the number of rounds on the end of the window, then fit the whole window.

    Args:
        matrices: the window, with as many bins as `parameters` say.
        threads: threads to use; more than there are cores make it many times slower.
        parameters: of XGBoost; see `for_window`.
        progress: told how far it is.
        with_intervals: whether to fit intervals too.
        overrides: parameters that a person gave, in place of some of these. They are used as they
            are, whatever the size of the window.
    """
    trips = matrices.whole.num_row()
    used = {**for_window(parameters, trips), **overrides}
    if not with_intervals:
        choice, percentiles = _choose(matrices, used, threads, progress), None
    elif trips <= SMALL_WINDOW and threads > 1:
        choice, percentiles = _side_by_side(matrices, used, threads, progress)
    else:
        choice = _choose(matrices, used, threads, progress)
        percentiles = _fit_percentiles(matrices, threads, progress)
    fitted = _fit_whole(matrices.whole, used, choice.rounds, threads, progress)
    intervals = None
    if percentiles is not None:
        end = matrices.end
        at_end = choice.booster.predict(end, iteration_range=(0, choice.rounds))
        calibration = calibrate(percentiles.predict(end), at_end, end.get_label())
        intervals = IntervalModel(percentiles, calibration)
    return replace(fitted, holdout_rmse=choice.history, intervals=intervals)


@dataclass(frozen=True)
class _Choice:
    """What the rounds were chosen by: trees on the beginning of the window, and their errors."""

    booster: xgboost.Booster
    history: list[float]

    @property
    def rounds(self) -> int:
        return int(self.booster.best_iteration) + 1


def _side_by_side(
    matrices: WindowMatrices, parameters: dict[str, Any], threads: int, progress: Progress | None
) -> tuple[_Choice, xgboost.Booster]:
    """Choose the rounds and fit the percentiles at once, each with half of the threads.

    On few trips, threads wait for each other more than they work: two fits with one thread each are
    through in half the time of one after the other with two. The trees are the same.
    """
    half = threads // 2
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(_fit_percentiles, matrices, half, None)
        choice = _choose(matrices, parameters, threads - half, progress)
        return choice, coming.result()


def _choose(
    matrices: WindowMatrices, parameters: dict[str, Any], threads: int, progress: Progress | None
) -> _Choice:
    """Fit the beginning of the window until its end is predicted no better."""
    history: dict[str, dict[str, list[float]]] = {}
    booster = train(
        matrices.beginning,
        # Whatever is minimized: the rounds are chosen by what models are judged by.
        {**parameters, "eval_metric": "rmse"},
        MOST_ROUNDS,
        threads,
        progress,
        evals=[(matrices.end, "end")],
        evals_result=history,
        early_stopping_rounds=PATIENCE,
    )
    return _Choice(booster, history["end"]["rmse"])


def _fit_percentiles(
    matrices: WindowMatrices, threads: int, progress: Progress | None
) -> xgboost.Booster:
    """Fit the percentiles at the ends of intervals on the beginning of the window."""
    parameters = {**INTERVAL_PARAMETERS, "max_bin": matrices.bins}
    return train(matrices.beginning, parameters, INTERVAL_ROUNDS, threads, progress)


def _fit_whole(
    matrix: xgboost.DMatrix,
    parameters: dict[str, Any],
    rounds: int,
    threads: int,
    progress: Progress | None,
) -> FittedBooster:
    booster, errors = train_with_errors(matrix, parameters, rounds, threads, progress)
    return FittedBooster(booster, parameters, rounds, errors)
