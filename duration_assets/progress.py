"""Progress of long steps: bars for a person at a terminal, log lines in the web UI."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

Report = Callable[[int, int | None], None]
"""Called with how much is done and how much there is, None if nobody knows."""

LOG_EVERY = 10.0
"""Seconds between two log lines of one task."""


class Progress(Protocol):
    """Shows how far long steps are."""

    def task(self, what: str, unit: str, log: Any) -> AbstractContextManager[Report]:
        """Open a task.

        Args:
            what: what is being done, for people.
            unit: what is counted; bytes are shown as megabytes.
            log: the logger of the step.
        """

    def say(self, line: str, log: Any) -> None:
        """Say something that stays.

        Args:
            line: what.
            log: the logger of the step.
        """


class LogProgress:
    """Writes a line to the step's log now and then, for runs that nobody sits in front of."""

    @contextmanager
    def task(self, what: str, unit: str, log: Any) -> Iterator[Report]:
        """Open a task; see `Progress`."""
        last = time.monotonic()

        def report(done: int, total: int | None) -> None:
            nonlocal last
            if time.monotonic() - last >= LOG_EVERY:
                last = time.monotonic()
                log.info(f"{what}: {_amount(done, total, unit)}")

        yield report

    def say(self, line: str, log: Any) -> None:
        """Write a line to the step's log."""
        log.info(line)


class BarProgress:
    """Draws a bar on standard error while a task runs, if that is a terminal."""

    _drawn: Bars | None = None

    @contextmanager
    def task(self, what: str, unit: str, log: Any) -> Iterator[Report]:
        """Open a task; see `Progress`."""
        with bars_on_standard_error() as bars:
            bar = bars.add_task(what, total=None, at="")
            self._drawn = bars

            def report(done: int, total: int | None) -> None:
                bars.update(bar, completed=done, total=total, at=_amount(done, total, unit))

            try:
                yield report
            finally:
                self._drawn = None

    def say(self, line: str, log: Any) -> None:
        """Write a line to standard error, above the bar if there is one."""
        if self._drawn is not None and self._drawn.console.is_terminal:
            self._drawn.console.print(line, highlight=False, soft_wrap=True)
        else:
            print(line, file=sys.stderr)


def bars_on_standard_error() -> Bars:
    """Return bars that are gone once they are done, and are not drawn where no terminal is.

    Their tasks have a field `at`, which says how far they are.
    """
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    return Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[at]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _amount(done: int, total: int | None, unit: str) -> str:
    scale, name = (1_000_000, "MB") if unit == "bytes" else (1, unit)
    of = "" if total is None else f"/{total // scale:,}"
    return f"{done // scale:,}{of} {name}"
