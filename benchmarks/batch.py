"""Predictions for many trips in the course's way and in ours, as whole processes, in turn.

    python -m benchmarks.batch --folder SCRATCH --source FOLDER --rows 1000000 --rounds 3

FOLDER holds real green months. The course's model and three of ours are trained on them first,
which is not measured: the course's own model, `metered` of one month as the course's is, and
`metered` of twelve. Then each predicts the same trips. What is in the scratch folder already is
taken as it is.
Without a source, yellow months are simulated, of any size, for one model of each.

XGBoost alone is measured for each of ours: no way of reading, encoding and writing can be faster.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import polars as pl

from benchmarks.measuring import Measured, measure
from benchmarks.pipelines import REPOSITORY
from benchmarks.xgboost_alone import xgboost_alone
from duration_assets.months import Month
from duration_assets.simulation.writer import simulate_source

COURSE = "course"
BATCH_SCRIPT = REPOSITORY / "benchmarks" / "course_batch.py"
TRAINING_SCRIPT = REPOSITORY / "benchmarks" / "course_script.py"


@dataclass(frozen=True)
class OurModel:
    """A model of ours that predicts.

    Attributes:
        name: what it is called in the results.
        feature_set: its feature set.
        window: how many months it is trained on.
        month: the last of them; no two of a feature set have the same.
    """

    name: str
    feature_set: str
    window: int
    month: Month


SIMULATED_MONTHS = (Month(2023, 1), Month(2023, 2))
REAL = (
    OurModel("ours, the course's model", COURSE, 1, Month(2023, 1)),
    OurModel("ours, metered of 1 month", "metered", 1, Month(2023, 1)),
    OurModel("ours, metered of 12 months", "metered", 12, Month(2023, 2)),
)
SIMULATED = (OurModel("ours, metered of 1 month", "metered", 1, SIMULATED_MONTHS[0]),)


@dataclass(frozen=True)
class Took:
    """The medians over the rounds of one way.

    Attributes:
        wall: seconds of the whole process.
        cpu: seconds of all its threads.
        peak: the most memory it held, in bytes.
        alone: seconds that XGBoost alone takes for the same predictions; None of the course's way.
    """

    wall: float
    cpu: float
    peak: int
    alone: float | None = None


@dataclass(frozen=True)
class Benchmark:
    """What is predicted by what, and where it lies.

    Attributes:
        root: the scratch folder.
        service: whose trips they are.
        months: the folder of the months that are trained on.
        rows: how many trips are predicted.
        models: those of ours.
    """

    root: Path
    service: str
    months: Path
    rows: int
    models: tuple[OurModel, ...]

    @property
    def home(self) -> Path:
        """Our home."""
        return self.root / "home"

    @property
    def workspace(self) -> Path:
        """The course's files."""
        return self.root / "course"

    @property
    def trips(self) -> Path:
        """The file that is predicted."""
        return self.root / str(self.rows) / f"{self.service}_tripdata_2023-03.parquet"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of our commands."""
        return {
            "DURATION_HOME": str(self.home),
            "DURATION_SOURCE": str(self.months),
            "DURATION_LAST_MONTH": str(max(each.month for each in self.models).shift(1)),
        }


def main() -> None:
    """Prepare, measure, print and, if asked to, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, required=True, help="scratch, kept")
    parser.add_argument("--source", type=Path, help="real green months from 2021-01 on")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--training-rows", type=int, default=60_000, help="of a simulated month")
    parser.add_argument("--results", type=Path, help="a JSON file to write")
    arguments = parser.parse_args()
    benchmark = _prepared(
        arguments.folder.absolute(), arguments.source, arguments.rows, arguments.training_rows
    )
    found = _measured(benchmark, arguments.rounds)
    for name, took in found.items():
        print(_compared(name, took, found[COURSE]))
    if arguments.results:
        ways = {name: asdict(took) for name, took in found.items()}
        content = {"rows": arguments.rows, "rounds": arguments.rounds, "ways": ways}
        arguments.results.write_text(json.dumps(content, indent=1) + "\n")


