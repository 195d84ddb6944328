"""The search for parameters: the space, what a trial is worth, and Optuna's study of them.

A trial is parameters, judged on several validation months, each time fitted on what came before the
month. It is worth the mean of its RMSE divided by that of the reference, the parameters that were
there before, which are the first trial: so the best is never worse than they are. How a month is
fitted and judged, and who is told of trials, belongs elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Protocol

from duration_assets.errors import SettingsError

if TYPE_CHECKING:
    import optuna

SPACE_VERSION = "3"
"""Raised when the space or the objective changes, so that other trials are not gone on from."""

SEED = 42
RANDOM_TRIALS = 6
"""So many trials are drawn at random before the sampler learns from them."""
UNPRUNED_TRIALS = 3
"""So many trials are judged on all months before any is given up early."""

XGBOOST_DEFAULTS: dict[str, Any] = {
    "min_child_weight": 1.0,
    "subsample": 1.0,
    "colsample_bytree": 1.0,
    "colsample_bylevel": 1.0,
    "reg_lambda": 1.0,
    "gamma": 0.0,
}
"""What XGBoost does where the reference says nothing."""

_STUDY, _RMSE, _WHY = "tuning", "rmse", "why"


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; on a scale of logarithms, or whole, if wanted."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def suggest(self, trial: optuna.Trial, name: str) -> float:
        """Let the sampler choose one."""
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high))
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def holds(self, value: Any) -> bool:
        """Say whether a value is one of them."""
        return bool(self.low <= value <= self.high)


@dataclass(frozen=True)
class Choice:
    """One of a few numbers."""

    values: tuple[int, ...]

    def suggest(self, trial: optuna.Trial, name: str) -> int:
        """Let the sampler choose one."""
        chosen: int = trial.suggest_categorical(name, self.values)
        return chosen

    def holds(self, value: Any) -> bool:
        """Say whether a value is one of them."""
        return value in self.values


SPACE: dict[str, Range | Choice] = {
    "learning_rate": Range(0.04, 0.4, log=True),
    "max_depth": Range(4, 9, whole=True),
    "max_bin": Choice((64, 128, 256)),
    "min_child_weight": Range(1.0, 300.0, log=True),
    "subsample": Range(0.4, 1.0),
    "colsample_bytree": Range(0.2, 1.0),
    "colsample_bylevel": Range(0.3, 1.0),
    "reg_lambda": Range(0.1, 100.0, log=True),
    "gamma": Range(0.0, 50.0),
}
"""What is searched for, and where. The rounds, which are those of the reference, and the depth end
where a month's training would take too long: the search does not see what a trial costs."""

Evaluate = Callable[[int, Mapping[str, Any]], float]
"""Fit on the window before the validation month of that number, and return the RMSE on it."""


@dataclass(frozen=True)
class Tried:
    """A trial.

    Attributes:
        number: counted from 0, the reference.
        parameters: what was searched for.
        value: mean RMSE as a share of the reference's; None if it was given up.
        rmse: minutes by month; of a trial that was given up, on some of them.
        pruned: whether it was given up, being worse than half of the others at that point.
    """

    number: int
    parameters: Mapping[str, Any]
    value: float | None
    rmse: Mapping[str, float]
    pruned: bool


class Listener(Protocol):
    """Is told of trials."""

    def trial(
        self, number: int, parameters: Mapping[str, Any]
    ) -> AbstractContextManager[Callable[[Tried], None]]:
        """Open a trial; it is done when what is given is called, and stopped or failed if not."""


