"""Backtests that are interrupted, killed, in each other's way, or that fail in part."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

from duration_assets.backtests.running import FOLDER, scratch_folder
from duration_assets.errors import RESUME
from duration_assets.modelling.reports.markdown import escaped
from duration_assets_tests.backtests.conftest import (
    ALL,
    ONE,
    Backtested,
    figures,
)
from duration_assets_tests.command_line import TIME_LIMIT

SOME = (*ALL, "--window", "1,2", "--json")
SOME_TRIALS = 7


def wait_for_a_result(workplace: Backtested, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + TIME_LIMIT
    while not workplace.results:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)


def wait_until_none_works(workplace: Backtested) -> None:
    until = time.monotonic() + 60
    while workplace.processes():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_an_interrupted_backtest_leaves_nothing_half_made_and_goes_on(
    workplace: Backtested,
) -> None:
    with workplace.start_backtest(*SOME, "--jobs", "1") as process:
        wait_for_a_result(workplace, process)
        # As a terminal does: to all of them, some of which the first then ends.
        for each in workplace.processes():
            with suppress(psutil.NoSuchProcess):
                each.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=TIME_LIMIT)
    assert process.returncode == 130
    assert output == ""
    *made, said = errors.splitlines()
    assert said == f"Interrupted: the backtest was not finished. {RESUME}"
    assert all(": RMSE " in line for line in made)
    assert workplace.half_made() == []
    wait_until_none_works(workplace)
    before = workplace.results
    assert 0 < len(before) < SOME_TRIALS
    again = workplace.backtest(*SOME)
    assert again.code == 0, again.errors
    assert figures(again)["made"] == SOME_TRIALS - len(before)
    assert {name: workplace.results[name] for name in before} == before


def test_a_backtest_that_was_killed_goes_on_the_next_time(workplace: Backtested) -> None:
    with workplace.start_backtest(*SOME) as process:
        wait_for_a_result(workplace, process)
        process.kill()
    wait_until_none_works(workplace)
    before = workplace.results
    assert 0 < len(before) < SOME_TRIALS
    again = workplace.backtest(*SOME)
    assert again.code == 0, again.errors
    assert figures(again)["made"] == SOME_TRIALS - len(before)
    assert workplace.half_made() == []


def test_a_training_that_fails_is_named_and_loses_no_other(workplace: Backtested) -> None:
    folder = workplace.home / "store" / "green" / "zone_statistics" / "2023-02"
    (damaged,) = folder.rglob("statistics.parquet")
    damaged.write_bytes(b"no parquet")
    done = workplace.backtest(*ALL, "--window", "1", "--json")
    assert done.code == 1
    found = figures(done)
    (failed,) = found["failed"]
    assert (failed["candidate"], failed["month"]) == ("metered-1", "2023-03")
    assert found["candidates"][0]["months"] == 3
    assert "metered-1 on 2023-03 failed: " in done.errors
    assert "1 failed. To try them again: the same command." in done.errors
    report = Path(found["output"]) / "report.md"
    assert f"| metered-1 on 2023-03 | {escaped(failed['why'])} |" in report.read_text()


def test_a_second_backtest_at_the_same_time_is_told_of_the_first(workplace: Backtested) -> None:
    with scratch_folder(workplace.home / FOLDER):
        message = workplace.backtest(*ONE).message
    assert f"Another backtest is at work in {workplace.home / FOLDER}: wait until" in message
    assert workplace.results == {}