def _prepared(root: Path, source: Path | None, rows: int, training_rows: int) -> Benchmark:
    """Make the trips, and train all ways, where it is not done yet."""
    if source is None:
        benchmark = Benchmark(root, "yellow", root / "months", rows, SIMULATED)
        simulate_source(benchmark.months, ["yellow"], list(SIMULATED_MONTHS), training_rows)
        simulate_source(benchmark.trips.parent, ["yellow"], [Month(2023, 3)], rows)
    else:
        benchmark = Benchmark(root, "green", source.absolute(), rows, REAL)
        _gather(benchmark)
    for model in benchmark.models:
        # It leaves the course's files where it is started, which must not be the course's folder.
        measure(_ours(benchmark, model, "train"), root, benchmark.environment)
    benchmark.workspace.mkdir(exist_ok=True)
    if not (benchmark.workspace / "mlflow.db").exists():
        command = [sys.executable, str(TRAINING_SCRIPT), "--service", benchmark.service]
        command += ["--source", str(benchmark.months), "--workspace", str(benchmark.workspace)]
        measure([*command, *_year_and_month(benchmark.models[0].month)], benchmark.workspace)
    return benchmark


def _gather(benchmark: Benchmark) -> None:
    """Put the real trips from 2021-01 on into one file, as many as are asked for.

    Raises:
        FileNotFoundError: if the months do not have so many.
    """
    if benchmark.trips.exists():
        return
    month, months, missing = Month(2021, 1), [], benchmark.rows
    while missing > 0:
        path = benchmark.months / f"{benchmark.service}_tripdata_{month}.parquet"
        months.append(pl.read_parquet(path).head(missing))
        missing -= len(months[-1])
        month = month.shift(1)
    benchmark.trips.parent.mkdir(parents=True, exist_ok=True)
    # One group of rows, as TLC's files have for each million.
    trips = pl.concat(months, how="diagonal_relaxed")
    trips.write_parquet(benchmark.trips, row_group_size=benchmark.rows)


def _measured(benchmark: Benchmark, rounds: int) -> dict[str, Took]:
    """Let each way predict the trips once in each round."""
    ways = {COURSE: _course(benchmark)}
    ways |= {each.name: _ours(benchmark, each, "predict") for each in benchmark.models}
    measured: dict[str, list[Measured]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, command in ways.items():
            one = measure(command, REPOSITORY, benchmark.environment)
            measured[name].append(one)
            print(f"round {number + 1}, {name}: {_words(_middle([one], None))}", flush=True)
    alone = {each.name: _alone(benchmark, each) for each in benchmark.models}
    return {name: _middle(each, alone.get(name)) for name, each in measured.items()}


def _alone(benchmark: Benchmark, model: OurModel) -> float:
    asset = f"{benchmark.service}/{model.feature_set}/duration_model"
    return xgboost_alone(benchmark.home / "store", asset, model.month, benchmark.trips)


def _course(benchmark: Benchmark) -> list[str]:
    return [
        *(sys.executable, str(BATCH_SCRIPT), "--trips", str(benchmark.trips)),
        *("--output", str(benchmark.root / "course.parquet")),
        *("--workspace", str(benchmark.workspace)),
    ]


def _ours(benchmark: Benchmark, model: OurModel, command: str) -> list[str]:
    """Return the command that trains one of our models, or predicts with it."""
    ours = [sys.executable, "-m", "duration_assets", command]
    ours += ["--service", benchmark.service, "--feature-set", model.feature_set]
    if command == "train":
        return [*ours, "--window", str(model.window), *_year_and_month(model.month)]
    output = benchmark.root / "ours.parquet"
    return [*ours, "--training-month", str(model.month), str(benchmark.trips), str(output)]


def _year_and_month(month: Month) -> list[str]:
    return ["--year", str(month.year), "--month", str(month.month)]


def _middle(rounds: list[Measured], alone: float | None) -> Took:
    return Took(
        median(each.wall for each in rounds),
        median(each.cpu for each in rounds),
        int(median(each.peak for each in rounds)),
        alone,
    )


def _compared(name: str, took: Took, course: Took) -> str:
    alone = "" if took.alone is None else f"; XGBoost alone {took.alone:.2f} s"
    return (
        f"{name}: {_words(took)}; the course takes {course.wall / took.wall:.1f} times as long, "
        f"ours {took.peak / course.peak:.3f} of its memory{alone}"
    )


def _words(took: Took) -> str:
    return f"{took.wall:.1f} s wall, {took.cpu:.1f} s CPU, {took.peak / 1e9:.2f} GB"


if __name__ == "__main__":
    main()
