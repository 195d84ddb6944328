from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from duration_assets_tests.command_line import COMMAND, Done, Workplace
from duration_assets_tests.development import processes_of
from duration_assets_tests.months import simulated_folder

BACKFILL_TIME_LIMIT = 540
"""Seconds for one backfill on a busy machine."""
QUICK = str(Path(__file__).parent / "quick")


@dataclass(frozen=True)
class Backfilled(Workplace):
    """A workplace whose daemons look for backfills every few seconds."""

    def backfill(self, *options: str) -> Done:
        with self.start_backfill(*options) as process:
            output, errors = process.communicate(timeout=BACKFILL_TIME_LIMIT)
        return Done(process.returncode, output, errors)

    def start_backfill(self, *options: str) -> subprocess.Popen[str]:
        return self.start(COMMAND, "backfill", *options, PYTHONPATH=QUICK)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Open Dagster's database of the home."""
        os.environ["DAGSTER_HOME"] = str(self.home / "dagster")
        with dg.DagsterInstance.get() as instance:
            yield instance

    def runs(self) -> list[dg.DagsterRun]:
        with self.instance() as instance:
            return list(instance.get_runs())

    def made_by_runs(self) -> Counter[tuple[str, str]]:
        """Return how often each asset's partition was made by a run that succeeded."""
        return Counter(
            (key.path[-1], run.tags["dagster/partition"])
            for run in self.runs()
            if run.is_success
            for key in run.asset_selection or ()
        )

    def states(self) -> dict[str, dict[str, str]]:
        """Return what `status` says."""
        done = self.run(COMMAND, "status", "--json")
        assert done.code == 0, done.errors
        found: dict[str, dict[str, str]] = json.loads(done.output)
        return {key.rpartition("/")[2]: months for key, months in found.items()}

    def processes(self) -> list[psutil.Process]:
        """Return the processes that work on the home."""
        return processes_of(self.home)


def results(done: Done) -> dict[str, dict[str, str]]:
    """Return what a command with `--json` says became of each group, by month."""
    found: dict[str, dict[str, str]] = {}
    content: dict[str, Any] = json.loads(done.output.splitlines()[-1])
    for each in content["months"]:
        found.setdefault(each["group"], {})[each["month"]] = each["result"]
    return found


@pytest.fixture(scope="session")
def published_months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three simulated months."""
    return simulated_folder(tmp_path_factory.mktemp("published"))


@pytest.fixture
def workplace(published_months: Path, tmp_path: Path) -> Backfilled:
    """A new home, and a source of its own with three months."""
    found = Backfilled(tmp_path)
    found.source.mkdir()
    for path in published_months.iterdir():
        os.link(path, found.source / path.name)
    return found
