"""How ours grows with the month: the whole command on larger and larger simulated months.

    python -m benchmarks.scale --folder SCRATCH --rows 3000000 20000000 --course 3000000

The course's way is measured beside it, in turn, for the sizes that are named. Two months of that
many trips are simulated in the folder for each size, and removed afterwards.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.pipelines import Case, Outcome, run_course, run_ours
from benchmarks.results import RESULTS, describe, remember
from duration_assets.months import Month
from duration_assets.simulation.writer import simulate_source

SERVICE, MONTH = "yellow", Month(2023, 1)


def case_name(rows: int) -> str:
    """Return what a size is called in the results."""
    return f"{rows:,} simulated yellow trips"


def simulated_trips(case: str) -> int | None:
    """Return the size that a case of the results was measured at, None if it is another case."""
    number, _, rest = case.partition(" ")
    return int(number.replace(",", "")) if rest == "simulated yellow trips" else None


def main() -> None:
    """Measure, print and remember each size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, required=True, help="where months are simulated")
    parser.add_argument("--rows", type=int, nargs="+", required=True)
    parser.add_argument("--course", type=int, nargs="*", default=[], help="sizes for it too")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    for rows in arguments.rows:
        source = arguments.folder.absolute() / str(rows)
        simulate_source(source, [SERVICE], [MONTH, MONTH.shift(1)], rows)
        case = Case(SERVICE, MONTH, source, databases_are_there=True)
        for _ in range(arguments.rounds):
            for way, run in _ways(course=rows in arguments.course).items():
                outcome = run(case)
                remember(arguments.results, case_name(rows), way, outcome)
                print(f"{rows:>12,} trips, {describe(way, outcome)}", flush=True)
        shutil.rmtree(source)


def _ways(*, course: bool) -> dict[str, Callable[[Case], Outcome]]:
    return {"course": run_course, "ours": run_ours} if course else {"ours": run_ours}


if __name__ == "__main__":
    main()
