"""How many trials work side by side, so that neither the cores nor the memory are short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from duration_assets.backtests.planning import Trial
from duration_assets.modelling.backtesting import YARDSTICK

# Measured peaks: 0.30 GB for 66 thousand trips, 0.41 for 489 thousand; and with Dagster and MLflow
# beside it 4.53 for 20 million.
_BASE, _BYTES = 300e6, 260.0
# The course's deep trees on thousands of columns: 0.60 GB for 66 thousand trips, 2.07 for 245
# thousand, and 9.2 for 3 million as its script has them.
_BYTES_FOR_COURSE, _MOST_FOR_COURSE = 8_000.0, 10e9


@dataclass(frozen=True)
class Share:
    """What trials get of the machine.

    Attributes:
        at_once: how many work side by side.
        threads: how many threads each has.
    """

    at_once: int
    threads: int


def share_out(
    trials: Sequence[Trial], threads: int, jobs: int | None, free: int | None = None
) -> Share:
    """Share the machine out.

    One thread for each trial does most in all, because not everything that a trial does can be
    shared among threads; but more trials at once than fit into memory would do nothing at all.

    Args:
        trials: at least one.
        threads: how many threads there are in all.
        jobs: how many trials work side by side at most; None for as many as fit.
        free: bytes of memory that are free, in place of the machine's.
    """
    most = max(memory_of(trial) for trial in trials)
    if free is None:
        free = psutil.virtual_memory().available
    fitting = max(1, int(free // most))
    at_once = min(jobs or threads, threads, len(trials), fitting)
    return Share(at_once, threads // at_once)


def memory_of(trial: Trial) -> float:
    """Return about how many bytes a trial with the usual parameters takes at most."""
    trips = sum(month.kept for month in trial.window)
    if trial.candidate.feature_set == YARDSTICK:
        return min(_BASE + _BYTES_FOR_COURSE * trips, _MOST_FOR_COURSE)
    return _BASE + _BYTES * trips
