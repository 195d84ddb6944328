"""What it costs to orchestrate: a backfill against the same work by the modelling functions alone.

    python -m benchmarks.orchestration --source FOLDER --from 2021-01 --to 2023-12

The backfill is the command, from an empty home, with Dagster, its daemon, MLflow and a process for
each run. Beside it, in turn, the same functions make the same months in warm processes, as many
side by side as the backfill has runs (`modelling_alone.py`). Results are added to a file, from
which `report.py` makes its table.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import wrap

from dagster import DagsterInstance

from benchmarks.measuring import measure
from benchmarks.modelling_alone import Work, parser_of, work_alone, work_given
from benchmarks.pipelines import REPOSITORY, steps_of_run
from duration_assets.months import Month

RESULTS = REPOSITORY / "benchmarks" / "orchestration.json"
RUNS_AT_ONCE = 2
"""As the shipped `dagster.yaml` has it."""
GROUPS = {
    "data": ("raw_trips", "cleaned_trips", "zone_statistics"),
    "models": ("training_matrix", "duration_model"),
    "evaluations": ("validation_matrix", "evaluation"),
}

_EXPLAINED = """One backfill command from an empty home, against the modelling functions alone in
warm processes, the same months and as many side by side as the backfill has runs, with one thread
each. Seconds are of each of the places for a run, so two for each second of the clock."""


@dataclass(frozen=True)
class Backfilled:
    """Where the time of a backfill went; all but `wall` are seconds of a place among the runs.

    Attributes:
        wall: seconds of the whole command.
        runs: how many runs ended in each way.
        steps: inside the steps, by group.
        starting: from the launch of a run to its first step: its process and its imports.
        ending: of runs, outside the steps and after the first.
        empty: in which no run was launched, though there was a place for one.
    """

    wall: float
    runs: dict[str, int]
    steps: dict[str, float]
    starting: float
    ending: float
    empty: float


def backfill(work: Work) -> Backfilled:
    """Make all months by the command, in a new home in the work's folder of results.

    Raises:
        RuntimeError: if the command fails, which it does if any month was not made.
    """
    home = work.results / "home"
    command = [
        *(sys.executable, "-m", "duration_assets", "backfill", "--json"),
        *("--from", str(work.first), "--to", str(work.last)),
    ]
    environment = {
        "DURATION_HOME": str(home),
        "DURATION_SOURCE": str(work.source),
        "DURATION_FIRST_MONTH": str(work.first),
        "DURATION_LAST_MONTH": str(work.last),
        "DURATION_WINDOW": str(work.window),
    }
    measured = measure(command, work.results, environment)
    return _account(home, measured.wall)


def _account(home: Path, wall: float) -> Backfilled:
    """Add up what Dagster wrote down of a home's runs."""
    ends: Counter[str] = Counter()
    steps = dict.fromkeys(GROUPS, 0.0)
    starting = held = 0.0
    with DagsterInstance.from_config(str(home / "dagster")) as instance:
        for run in instance.get_runs():
            ends[run.status.value] += 1
            launched, ended = _times_of(instance, run.run_id)
            done = steps_of_run(instance, run.run_id)
            for key, step_began, step_ended in done:
                steps[_group_of(key)] += step_ended - step_began
            starting += min(step_began for _, step_began, _ in done) - launched
            held += ended - launched
    return Backfilled(
        wall=wall,
        runs=dict(ends),
        steps=steps,
        starting=starting,
        ending=held - starting - sum(steps.values()),
        empty=RUNS_AT_ONCE * wall - held,
    )


def _times_of(instance: DagsterInstance, run_id: str) -> tuple[float, float]:
    """Return when a run was launched and when it ended."""
    stats = instance.get_run_stats(run_id)
    assert stats.launch_time is not None
    assert stats.end_time is not None
    return stats.launch_time, stats.end_time


def _group_of(step: str) -> str:
    """Return the group of an asset's step, `green__metered__evaluation`."""
    return next(group for group, names in GROUPS.items() if step.endswith(names))


def main() -> None:
    """Measure both, print and remember."""
    parser = parser_of(__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        made = backfill(work_given(given, Path(scratch)))
    print(made, flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        alone = work_alone(work_given(given, Path(scratch)), RUNS_AT_ONCE)
    print(alone, f"ratio {made.wall / sum(alone.values()):.2f}", flush=True)
    remember(given.results, given.first, given.last, made, alone)


def section(path: Path) -> str:
    """Return the part of the page of benchmarks that tells of the rounds in a file of results.

    A round may have a `note`, written by hand, of what it was measured beside.
    """
    parts = ["## What orchestration costs", "", _EXPLAINED, ""]
    for each in json.loads(path.read_text()):
        made, alone = Backfilled(**each["backfill"]), each["alone"]
        parts += [f"{each['first']} to {each['last']}, runs: {_ends(made)}.", ""]
        parts += [*_table(made, alone), ""]
        parts += [*wrap(each["note"], 100), ""] if "note" in each else []
    return "\n".join(parts)


def _ends(made: Backfilled) -> str:
    return ", ".join(f"{count} {status}" for status, count in made.runs.items())


def _table(made: Backfilled, alone: dict[str, float]) -> list[str]:
    whole = sum(alone.values())
    lines = ["| | backfill, s | alone, s |", "|---|---|---|"]
    lines += [
        f"| in the steps of {group} | {seconds:.0f} | {RUNS_AT_ONCE * alone[group]:.0f} |"
        for group, seconds in made.steps.items()
    ]
    rest = (
        ("from the launch of a run to its first step", made.starting),
        ("of runs, between and after the steps", made.ending),
        ("places without a run", made.empty),
    )
    lines += [f"| {name} | {seconds:.0f} | |" for name, seconds in rest]
    return [
        *lines,
        f"| all, of {RUNS_AT_ONCE} places | {RUNS_AT_ONCE * made.wall:.0f} | "
        f"{RUNS_AT_ONCE * whole:.0f} |",
        f"| wall | **{made.wall:.0f}** | **{whole:.0f}**: {made.wall / whole:.2f} times as long |",
    ]


def remember(
    path: Path, first: Month, last: Month, made: Backfilled, alone: dict[str, float]
) -> None:
    """Add a round to the file of results."""
    rounds = json.loads(path.read_text()) if path.exists() else []
    span = {"first": str(first), "last": str(last)}
    rounds.append({**span, "backfill": asdict(made), "alone": alone})
    path.write_text(json.dumps(rounds, indent=1) + "\n")


if __name__ == "__main__":
    main()
