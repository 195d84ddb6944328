"""Doing something again and again in a thread of its own, until told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable

_STOP_WITHIN = 5.0
"""Seconds; a look may wait for somebody else longer, and ends with the process."""


class Looking:
    """Calls a function every few seconds; it must see to its own errors."""

    def __init__(self, look: Callable[[], None], every: float, name: str) -> None:
        """Take the function and the seconds between two calls; nothing starts yet."""
        self._look = look
        self._every = every
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin, with a pause first."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the look that is under way if that does not take long."""
        self._stopping.set()
        self._thread.join(_STOP_WITHIN)

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            self._look()
