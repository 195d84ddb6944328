"""What processes of the tests do: a new process finds these functions by their names."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from duration_assets.backtests.processes import each_in_a_process
from duration_assets.errors import BadFileError


def square(number: int) -> int:
    return number**2


def own_process() -> int:
    return os.getpid()


def refuse() -> None:
    raise BadFileError("2023-02 is no good.")


def stumble() -> float:
    return 1 / 0


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(code: int) -> None:
    os._exit(code)


def stay(mark: Path, others: Path, seconds: float) -> int:
    """Be there for a while, and return how many were there at the same time."""
    mark.touch()
    time.sleep(seconds)
    there = len(list(others.iterdir()))
    mark.unlink()
    return there


def wait_for_ever(mark: Path) -> None:
    mark.write_text(str(os.getpid()))
    time.sleep(600)


if __name__ == "__main__":
    # A process with a process of its own, which a test kills.
    list(each_in_a_process({"call": (wait_for_ever, (Path(sys.argv[1]),))}, 1))
