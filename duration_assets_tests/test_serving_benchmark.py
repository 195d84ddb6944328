from __future__ import annotations

import pytest

from benchmarks.serving import Load, Outcome, between, refuse_failures, table


def outcome(way: str, load: str, requests: float, *, p99: float = 9.0, failed: int = 0) -> Outcome:
    return Outcome(way, load, requests, p50=1.0, p99=p99, cpu=0.5, failed=failed)


def test_half_the_load_is_half_of_what_the_courses_server_can() -> None:
    found = [outcome("course", "full", 300.0), outcome("course", "full", 400.0)]
    found += [outcome("ours", "full", 900.0)]
    # 16 connections that each ask every 80 milliseconds send 200 requests a second.
    assert between(found, connections=16) == pytest.approx(80.0)


def test_a_slow_server_is_asked_as_often_as_a_fast_one() -> None:
    for answered_in, wait in ((0.0, 80.0), (25.0, 55.0), (90.0, 0.0)):
        assert Load("half", 16, 10, 80.0, answered_in).wait == wait
    assert Load("full", 16, 10, 0.0, 25.0).wait == 0.0


def test_requests_that_fail_end_the_measurement() -> None:
    refuse_failures(outcome("ours", "full", 900.0))
    with pytest.raises(SystemExit, match="3 requests to ours failed under full load"):
        refuse_failures(outcome("ours", "full", 900.0, failed=3))


def test_the_table_has_the_best_round_of_each_server_and_the_median_of_the_slowest() -> None:
    found = [outcome("course", "full", 300.0, p99=30.0), outcome("ours", "full", 900.0)]
    found += [outcome("course", "full", 400.0, p99=9.0), outcome("course", "half", 199.6)]
    found += [outcome("course", "full", 350.0, p99=12.0)]
    assert table(found).splitlines()[2:] == [
        "| course | full | 400 | 1.0 | 12.0 | 0.50 | 0 |",
        "| ours | full | 900 | 1.0 | 9.0 | 0.50 | 0 |",
        "| course | half | 200 | 1.0 | 9.0 | 0.50 | 0 |",
    ]