@dataclass
class Search:
    """One search, which can be gone on from.

    Attributes:
        database: the SQLite file that keeps its trials.
        reference: the parameters that were there before.
        months: the validation months, in the order in which they are judged on.
        evaluate: judges parameters on one of them.
    """

    database: Path
    reference: Mapping[str, Any]
    months: Sequence[str]
    evaluate: Evaluate
    listener: Listener | None = None

    def run(self, trials: int, timeout: float | None = None) -> list[Tried]:
        """Go on until there are so many trials, the reference among them.

        Args:
            trials: how many in all, those of before included.
            timeout: seconds after which no other is begun; None for no limit. The reference is
                always tried.

        Returns:
            All trials that are done.

        Raises:
            SettingsError: if the reference is outside of what is searched.
        """
        from optuna.trial import TrialState

        began = time.monotonic()
        first = self._first()
        with _opened(self.database) as study:
            _give_up_unfinished(study)
            if not _done(study) and not study.get_trials(states=(TrialState.WAITING,)):
                study.enqueue_trial(first)
            while len(done := _done(study)) < trials:
                if done and timeout is not None and time.monotonic() - began > timeout:
                    break
                self._try(study, len(done))
            return _done(study)

    def _first(self) -> dict[str, Any]:
        known = {**XGBOOST_DEFAULTS, **self.reference}
        if outside := [name for name, part in SPACE.items() if not part.holds(known[name])]:
            raise SettingsError(
                f"The parameters to begin with have {', '.join(outside)} outside of what is "
                "searched: name others by DURATION_PARAMETERS."
            )
        return {name: known[name] for name in SPACE}

    def _try(self, study: optuna.Study, done: int) -> None:
        from optuna.trial import TrialState

        # Made for each trial: one that was stopped is made again as it was.
        study.sampler = _sampler(done)
        trial = study.ask()
        parameters = {name: part.suggest(trial, name) for name, part in SPACE.items()}
        try:
            with self._told(trial.number, parameters) as tell:
                value, rmse = self._judge(study, trial, parameters)
                pruned = value is None
                for name, content in (("pruned", pruned), (_RMSE, rmse)):
                    trial.set_user_attr(name, content)
                tell(Tried(trial.number, parameters, value, rmse, pruned))
            # Only a trial that was logged whole is done.
            study.tell(trial, value, TrialState.PRUNED if pruned else TrialState.COMPLETE)
        except BaseException as error:
            trial.set_user_attr(_WHY, repr(error))
            study.tell(trial, state=TrialState.FAIL)
            raise

    def _told(
        self, number: int, parameters: Mapping[str, Any]
    ) -> AbstractContextManager[Callable[[Tried], None]]:
        if self.listener is None:
            return nullcontext(lambda _tried: None)
        return self.listener.trial(number, parameters)

    def _judge(
        self, study: optuna.Study, trial: optuna.Trial, parameters: Mapping[str, Any]
    ) -> tuple[float | None, dict[str, float]]:
        """Return what a trial is worth, None if it is given up, and its RMSE by month."""
        told = {**self.reference, **parameters}
        first = next((each for each in _done(study) if not each.pruned), None)
        rmse: dict[str, float] = {}
        for number, month in enumerate(self.months):
            rmse[month] = self.evaluate(number, told)
            compared = rmse if first is None else first.rmse
            value = fmean(rmse[each] / compared[each] for each in rmse)
            trial.report(value, number)
            if number + 1 < len(self.months) and trial.should_prune():
                return None, rmse
        return value, rmse


def best_of(tried: Sequence[Tried]) -> Tried:
    """Return the best trial; the earliest of several that are as good."""
    whole = [each for each in tried if each.value is not None]
    return min(whole, key=lambda each: (each.value, each.number))


@contextmanager
def _opened(database: Path) -> Iterator[optuna.Study]:
    """Open a study, which is made if it is not there; its file is closed afterwards."""
    import optuna
    from optuna.pruners import MedianPruner
    from optuna.storages import RDBStorage

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    database.parent.mkdir(parents=True, exist_ok=True)
    storage = RDBStorage(f"sqlite:///{database}")
    try:
        yield optuna.create_study(
            storage=storage,
            study_name=_STUDY,
            load_if_exists=True,
            pruner=MedianPruner(n_startup_trials=UNPRUNED_TRIALS),
        )
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _sampler(done: int) -> optuna.samplers.BaseSampler:
    from optuna.samplers import TPESampler

    return TPESampler(seed=SEED + done, n_startup_trials=RANDOM_TRIALS)


def _give_up_unfinished(study: optuna.Study) -> None:
    """End the trials of a process that is gone: one search alone works on a study."""
    from optuna.trial import TrialState

    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _done(study: optuna.Study) -> list[Tried]:
    """Return the trials that are done, oldest first."""
    from optuna.trial import TrialState

    return [
        Tried(
            trial.number,
            trial.params,
            trial.value if trial.state is TrialState.COMPLETE else None,
            trial.user_attrs[_RMSE],
            trial.state is TrialState.PRUNED,
        )
        for trial in study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    ]
