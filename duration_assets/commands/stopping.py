"""How commands are stopped."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended: 128 and the number of the signal, as in shells."""


@contextmanager
def interrupted_when_ended() -> Iterator[None]:
    """Let a request to end do what Ctrl-C does: leave nothing half-made."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
