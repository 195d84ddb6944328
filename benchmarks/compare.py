"""Both ways in turn, several rounds, in one run: what each took, and the ratios.

    python -m benchmarks.compare --service green --month 2023-01 --source FOLDER --rounds 3

Results are added to a file of results, from which `report.py` makes `docs/benchmarks.md`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.pipelines import Case, run_course, run_ours
from benchmarks.results import RESULTS, describe, remember
from duration_assets.months import Month


def main() -> None:
    """Measure, print each round, and remember all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--name", required=True, help="what this case is called in the tables")
    parser.add_argument("--service", default="green")
    parser.add_argument("--month", type=Month.parse, required=True)
    parser.add_argument("--source", type=Path, required=True, help="the folder of published files")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--databases-are-there", action="store_true")
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    case = Case(
        arguments.service,
        arguments.month,
        arguments.source.absolute(),
        arguments.databases_are_there,
    )
    ways = {"ours": run_ours} if arguments.ours_only else {"course": run_course, "ours": run_ours}
    for number in range(1, arguments.rounds + 1):
        for name, run in ways.items():
            outcome = run(case)
            remember(arguments.results, arguments.name, name, outcome)
            print(f"round {number}, {describe(name, outcome)}", flush=True)


if __name__ == "__main__":
    main()
