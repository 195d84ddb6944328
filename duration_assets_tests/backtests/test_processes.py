from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from duration_assets.backtests.processes import Call, Ended, each_in_a_process
from duration_assets_tests.backtests import calls

WITHIN = 60.0
"""Seconds that a process may take to start or end on a busy machine."""


def ends(asked: Mapping[str, Call], at_once: int = 2) -> dict[str, Ended]:
    return {ended.name: ended for ended in each_in_a_process(asked, at_once)}


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def is_gone(number: int) -> bool:
    return not psutil.pid_exists(number) or psutil.Process(number).status() == "zombie"


def test_each_call_has_a_process_of_its_own_and_what_it_returns_comes_back() -> None:
    found = ends(dict.fromkeys("abc", (calls.own_process, ())))
    assert found.keys() == {"a", "b", "c"}
    numbers = {ended.value for ended in found.values()}
    assert len(numbers) == 3
    assert os.getpid() not in numbers


def test_one_that_fails_is_named_and_loses_no_other() -> None:
    found = ends(
        {
            "refused": (calls.refuse, ()),
            "stumbled": (calls.stumble, ()),
            "killed": (calls.be_killed, ()),
            "left": (calls.leave, (3,)),
            "well": (calls.square, (7,)),
        }
    )
    assert found["well"] == Ended("well", 49)
    assert found["refused"] == Ended("refused", error="2023-02 is no good.")
    assert found["stumbled"].error == "ZeroDivisionError: division by zero"
    assert "in stumble" in (found["stumbled"].details or "")
    assert "was killed" in (found["killed"].error or "")
    assert found["left"].error == "Its process ended with exit code 3."


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_work_side_by_side_than_may(at_once: int, tmp_path: Path) -> None:
    asked = {
        str(number): (calls.stay, (tmp_path / str(number), tmp_path, 0.3)) for number in range(4)
    }
    found = ends(asked, at_once)
    assert all(1 <= ended.value <= at_once for ended in found.values())


def test_who_stops_listening_ends_the_processes_that_still_work(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    asked: dict[str, Call] = {
        "short": (calls.square, (2,)),
        "long": (calls.wait_for_ever, (mark,)),
    }
    with closing(each_in_a_process(asked, 2)) as found:
        assert next(found) == Ended("short", 4)
        wait_for(lambda: mark.exists() and mark.read_text() != "")
    assert is_gone(int(mark.read_text()))


def test_a_process_ends_when_the_one_that_started_it_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with subprocess.Popen([sys.executable, "-m", calls.__name__, str(mark)]) as parent:
        wait_for(lambda: mark.exists() and mark.read_text() != "")
        parent.send_signal(signal.SIGKILL)
    wait_for(lambda: is_gone(int(mark.read_text())))
