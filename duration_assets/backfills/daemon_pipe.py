"""The named pipe in a home at which a daemon of the command line listens for the commands' end.

Its guard reads from the pipe, and every command that needs the daemon holds it open for writing.
The system closes it however a command ends, and when the last one is gone the guard ends the
daemon. Who finds a reader at the other end knows that there is such a daemon.
"""

from __future__ import annotations

import errno
import os
import select
from contextlib import suppress
from pathlib import Path

import filelock

_PIPE, _LOCK = ".daemon.pipe", ".daemon.lock"


def deciding_on_daemon(home: Path) -> filelock.BaseFileLock:
    """Return the lock under which it is decided whose daemon works in a home."""
    return filelock.FileLock(home / _LOCK)


def new_pipe(home: Path) -> tuple[int, int]:
    """Open both ends of a home's pipe, to read and to write, for a guard that is to start."""
    path = home / _PIPE
    with suppress(FileExistsError):
        os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    return reader, os.open(path, os.O_WRONLY | os.O_NONBLOCK)


def join(home: Path) -> int | None:
    """Open a home's pipe for writing; None if nobody reads it."""
    try:
        return os.open(home / _PIPE, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):
            return None
        raise


def has_reader(pipe: int) -> bool:
    """Say whether the other end of a pipe that is open for writing is open too."""
    poll = select.poll()
    poll.register(pipe, 0)
    return not poll.poll(0)


def has_daemon_of_commands(home: Path) -> bool:
    """Say whether commands have a daemon of their own running in a home."""
    pipe = join(home)
    if pipe is None:
        return False
    os.close(pipe)
    return True
