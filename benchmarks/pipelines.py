"""The two ways from published files to a logged model, each measured on a new home of its own."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import Measured, measure
from duration_assets.months import Month

if TYPE_CHECKING:
    from dagster import DagsterInstance

REPOSITORY = Path(__file__).resolve().parent.parent
MATRIX_STEPS = ("training_matrix", "validation_matrix")
ASSETS = (
    "raw_trips",
    "cleaned_trips",
    "zone_statistics",
    "training_matrix",
    "duration_model",
    "validation_matrix",
    "evaluation",
)


_COURSE_DATABASE = (
    "import sys, mlflow; mlflow.set_tracking_uri(f'sqlite:///{sys.argv[1]}/mlflow.db'); "
    "mlflow.set_experiment('nyc-taxi-experiment')"
)
_OUR_DATABASES = (
    "from duration_assets.home import open_home; from duration_assets.settings import Settings; "
    "open_home(Settings.load()).dispose()"
)


@dataclass(frozen=True)
class Case:
    """What is trained.

    Attributes:
        service: the service.
        month: the training month.
        source: the folder of the published files.
        databases_are_there: whether MLflow's and Dagster's empty databases are made beforehand, as
            in every month but the first.
    """

    service: str
    month: Month
    source: Path
    databases_are_there: bool = False


@dataclass(frozen=True)
class Outcome:
    """What one way took.

    Attributes:
        wall: seconds of the whole process.
        cpu: seconds of all its threads.
        peak: the most memory it held, in bytes.
        to_matrix: seconds until both matrices, of training and validation, were finished.
        rmse: on the validation month, in minutes.
        stages: seconds by stage, in order; they add up to `wall`.
    """

    wall: float
    cpu: float
    peak: int
    to_matrix: float
    rmse: float
    stages: dict[str, float]


def run_course(case: Case) -> Outcome:
    """Run the course's way."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            *(sys.executable, str(REPOSITORY / "benchmarks" / "course_script.py")),
            *("--year", str(case.month.year), "--month", str(case.month.month)),
            *("--service", case.service, "--source", str(case.source), "--workspace", scratch),
        ]
        if case.databases_are_there:
            measure([sys.executable, "-c", _COURSE_DATABASE, scratch], Path(scratch))
        measured = measure(command, Path(scratch))
    result = json.loads(measured.output.splitlines()[-1])
    stages: dict[str, float] = result["stages"]
    stages = {"start-up and imports": measured.wall - sum(stages.values()), **stages}
    last = list(stages)[-1]
    return _outcome(measured, measured.wall - stages[last], result["rmse"], stages)


def run_ours(case: Case, window: int = 1) -> Outcome:
    """Run the command of this project, with `metered`, all that Dagster and MLflow do included."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        command = [
            *(sys.executable, "-m", "duration_assets", "train", "--json"),
            *("--year", str(case.month.year), "--month", str(case.month.month)),
            *("--service", case.service, "--window", str(window)),
        ]
        environment = {
            "DURATION_HOME": str(home),
            "DURATION_SOURCE": str(case.source),
            "DURATION_FIRST_MONTH": str(case.month.shift(1 - window)),
        }
        if case.databases_are_there:
            measure([sys.executable, "-c", _OUR_DATABASES], Path(scratch), environment)
        measured = measure(command, Path(scratch), environment)
        steps = _steps(home)
    result = json.loads(measured.output.splitlines()[-1])
    first = min(start for _, start, _ in steps)
    stages = {"start-up, imports, databases": first - measured.began}
    for name, start, end in steps:
        stages[name] = stages.get(name, 0.0) + end - start
    stages["between the steps, and the end"] = measured.wall - sum(stages.values())
    matrix, validation = (
        next((start, end) for name, start, end in steps if name == wanted)
        for wanted in MATRIX_STEPS
    )
    to_matrix = matrix[1] - measured.began + validation[1] - validation[0]
    return _outcome(measured, to_matrix, result["metrics"]["rmse"], stages)


def _outcome(
    measured: Measured, to_matrix: float, rmse: float, stages: dict[str, float]
) -> Outcome:
    return Outcome(measured.wall, measured.cpu, measured.peak, to_matrix, rmse, stages)


def _stage(step: str) -> str:
    """Return the name of an asset's step; the steps of the checks count together."""
    return step if step in ASSETS else "checks"


def _steps(home: Path) -> list[tuple[str, float, float]]:
    """Return name, start and end of each step, in time, as Dagster wrote them down."""
    from dagster import DagsterInstance

    with DagsterInstance.from_config(str(home / "dagster")) as instance:
        found = [
            (_stage(key.rpartition("__")[2]), began, ended)
            for run in instance.get_runs()
            for key, began, ended in steps_of_run(instance, run.run_id)
        ]
    return sorted(found, key=lambda step: step[1])


def steps_of_run(instance: DagsterInstance, run_id: str) -> list[tuple[str, float, float]]:
    """Return key, start and end of each step of a run that is over, as Dagster wrote them down."""
    found = []
    for step in instance.get_run_step_stats(run_id):
        assert step.start_time is not None
        assert step.end_time is not None
        found.append((step.step_key, step.start_time, step.end_time))
    return found
