from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest

from duration_assets.modelling.in_order import in_order

PATIENCE = 30.0


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_batches(threads: int) -> None:
    assert list(in_order(lambda batch: batch * 2, range(20), threads)) == list(range(0, 40, 2))


def test_several_batches_are_worked_on_at_once() -> None:
    second_began = Event()

    def work(batch: int) -> bool:
        if batch == 1:
            second_began.set()
        return second_began.wait(PATIENCE)

    assert list(in_order(work, range(2), 2)) == [True, True]


@pytest.mark.parametrize(("threads", "most"), [(1, 2), (3, 5)])
def test_no_more_batches_are_held_than_may(threads: int, most: int) -> None:
    given, done, held = 0, 0, []

    def batches() -> Iterator[int]:
        nonlocal given
        for number in range(10):
            given += 1
            # The last one that was given back is in use until the next is.
            held.append(given - max(0, done - 1))
            yield number

    for _ in in_order(str, batches(), threads):
        done += 1
    assert max(held) == most


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_a_batch_is_raised_where_its_result_is_asked_for(threads: int) -> None:
    results = in_order(lambda batch: 1 // batch, [1, 0, 1], threads)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
