"""Homes for the long tests: three years of published months, and half a year of simulated ones."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_FOLDER = "DURATION_TEST_SOAK_FOLDER"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for homes; `DURATION_TEST_SOAK_FOLDER` keeps them where a person can look."""
    kept = os.environ.get(_FOLDER)
    if kept is None:
        return tmp_path_factory.mktemp("soak")
    folder = Path(kept).absolute() / str(int(time.time()))
    folder.mkdir(parents=True)
    return folder


Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Show a line while the test goes on: a test of half an hour is to be watched."""

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n{time.strftime('%H:%M:%S')} {line}", flush=True)

    return say


@pytest.fixture
def timed(say: Say) -> Callable[[str], object]:
    """Say how long something took."""

    @contextmanager
    def timed(what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        say(f"{what}: {time.monotonic() - began:.0f} s")

    return timed
