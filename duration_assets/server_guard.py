"""Runs servers for as long as its standard input is open, then ends them with all their children.

`servers.py` starts it as a process of its own and holds the other end of the pipe. The system
closes that however `dev` ends, by `kill -9` too.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import psutil

_LOOK_EVERY = 0.2
_END_WITHIN = 20.0

Processes = Mapping[str, subprocess.Popen[bytes]]


def guard(commands: Mapping[str, list[str]], keep_open: Sequence[int] = ()) -> bool:
    """Run servers until standard input is closed or one of them ends.

    Args:
        commands: command lines by the name of the server.
        keep_open: descriptors that the servers are given: the lock that says that they are there.

    Returns:
        Whether they all ran to the end.
    """
    processes: dict[str, subprocess.Popen[bytes]] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    try:
        for name, command in commands.items():
            # A session of its own: all that a server starts can be found and told to end.
            processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=keep_open
            )
        return _watch(processes)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        _end(processes)


def _watch(processes: Processes) -> bool:
    while not select.select([sys.stdin], [], [], _LOOK_EVERY)[0]:
        for name, process in processes.items():
            if process.poll() is not None:
                print(f"{name} ended by itself ({process.returncode}).", file=sys.stderr)
                return False
    return True


def _end(processes: Processes) -> None:
    """Ask the servers and their children to end, and make sure that they do."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        until = time.monotonic() + _END_WITHIN
        while _are_left(processes) and time.monotonic() < until:
            time.sleep(_LOOK_EVERY)


def _are_left(processes: Processes) -> bool:
    groups = {process.pid for process in processes.values()}
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and os.getpgid(process.pid) in groups:
                return True
    return False


if __name__ == "__main__":
    sys.exit(not guard(json.loads(sys.argv[1]), [int(each) for each in sys.argv[2:]]))
