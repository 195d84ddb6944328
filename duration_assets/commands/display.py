"""How long commands show how far they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class BarWithLines:
    """A bar on standard error, and lines above it; where it is no terminal, lines alone."""

    def __init__(self, bars: Progress, bar: TaskID, unit: str) -> None:
        """Take a bar of several, and what it counts."""
        self._bars = bars
        self._bar = bar
        self._unit = unit

    def say(self, line: str) -> None:
        """Show a line that stays."""
        if self._bars.console.is_terminal:
            self._bars.console.print(line, highlight=False, soft_wrap=True)
        else:
            click.echo(line, err=True)

    def count(self, done: int, failed: int, total: int) -> None:
        """Show how many are done, and how many failed, of all."""
        at = f"{done}/{total} {self._unit}" + (f", {failed} failed" if failed else "")
        self._bars.update(self._bar, completed=done + failed, total=total, at=at)


@contextmanager
def bar_with_lines(what: str, unit: str) -> Iterator[BarWithLines]:
    """Show a bar until the end.

    Args:
        what: what is being done, for people.
        unit: what is counted.
    """
    from duration_assets.progress import bars_on_standard_error

    with bars_on_standard_error() as bars:
        yield BarWithLines(bars, bars.add_task(what, total=None, at=""), unit)
