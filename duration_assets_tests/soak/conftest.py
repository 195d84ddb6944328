"""Homes for the long tests: three years of published months, and half a year of simulated ones."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from duration_assets.months import Month
from duration_assets.settings import Settings
from duration_assets_tests.months import settings_for

FIRST, LAST = Month(2021, 1), Month(2023, 12)
MONTHS = list(FIRST.through(LAST))
"""The three years of published months."""

_FOLDER, _ROWS = "DURATION_TEST_SOAK_FOLDER", "DURATION_TEST_SOAK_ROWS"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for homes; `DURATION_TEST_SOAK_FOLDER` keeps them where a person can look."""
    kept = os.environ.get(_FOLDER)
    if kept is None:
        return tmp_path_factory.mktemp("soak")
    folder = Path(kept).absolute() / str(int(time.time()))
    folder.mkdir(parents=True)
    return folder


def settings_of_three_years(home: Path, source: Path) -> Settings:
    """Return the settings of a home for all of them.

    `DURATION_TEST_SOAK_ROWS` samples the windows, for who wants to see in a quarter of the time
    what is asked for and when: neither depends on how long a model trains.
    """
    return settings_for(
        home,
        source,
        first_month=str(FIRST),
        last_month=str(LAST),
        window=12,
        max_training_rows=os.environ.get(_ROWS),
    )


Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Show a line while the test goes on: a test of half an hour is to be watched."""

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n{time.strftime('%H:%M:%S')} {line}", flush=True)

    return say
