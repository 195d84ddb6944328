"""What the fit of a model takes beside the course's, which trains on one month.

    DURATION_HOME=HOME python -m benchmarks.fitting --month 2023-06 --window 12 --rounds 3

Only the fits are measured, of matrices that are encoded and in files: XGBoost's reading of them,
and its trees. Each is in a process of its own, in turn: the course's model of the month before
MONTH, the mean of ours on the window before it, and ours with its intervals. Prints a table in
Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measuring import values_by_name
from duration_assets.backtests.planning import Trial, plan_trials
from duration_assets.backtests.running import FOLDER, scratch_folder, work_of
from duration_assets.backtests.trial_process import Work, encoded
from duration_assets.modelling.backtesting import YARDSTICK, Candidate
from duration_assets.months import Month
from duration_assets.settings import Settings

COURSE, MEAN, INTERVALS = "course", "mean", "mean and intervals"


@dataclass(frozen=True)
class Took:
    """What one fit took.

    Attributes:
        wall: seconds.
        cpu: seconds of all threads.
        rounds: trees of the mean.
        trips: in the window.
    """

    wall: float
    cpu: float
    rounds: int
    trips: int


def measure(work: Work, with_intervals: bool) -> Took:
    """Encode, which is not measured, and fit; for a process of its own."""
    with encoded(work) as trial:
        from duration_assets.modelling.training import fit_parts

        wall, cpu = time.perf_counter(), time.process_time()
        fitted = fit_parts(
            trial.parts, work.threads, work.parameters, with_intervals=with_intervals
        )
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Took(wall, cpu, fitted.rounds, trial.training_trips)


def one_round(trials: Sequence[Trial], settings: Settings) -> dict[str, Took]:
    """Measure each way once, one after the other.

    Raises:
        RuntimeError: if one fails, with the reason.
    """
    with scratch_folder(settings.home / FOLDER) as scratch:
        course, ours = (work_of(trial, settings, settings.threads, scratch) for trial in trials)
        calls = {
            COURSE: (measure, (course, False)),
            MEAN: (measure, (ours, False)),
            INTERVALS: (measure, (ours, True)),
        }
        return values_by_name(calls, at_once=1)


def as_table(rounds: Sequence[dict[str, Took]]) -> str:
    """Return the medians over the rounds as a table, with shares of the course's."""
    lines = [
        "| fit | trips | rounds | wall, s | CPU, s | times the course's wall |",
        "|---" * 6 + "|",
    ]
    course = statistics.median(each[COURSE].wall for each in rounds)
    for name, took in rounds[0].items():
        wall = statistics.median(each[name].wall for each in rounds)
        cpu = statistics.median(each[name].cpu for each in rounds)
        lines.append(
            f"| {name} | {took.trips:,} | {took.rounds} | {wall:.1f} | {cpu:.1f} | "
            f"{wall / course:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--month", type=Month.parse, required=True, help="the validation month")
    parser.add_argument("--service", default="green")
    parser.add_argument("--feature-set", default="metered")
    parser.add_argument("--window", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    settings = Settings.load(services=[given.service], feature_sets=[given.feature_set])
    candidates = [Candidate(YARDSTICK, 1), Candidate(given.feature_set, given.window)]
    trials = plan_trials(candidates, given.month, given.month, given.service, settings)
    print(as_table([one_round(trials, settings) for _ in range(given.rounds)]))


if __name__ == "__main__":
    main()
