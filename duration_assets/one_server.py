"""One `dev` for a home: a lock that is held for as long as any of its servers lives."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from duration_assets.errors import ServerError

_LOCK = ".dev.lock"


@contextmanager
def only_server_of(home: Path) -> Iterator[int]:
    """Keep any other `dev` away from a home.

    Yields:
        The descriptor of the lock. A child process that is given it holds the lock too, until it
        ends, also if this process ended before.

    Raises:
        ServerError: if the home is served already, saying by whom.
    """
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 1000).decode() or "another process"
            raise ServerError(
                f"The home {home} is served already, by {holder}: two daemons would do everything "
                "twice. End that one first, or set DURATION_HOME to another folder."
            ) from None
        since = datetime.now().strftime("%Y-%m-%d %H:%M")
        os.truncate(descriptor, 0)
        os.write(
            descriptor, f"process {os.getpid()} on {socket.gethostname()} since {since}".encode()
        )
        yield descriptor
    finally:
        os.close(descriptor)


def is_served(home: Path) -> bool:
    """Say whether `dev` serves a home now."""
    try:
        descriptor = os.open(home / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
