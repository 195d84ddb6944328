"""Work that is begun on a thread while this one does something else, and is stopped with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Generic, TypeVar

from duration_assets.progress import Report

Item = TypeVar("Item")
Result = TypeVar("Result")


class StoppedError(Exception):
    """Raised in work that nobody waits for any more."""


class Reporting(Generic[Item]):
    """Items to be gone through as often as needed, with a report before each.

    Work that reads them can be stopped while it does.
    """

    def __init__(self, items: Iterable[Item], report: Report) -> None:
        """Remember both."""
        self._items = items
        self._report = report

    def __iter__(self) -> Iterator[Item]:
        for item in self._items:
            self._report(0, None)
            yield item


@contextmanager
def begun(work: Callable[[Report], Result], report: Report) -> Iterator[Future[Result]]:
    """Begin work on a thread for as long as the block takes.

    A block that ends without having asked for the result, by an error or by Ctrl-C, ends the work
    when that next reports how far it is, and waits for it.

    Args:
        work: what to do; called with what it has to tell how far it is.
        report: told the same.

    Yields:
        What the result, or the error of the work, comes from.
    """
    stop = Event()

    def report_or_stop(done: int, total: int | None) -> None:
        if stop.is_set():
            raise StoppedError
        report(done, total)

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(work, report_or_stop)
        try:
            yield coming
        finally:
            stop.set()
