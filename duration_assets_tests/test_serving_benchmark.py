from __future__ import annotations

import pytest

from benchmarks.serving import Outcome, table, waiting


def outcome(way: str, load: str, requests: float) -> Outcome:
    return Outcome(way, load, requests, p50=1.0, p99=9.0, cpu=0.5, failed=0)


def test_half_the_load_is_half_of_what_the_courses_server_can() -> None:
    found = [outcome("course", "full", 300.0), outcome("course", "full", 400.0)]
    found += [outcome("ours", "full", 900.0)]
    # 16 connections that each wait 80 milliseconds send 200 requests a second.
    assert waiting(found, connections=16) == pytest.approx(80.0)


def test_the_table_has_the_best_round_of_each_server_under_each_load() -> None:
    found = [outcome("course", "full", 300.0), outcome("ours", "full", 900.0)]
    found += [outcome("course", "full", 400.0), outcome("course", "half", 199.6)]
    assert table(found).splitlines()[2:] == [
        "| course | full | 400 | 1.0 | 9.0 | 0.50 |",
        "| ours | full | 900 | 1.0 | 9.0 | 0.50 |",
        "| course | half | 200 | 1.0 | 9.0 | 0.50 |",
    ]
