from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from duration_assets.backtests.planning import Trial
from duration_assets.backtests.trial_process import MonthFiles
from duration_assets.definitions import build_definitions
from duration_assets.modelling.backtesting import Candidate, Fold
from duration_assets.months import Month
from duration_assets.settings import Settings
from duration_assets_tests.command_line import COMMAND, TIME_LIMIT, Done, Workplace
from duration_assets_tests.development import processes_of
from duration_assets_tests.months import settings_for, simulated_folder

FIRST, LAST = Month(2023, 1), Month(2023, 5)
ROWS = 1_500

ALL = ("--from", "2023-02", "--to", "2023-05")
CANDIDATES = ("--feature-set", "metered,request", "--window", "1", "--window", "2")
WHOLE = (*ALL, *CANDIDATES, "--json")
TRIALS = 14
"""Two feature sets and two windows on four months; both windows are the same on the first."""
ONE = ("--from", "2023-03", "--to", "2023-03", "--window", "1", "--json")


def make_data(settings: Settings, months: Iterable[Month]) -> None:
    """Land and clean months, as `backfill --only data` does, in this process."""
    job = build_definitions(settings).resolve_job_def("green_data")
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        for month in months:
            job.execute_in_process(partition_key=str(month), instance=instance, run_config=quiet)


@dataclass(frozen=True)
class Backtested(Workplace):
    """A workplace whose months are cleaned, for backtests."""

    def start_backtest(self, *options: str, **settings: str) -> subprocess.Popen[str]:
        settings = {"DURATION_LAST_MONTH": str(LAST), **settings}
        return self.start(COMMAND, "backtest", *options, folder=None, **settings)

    def backtest(self, *options: str, **settings: str) -> Done:
        with self.start_backtest(*options, **settings) as process:
            output, errors = process.communicate(timeout=TIME_LIMIT)
        return Done(process.returncode, output, errors)

    def make_data(self, *months: Month) -> None:
        make_data(settings_for(self.home, self.source, last_month=str(LAST)), months)

    @property
    def results(self) -> dict[str, str]:
        """What is in each file of a result, by its name."""
        folder = self.home / "backtests" / "results"
        return {path.name: path.read_text() for path in sorted(folder.glob("*.json"))}

    def half_made(self) -> list[Path]:
        """Return what is there only while a backtest works."""
        folder = self.home / "backtests"
        found = [path for path in folder.rglob(".*") if path.name != ".lock"]
        return [*found, *folder.glob("scratch*")]

    def processes(self) -> list[psutil.Process]:
        """Return the processes that work on the home."""
        return processes_of(self.home)


def figures(done: Done) -> dict[str, Any]:
    """Return the JSON object that a command ended with."""
    found: dict[str, Any] = json.loads(done.output.splitlines()[-1])
    return found


@pytest.fixture(scope="session")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> Backtested:
    """A workplace with five simulated months, all of them cleaned."""
    workplace = Backtested(tmp_path_factory.mktemp("cleaned"))
    simulated_folder(workplace.source, *FIRST.through(LAST), rows=ROWS)
    workplace.make_data(*FIRST.through(LAST))
    return workplace


@pytest.fixture
def workplace(cleaned: Backtested, tmp_path: Path) -> Backtested:
    """A copy of it."""
    folder = tmp_path / "copy"
    shutil.copytree(cleaned.folder, folder)
    return Backtested(folder)


def trial_of(name: str = "metered", window: int = 1, kept: int = 100, **made_from: Any) -> Trial:
    """Return a trial on 2023-03 whose files are not there."""
    judged = Month(2023, 3)
    months = tuple(judged.shift(-window).through(judged.shift(-1)))
    files = [MonthFiles(month, Path("trips"), kept, None) for month in (*months, judged)]
    return Trial(
        Candidate(name, window),
        Fold(judged, months),
        {"validation_month": str(judged), **made_from},
        tuple(files[:-1]),
        files[-1],
        simulated=False,
    )
