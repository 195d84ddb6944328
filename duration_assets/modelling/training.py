"""Fitting the boosters of a model.

For `course`, everything is as in the course's script. For the others the mean is fitted on the
whole window. Intervals are fitted on what comes before the end of the window, and calibrated on
that end, encoded with the statistics of what comes before it alone; so is the mean once more, which
says how far off it is there. The validation month plays no part. How XGBoost is called is in
`boosting.py`, what differs with the size of a window in `window_sizes.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from duration_assets.modelling.boosting import train, train_with_errors
from duration_assets.modelling.intervals import (
    FINER_PARAMETERS,
    FINER_ROUNDS,
    INTERVAL_PARAMETERS,
    INTERVAL_ROUNDS,
    IntervalModel,
    calibrate,
)
from duration_assets.modelling.loading_xgboost import let_threads_sleep
from duration_assets.modelling.matrices import BEGINNING, END, TRAINING, Progress
from duration_assets.modelling.matrix_files import Examples
from duration_assets.modelling.parameters import rounds_apart
from duration_assets.modelling.quantile_matrix import quantile_matrix
from duration_assets.modelling.window_sizes import for_early_fit, for_window, is_small

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

_NO_OVERRIDES: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class FittedBooster:
    """A trained booster and how it came about.

    Attributes:
        booster: the trees.
        parameters: what XGBoost was given, without the numbers of threads and of rounds.
        rounds: how many trees there are.
        training_errors: `rmse` and `mae` on the training window, in minutes.
        holdout_rmse: RMSE by round on the end of the window of trees that have not seen it, in
            minutes; empty where no intervals were wanted.
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
        return {**errors, **({"holdout_rmse": self.holdout_rmse[-1]} if self.holdout_rmse else {})}


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
    whole = quantile_matrix(parts[TRAINING], threads, bins)
    told = {**for_window(parameters, whole.num_row()), **overrides}
    if not with_intervals:
        return fit_mean(whole, threads, told, progress)
    matrices = window_matrices(whole, parts[BEGINNING], parts[END], threads, bins)
    return fit(matrices, threads, told, progress)


def fit_course(
    training: Iterable[Examples], threads: int, progress: Progress | None = None
) -> FittedBooster:
    """Fit as the course's script does: 30 rounds with its parameters, on a matrix of one chunk."""
    let_threads_sleep()
    import xgboost

    (examples,) = training
    matrix = xgboost.DMatrix(examples.features, label=examples.durations, nthread=threads)
    return _fit_whole(matrix, COURSE_PARAMETERS, COURSE_ROUNDS, threads, progress)


def fit_mean(
    matrix: xgboost.DMatrix,
    threads: int,
    parameters: Mapping[str, Any],
    progress: Progress | None = None,
) -> FittedBooster:
    """Fit the mean on a matrix.

    Args:
        matrix: n trips.
        threads: threads to use; more than there are cores make it many times slower.
        parameters: of XGBoost, and the rounds; see `for_window`.
        progress: told how far it is.
    """
    told, rounds = rounds_apart(parameters)
    return _fit_whole(matrix, told, rounds, threads, progress)


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

    @property
    def are_small(self) -> bool:
        """Whether they are of a small window."""
        return is_small(self.whole.num_row())


def window_matrices(
    whole: xgboost.DMatrix,
    beginning: Iterable[Examples],
    end: Iterable[Examples],
    threads: int,
    bins: int,
) -> WindowMatrices:
    """Let XGBoost read the other parts of a training matrix, which are gone through several times.

    Args:
        whole: see `WindowMatrices.whole`.
        beginning: see there.
        end: see there.
        threads: threads to use.
        bins: how many values to tell apart in a column: the parameter `max_bin`.
    """
    first = quantile_matrix(beginning, threads, bins)
    return WindowMatrices(whole, first, quantile_matrix(end, threads, bins, first), bins)


def fit(
    matrices: WindowMatrices,
    threads: int,
    parameters: Mapping[str, Any],
    progress: Progress | None = None,
) -> FittedBooster:
    """Fit the mean and the intervals of a window.

    Args:
        matrices: the window, with as many bins as `parameters` say.
        threads: threads to use; more than there are cores make it many times slower.
        parameters: of XGBoost, and the rounds; see `for_window`.
        progress: told how far it is.
    """
    if matrices.are_small and threads > 1:
        early, percentiles = _side_by_side(matrices, parameters, threads, progress)
    else:
        early = _fit_early(matrices, parameters, threads, progress)
        percentiles = _fit_percentiles(matrices, threads, progress)
    fitted = fit_mean(matrices.whole, threads, parameters, progress)
    end = matrices.end
    calibration = calibrate(percentiles.predict(end), early.booster.predict(end), end.get_label())
    return replace(
        fitted, holdout_rmse=early.history, intervals=IntervalModel(percentiles, calibration)
    )


@dataclass(frozen=True)
class _Early:
    """Trees on what comes before the end of the window, and their errors on the end by round."""

    booster: xgboost.Booster
    history: list[float]


def _side_by_side(
    matrices: WindowMatrices, parameters: Mapping[str, Any], threads: int, progress: Progress | None
) -> tuple[_Early, xgboost.Booster]:
    """Fit the early trees and the percentiles at once, each with half of the threads.

    On few trips, threads wait for each other more than they work: two fits with one thread each are
    through in half the time of one after the other with two. The trees are the same.
    """
    half = threads // 2
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(_fit_percentiles, matrices, half, None)
        early = _fit_early(matrices, parameters, threads - half, progress)
        return early, coming.result()


def _fit_early(
    matrices: WindowMatrices, parameters: Mapping[str, Any], threads: int, progress: Progress | None
) -> _Early:
    """Fit the beginning of the window much as the whole is fitted, and judge it on the end."""
    history: dict[str, dict[str, list[float]]] = {}
    # Whatever is minimized: it is judged by what models are judged by.
    early = for_early_fit(parameters, matrices.whole.num_row())
    told, rounds = rounds_apart({**early, "eval_metric": "rmse"})
    booster = train(
        matrices.beginning,
        told,
        rounds,
        threads,
        progress,
        evals=[(matrices.end, "end")],
        evals_result=history,
    )
    return _Early(booster, history["end"]["rmse"])


def _fit_percentiles(
    matrices: WindowMatrices, threads: int, progress: Progress | None
) -> xgboost.Booster:
    """Fit the percentiles at the ends of intervals on the beginning of the window."""
    parameters, rounds = FINER_PARAMETERS, FINER_ROUNDS
    if matrices.are_small:
        parameters, rounds = INTERVAL_PARAMETERS, INTERVAL_ROUNDS
    told = {**parameters, "max_bin": matrices.bins}
    return train(matrices.beginning, told, rounds, threads, progress)


def _fit_whole(
    matrix: xgboost.DMatrix,
    parameters: dict[str, Any],
    rounds: int,
    threads: int,
    progress: Progress | None,
) -> FittedBooster:
    booster, errors = train_with_errors(matrix, parameters, rounds, threads, progress)
    return FittedBooster(booster, parameters, rounds, errors)
