from __future__ import annotations

import time
from threading import Event, current_thread, main_thread

import pytest

from duration_assets.begun import Reporting, StoppedError, begun
from duration_assets.progress import Report

PATIENCE = 30.0


def unheard(done: int, total: int | None) -> None:
    """Be told how far work is."""


def test_the_result_comes_from_another_thread() -> None:
    with begun(lambda report: current_thread(), unheard) as thread:
        assert thread.result() is not main_thread()


def test_how_far_the_work_is_is_told() -> None:
    told = []
    with begun(lambda report: report(3, 7), lambda *how_far: told.append(how_far)) as done:
        done.result()
    assert told == [(3, 7)]


def test_an_error_of_the_work_is_raised_where_its_result_is_asked_for() -> None:
    def fail(report: Report) -> None:
        raise ValueError("no trees")

    with pytest.raises(ValueError, match="no trees"), begun(fail, unheard) as result:
        result.result()


@pytest.mark.parametrize("stop", [ValueError("no MLflow"), KeyboardInterrupt()])
def test_work_that_nobody_waits_for_any_more_ends_at_its_next_report(stop: BaseException) -> None:
    reporting, ended = Event(), []

    def work(report: Report) -> None:
        until = time.monotonic() + PATIENCE
        try:
            while time.monotonic() < until:
                reporting.set()
                report(1, None)
        except StoppedError as error:
            ended.append(error)
            raise

    def fail_meanwhile() -> None:
        with begun(work, unheard):
            assert reporting.wait(PATIENCE)
            raise stop

    with pytest.raises(type(stop)):
        fail_meanwhile()
    assert len(ended) == 1


def test_what_reads_items_reports_before_each_and_again() -> None:
    told: list[int] = []
    items = Reporting("ab", lambda done, total: told.append(done))
    assert [*items, *items] == ["a", "b", "a", "b"]
    assert told == [0, 0, 0, 0]
