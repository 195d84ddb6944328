"""How ours grows with the month: the whole command on larger and larger simulated months.

    python -m benchmarks.scale --folder SCRATCH --rows 3000000 20000000

Two months of that many trips are simulated in the folder for each size, and removed afterwards.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from benchmarks.pipelines import Case, run_ours
from benchmarks.results import RESULTS, describe, remember
from duration_assets.months import Month
from duration_assets.simulation.writer import simulate_source

SERVICE, MONTH = "yellow", Month(2023, 1)


def case_name(rows: int) -> str:
    """Return what a size is called in the results."""
    return f"{rows:,} simulated yellow trips"


def main() -> None:
    """Measure, print and remember each size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, required=True, help="where months are simulated")
    parser.add_argument("--rows", type=int, nargs="+", required=True)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    for rows in arguments.rows:
        source = arguments.folder.absolute() / str(rows)
        simulate_source(source, [SERVICE], [MONTH, MONTH.shift(1)], rows)
        outcome = run_ours(Case(SERVICE, MONTH, source, databases_are_there=True))
        remember(arguments.results, case_name(rows), "ours", outcome)
        print(f"{rows:>12,} trips, {describe('ours', outcome)}", flush=True)
        shutil.rmtree(source)


if __name__ == "__main__":
    main()
