"""Processes of their own: commands and what they took, functions and what they returned."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duration_assets.backtests.processes import Call, each_in_a_process


@dataclass(frozen=True)
class Measured:
    """What a process took.

    Attributes:
        began: when it was started, in seconds since the epoch.
        wall: seconds from its start to its end.
        cpu: seconds of all its threads.
        peak: the most memory it held, in bytes.
        output: what it printed on standard output.
    """

    began: float
    wall: float
    cpu: float
    peak: int
    output: str


def measure(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Measured:
    """Run a command to its end.

    Args:
        command: the program and its arguments.
        folder: the working folder.
        environment: further environment variables.

    Raises:
        RuntimeError: if it fails, with the end of what it said.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        began, clock = time.time(), time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=errors,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - clock
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{errors.read()[-3000:]}")
        return Measured(
            began, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, output.read()
        )


def values_by_name(calls: Mapping[str, Call], at_once: int) -> dict[str, Any]:
    """Return what each call returned in a process of its own, in the order in which they ended.

    Args:
        calls: as of `each_in_a_process`.
        at_once: how many work side by side.

    Raises:
        RuntimeError: if one fails, with the reason; the others are stopped.
    """
    found = {}
    with closing(each_in_a_process(calls, at_once)) as ends:
        for ended in ends:
            if ended.error is not None:
                raise RuntimeError(f"{ended.name}: {ended.details or ended.error}")
            found[ended.name] = ended.value
    return found
