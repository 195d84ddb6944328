"""Writes `docs/benchmarks.md` and its chart from the file of results.

python -m benchmarks.report
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks import orchestration
from benchmarks.pipelines import REPOSITORY, Outcome
from benchmarks.results import RESULTS, Rounds, middle, recall
from benchmarks.scale import simulated_trips

DOCUMENT = REPOSITORY / "docs" / "benchmarks.md"
CHART = REPOSITORY / "docs" / "images" / "benchmarks.png"
WAYS = ("course", "ours")
FIGURES: tuple[tuple[str, str, Callable[[Outcome], float]], ...] = (
    ("Wall time", "seconds", lambda outcome: outcome.wall),
    ("Peak memory", "GB", lambda outcome: outcome.peak / 1e9),
)

INTRODUCTION = """# Benchmarks

What the course's way takes (`benchmarks/course_script.py`, written from its description, MLflow's
logging included) and what ours takes, as whole processes, in turn in one run: from the published
files to a judged model in MLflow, in a new folder each time. Ours is the command
`duration-prediction`, with `metered` and a window of one month, and all that Dagster and MLflow do.
The empty databases of MLflow and Dagster are made beforehand for both ways, as in every month but
the first. Ours includes what the course's has not: intervals, their calibration, and an evaluation
report. Figures are medians over the rounds. Machines differ: compare ratios.

Measured on {cores} cores ({machine}), Python {python}. This page is made by `python -m
benchmarks.report` from `benchmarks/results.json`.
"""

COMMANDS = """
## Commands

```
python -m benchmarks.compare --name "real green month" --month 2023-01 --source FOLDER --rounds 5 \\
  --databases-are-there
python -m benchmarks.scale --folder SCRATCH --rows 100000 1000000 3000000 20000000 \\
  --course 3000000 --rounds 3
python -m benchmarks.orchestration --source FOLDER --from 2021-01 --to 2023-12
python -m benchmarks.report
```

`compare` takes any folder of months, also simulated ones, and `--service`; without
`--databases-are-there` both ways make their databases in the time that is measured. Results are
added to `benchmarks/results.json`; remove it to begin anew.
"""


def main() -> None:
    """Write the page and the chart."""
    rounds = recall(RESULTS)
    compared = {case: ways for case, ways in rounds.items() if set(ways) == set(WAYS)}
    sizes = {case: size for case in rounds if (size := simulated_trips(case)) is not None}
    grown = {case: rounds[case]["ours"] for case in sorted(sizes, key=lambda case: sizes[case])}
    introduction = INTRODUCTION.format(
        cores=os.cpu_count(), machine=platform.machine(), python=platform.python_version()
    )
    parts = [
        introduction,
        _comparison(compared),
        *_stages(compared),
        _growth(grown, sizes),
        *_orchestration(),
        COMMANDS,
    ]
    DOCUMENT.write_text("\n".join(parts))
    published = {case: ways for case, ways in compared.items() if case not in sizes}
    _draw({**published, **{case: rounds[case] for case in grown}}, CHART)


def _orchestration() -> list[str]:
    """Return the part on backfills, if there is one that was measured."""
    there = orchestration.RESULTS.exists()
    return [orchestration.section(orchestration.RESULTS)] if there else []


def _comparison(compared: Rounds) -> str:
    lines = [
        "## Side by side",
        "",
        "| case | rounds | | wall, s | CPU, s | peak memory, GB | matrices after, s | RMSE, min |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case, ways in compared.items():
        course, ours = (middle(ways[way]) for way in WAYS)
        for way, outcome in (("course", course), ("ours", ours)):
            lines.append(f"| {case} | {len(ways[way])} | {way} | {_figures(outcome)} |")
        lines.append(
            f"| | | ratio | **{ours.wall / course.wall:.2f}** | {ours.cpu / course.cpu:.2f} | "
            f"**{ours.peak / course.peak:.2f}** | **{ours.to_matrix / course.to_matrix:.2f}** | "
            f"{ours.rmse / course.rmse:.3f} |"
        )
    return "\n".join([*lines, ""])


def _stages(compared: Rounds) -> list[str]:
    tables = [
        _stage_table(f"{case}, {way}", middle(ways[way]))
        for case, ways in compared.items()
        for way in WAYS
    ]
    return ["## Where the time goes\n", *tables]


def _stage_table(title: str, outcome: Outcome) -> str:
    lines = [f"| {title} | s | share |", "|---|---|---|"]
    lines += [
        f"| {name} | {seconds:.2f} | {seconds / outcome.wall:.0%} |"
        for name, seconds in outcome.stages.items()
    ]
    return "\n".join([*lines, ""])


def _growth(grown: dict[str, list[Outcome]], sizes: dict[str, int]) -> str:
    lines = [
        "## How ours grows",
        "",
        "Trees are made in fewer rounds of up to 100,000 trips, and of more than a million (see",
        "[decisions.md](decisions.md)): a trip costs most just below that.",
        "",
        "| case | rounds | wall, s | CPU, s | peak memory, GB | matrices after, s | RMSE, min | "
        "wall, s for a million trips |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case, rounds in grown.items():
        outcome = middle(rounds)
        each = outcome.wall / sizes[case] * 1e6
        lines.append(f"| {case} | {len(rounds)} | {_figures(outcome)} | {each:.1f} |")
    parts = ["", "![Wall time and memory of both ways](images/benchmarks.png)", ""]
    largest = list(grown)[-1:]
    for case in largest:
        parts += [_stage_table(f"{case}, ours", middle(grown[case]))]
    return "\n".join([*lines, *parts])


def _figures(outcome: Outcome) -> str:
    return (
        f"{outcome.wall:.1f} | {outcome.cpu:.1f} | {outcome.peak / 1e9:.2f} | "
        f"{outcome.to_matrix:.1f} | {outcome.rmse:.4f}"
    )


def _draw(rounds: Rounds, path: Path) -> None:
    """Draw wall time and memory by case, a bar for each way."""
    figure = Figure(figsize=(11, 4), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    cases = list(rounds)
    for position, (title, unit, figure_of) in enumerate(FIGURES, start=1):
        axes = figure.add_subplot(1, len(FIGURES), position)
        for offset, way in ((-0.2, "course"), (0.2, "ours")):
            there = [index for index, case in enumerate(cases) if way in rounds[case]]
            values = [figure_of(middle(rounds[cases[index]][way])) for index in there]
            axes.barh([index + offset for index in there], values, height=0.38, label=way)
        axes.set(title=title, xlabel=unit, yticks=range(len(cases)))
        axes.set_yticklabels(cases if position == 1 else [""] * len(cases))
        axes.invert_yaxis()
        axes.legend()
    figure.savefig(path, format="png", metadata={"Software": None})


if __name__ == "__main__":
    main()
