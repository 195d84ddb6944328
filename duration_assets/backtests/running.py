"""Carrying out a backtest: what was tried before is read, the rest is made side by side."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import filelock

from duration_assets.backtests.planning import Trial, usual_of
from duration_assets.backtests.processes import Call, each_in_a_process
from duration_assets.backtests.results import ResultFolder
from duration_assets.backtests.sharing import share_out
from duration_assets.backtests.trial_process import Work, fit_and_judge
from duration_assets.errors import HomeError, PartitionLockedError
from duration_assets.modelling.backtesting import Score
from duration_assets.settings import Settings

FOLDER = "backtests"
"""In the home: results, reports, and what is there while trials work."""


class Display(Protocol):
    """Shows how far a backtest is."""

    def say(self, line: str) -> None:
        """Show a line that stays."""

    def count(self, done: int, failed: int, total: int) -> None:
        """Show how many trials are done, and how many failed, of all."""


@dataclass(frozen=True)
class Failure:
    """A trial that failed, and why in one line."""

    trial: Trial
    why: str


@dataclass(frozen=True)
class Tried:
    """What became of the trials of a backtest.

    Attributes:
        scores: of those that went well, in the order of the trials.
        failures: the others.
        made: how many scores were made now; the others were there before.
    """

    scores: list[Score]
    failures: list[Failure]
    made: int


def try_all(
    trials: Sequence[Trial], settings: Settings, jobs: int | None, display: Display
) -> Tried:
    """Make what was not made before, each trial in a process of its own.

    Each result is written as soon as it is there: an interruption loses what was being made alone.

    Args:
        trials: what to try.
        settings: the home, and how many threads there are.
        jobs: how many trials work side by side at most; None for as many as there are threads.
        display: told how far it is.

    Raises:
        PartitionLockedError: if another backtest makes something in this home.
        StoreError: if the disk is full, or a result is damaged.
        KeyboardInterrupt: with what was not finished, if a person stops it.
    """
    results = ResultFolder(settings.home / FOLDER / "results")
    # Candidates whose windows were cut to the same months are one trial.
    asked = {trial.key: trial for trial in trials}
    left = {key: trial for key, trial in asked.items() if results.find(trial) is None}
    display.count(len(asked) - len(left), 0, len(asked))
    errors: dict[str, str] = {}
    if left:
        try:
            errors = _make(left, len(asked), results, settings, jobs, display)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("the backtest") from None
    found = [(trial, results.find(trial)) for trial in trials]
    return Tried(
        [score for _, score in found if score is not None],
        [Failure(trial, errors[trial.key]) for trial, score in found if score is None],
        len(left) - len(errors),
    )


def _make(
    left: Mapping[str, Trial],
    total: int,
    results: ResultFolder,
    settings: Settings,
    jobs: int | None,
    display: Display,
) -> dict[str, str]:
    """Make trials and save their results; return what is wrong with those that failed."""
    share = share_out(list(left.values()), settings.threads, jobs)
    done, errors = total - len(left), dict[str, str]()
    with scratch_folder(settings.home / FOLDER) as scratch:
        calls: dict[str, Call] = {
            key: (fit_and_judge, (work_of(trial, settings, share.threads, scratch),))
            for key, trial in left.items()
        }
        with closing(each_in_a_process(calls, share.at_once)) as ends:
            for ended in ends:
                trial = left[ended.name]
                if ended.error is None:
                    results.save(trial, ended.value)
                    done += 1
                    display.say(_in_words(trial, ended.value))
                else:
                    errors[ended.name] = ended.error
                    display.say(f"{trial.name} failed: {ended.details or ended.error}")
                display.count(done, len(errors), total)
    return errors


def _in_words(trial: Trial, score: Mapping[str, Any]) -> str:
    rmse, seconds = score["metrics"]["rmse"], score["seconds"]
    return f"{trial.name}: RMSE {rmse:.5f} ({score['rounds']} rounds, {seconds:.1f} s)"


def work_of(trial: Trial, settings: Settings, threads: int, scratch: Path) -> Work:
    """Return what the process of a trial is told."""
    return Work(
        trial.candidate.feature_set,
        trial.window,
        trial.judged,
        usual_of(trial.candidate, settings),
        settings.max_training_rows,
        threads,
        scratch,
        dict(trial.candidate.parameters.overrides),
    )


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """Keep other backtests away, and hand out an empty folder that is gone afterwards.

    One backtest takes all cores. What one that was killed has left is removed by the next.

    Raises:
        PartitionLockedError: if another backtest is at work.
        HomeError: if the folder cannot be written.
    """
    scratch = folder / "scratch"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".lock").touch()
    except OSError as error:
        raise HomeError(
            f"{folder} cannot be written ({error.strerror}), which is where a backtest keeps its "
            "results: set DURATION_HOME to a home that can be."
        ) from error
    try:
        with filelock.FileLock(folder / ".lock", timeout=0):
            try:
                shutil.rmtree(scratch, ignore_errors=True)
                scratch.mkdir()
                yield scratch
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    except filelock.Timeout:
        raise PartitionLockedError(
            f"Another backtest is at work in {folder}: wait until it is done, or stop it."
        ) from None
