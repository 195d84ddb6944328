"""A month's predictions in the course's way and in ours, as whole processes, in turn.

    python -m benchmarks.batch --folder SCRATCH --rows 1000000 --rounds 3

Simulated months are written to the folder and both ways are trained on them first, which is not
measured; what is there already is taken as it is. Ours predicts with `metered`, intervals included.
XGBoost alone is measured besides: no way of reading, encoding and writing can be faster.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.measuring import Measured, measure
from benchmarks.pipelines import REPOSITORY
from duration_assets.months import Month
from duration_assets.resources.store import Store
from duration_assets.simulation.writer import simulate_source

SERVICE, TRAINED, PREDICTED = "yellow", Month(2023, 1), Month(2023, 3)
RESULTS = REPOSITORY / "benchmarks" / "batch.json"
COURSE = "course"


@dataclass(frozen=True)
class Took:
    """The medians over the rounds of one way.

    Attributes:
        wall: seconds of the whole process.
        cpu: seconds of all its threads.
        peak: the most memory it held, in bytes.
    """

    wall: float
    cpu: float
    peak: int


@dataclass(frozen=True)
class Folders:
    """Where everything is: the months, the home of ours, the workspace of the course's way."""

    root: Path

    @property
    def months(self) -> Path:
        """The months that are trained on."""
        return self.root / "months"

    @property
    def home(self) -> Path:
        """Our home."""
        return self.root / "home"

    @property
    def workspace(self) -> Path:
        """The course's files."""
        return self.root / "course"

    def trips(self, rows: int) -> Path:
        """The month that is predicted, of so many trips."""
        return self.root / str(rows) / f"{SERVICE}_tripdata_{PREDICTED}.parquet"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of our commands."""
        return {
            "DURATION_HOME": str(self.home),
            "DURATION_SOURCE": str(self.months),
            "DURATION_FIRST_MONTH": str(TRAINED),
            "DURATION_LAST_MONTH": str(TRAINED.shift(1)),
        }


def main() -> None:
    """Prepare, measure, print and remember."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--training-rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    folders = Folders(arguments.folder.absolute())
    _prepare(folders, arguments.training_rows, arguments.rows)
    ways = {COURSE: _course(folders, arguments.rows), "ours": _ours(folders, arguments.rows)}
    rounds: dict[str, list[Measured]] = {name: [] for name in ways}
    for number in range(arguments.rounds):
        for name, command in ways.items():
            measured = measure(command, REPOSITORY, folders.environment)
            rounds[name].append(measured)
            print(f"round {number + 1}, {name}: {_words(_middle([measured]))}", flush=True)
    found = {name: _middle(each) for name, each in rounds.items()}
    for name, took in found.items():
        course = found[COURSE]
        print(
            f"{name}: {_words(took)}; as a share of the course's: wall "
            f"{took.wall / course.wall:.3f}, CPU {took.cpu / course.cpu:.3f}, memory "
            f"{took.peak / course.peak:.3f}"
        )
    alone = xgboost_alone(folders, arguments.rows)
    print(f"XGBoost alone: {alone:.2f} s for the mean and the intervals")
    content = {
        "rows": arguments.rows,
        "rounds": arguments.rounds,
        "ways": {name: asdict(took) for name, took in found.items()},
        "xgboost_alone": alone,
    }
    arguments.results.write_text(json.dumps(content, indent=1) + "\n")


def xgboost_alone(folders: Folders, rows: int) -> float:
    """Return how many seconds XGBoost takes for that many trips that are encoded already."""
    from duration_assets.modelling.model import DurationModel, predict_features
    from duration_assets.modelling.published_rows import open_rows

    store = Store(folders.home / "store")
    partition = store.require(f"{SERVICE}/metered/duration_model", TRAINED, "this benchmark")
    model = DurationModel.load(partition.folder)
    trips = open_rows(folders.trips(rows), model.service, model.preprocessor.feature_set)
    seconds = 0.0
    for batch in trips.batches():
        features = model.preprocessor.transform(batch)
        began = time.perf_counter()
        predict_features(model.booster, model.intervals, features)
        seconds += time.perf_counter() - began
    return seconds


def _prepare(folders: Folders, training_rows: int, rows: int) -> None:
    """Make the months, and train both ways, where it is not done yet."""
    months = [TRAINED, TRAINED.shift(1)]
    simulate_source(folders.months, [SERVICE], months, training_rows)
    simulate_source(folders.trips(rows).parent, [SERVICE], [PREDICTED], rows)
    ours = [sys.executable, "-m", "duration_assets", "train", "--window", "1"]
    # It leaves the course's files where it is started, which must not be the course's folder.
    measure([*ours, "--service", SERVICE, *_training_month()], folders.root, folders.environment)
    folders.workspace.mkdir(exist_ok=True)
    if not (folders.workspace / "mlflow.db").exists():
        script = str(REPOSITORY / "benchmarks" / "course_script.py")
        command = [sys.executable, script, "--service", SERVICE, *_training_month()]
        command += ["--source", str(folders.months), "--workspace", str(folders.workspace)]
        measure(command, folders.workspace)


def _training_month() -> list[str]:
    return ["--year", str(TRAINED.year), "--month", str(TRAINED.month)]


def _course(folders: Folders, rows: int) -> list[str]:
    script = str(REPOSITORY / "benchmarks" / "course_batch.py")
    return [
        *(sys.executable, script, "--trips", str(folders.trips(rows))),
        *("--output", str(folders.root / "course.parquet")),
        *("--workspace", str(folders.workspace)),
    ]


def _ours(folders: Folders, rows: int) -> list[str]:
    return [
        *(sys.executable, "-m", "duration_assets", "predict", str(folders.trips(rows))),
        *(str(folders.root / "ours.parquet"), "--service", SERVICE),
        *("--training-month", str(TRAINED)),
    ]


def _middle(rounds: list[Measured]) -> Took:
    return Took(
        median(each.wall for each in rounds),
        median(each.cpu for each in rounds),
        int(median(each.peak for each in rounds)),
    )


def _words(took: Took) -> str:
    return f"{took.wall:.1f} s wall, {took.cpu:.1f} s CPU, {took.peak / 1e9:.2f} GB"


if __name__ == "__main__":
    main()
