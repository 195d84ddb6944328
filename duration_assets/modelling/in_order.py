"""Batches worked on by several threads at once, whose results come in the order of the batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Batch = TypeVar("Batch")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Batch], Result], batches: Iterable[Batch], threads: int
) -> Generator[Result, None, None]:
    """Work on batches, several at once; those of all threads and two more are held at most.

    Args:
        work: what makes a result of a batch; called on a thread.
        batches: gone through on the thread that asks for results.
        threads: how many batches at once; with one, nothing is worked on before it is asked for.

    Yields:
        The result of each batch, in their order.
    """
    if threads == 1:
        yield from map(work, batches)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for batch in batches:
            waiting.append(pool.submit(work, batch))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
