from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from duration_assets.home import open_home
from duration_assets.settings import Settings
from duration_assets_tests.automation import ticking
from duration_assets_tests.automation.ticking import tick
from duration_assets_tests.months import FEBRUARY, JANUARY, settings_for, simulated_folder

pytestmark = pytest.mark.daemon


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home whose source holds two months, as the environment names it."""
    source = simulated_folder(tmp_path / "source", JANUARY, FEBRUARY, rows=100)
    settings = settings_for(tmp_path / "home", source)
    monkeypatch.setenv("DURATION_HOME", str(settings.home))
    monkeypatch.setenv("DURATION_SOURCE", settings.source)
    monkeypatch.setenv("DURATION_FIRST_MONTH", "2023-01")
    monkeypatch.setenv("DURATION_LAST_MONTH", "2023-03")
    monkeypatch.setenv("DURATION_LOOK_EVERY", "1")
    return settings


def tick_later() -> None:
    """Make a tick in this process, when it is time for one."""
    time.sleep(1.1)
    tick(None)


def die_in_a_tick(point: str) -> None:
    """Make a tick in a process that is killed at a point of it."""
    time.sleep(1.1)
    command = [sys.executable, "-m", ticking.__name__, point]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr


# Dagster resumes a tick with a word of its own that Python is phasing out.
@pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning")
@pytest.mark.parametrize("point", ["RUN_IDS_RESERVED", "RUN_CREATED"])
def test_a_daemon_that_is_killed_between_its_tick_and_its_runs_loses_none_and_repeats_none(
    point: str, settings: Settings
) -> None:
    with open_home(settings) as instance:
        tick_later()
        die_in_a_tick(point)
        tick_later()
        tick_later()
        runs = instance.get_runs()
    assert sorted(run.tags["dagster/run_key"] for run in runs) == [
        "green/2023-01/1",
        "green/2023-02/1",
    ]
    assert {run.status for run in runs} == {dg.DagsterRunStatus.QUEUED}
    assert {run.job_name for run in runs} == {"green_data"}
