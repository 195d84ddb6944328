"""The command `backfill` with the daemon that it starts, as users meet it."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from duration_assets.errors import RESUME
from duration_assets_tests.backfills.conftest import BACKFILL_TIME_LIMIT, Backfilled, results
from duration_assets_tests.command_line import COMMAND, TIME_LIMIT, Done
from duration_assets_tests.months import FEBRUARY, published

pytestmark = pytest.mark.daemon

MONTHS = ("2023-01", "2023-02", "2023-03")
ALL = ("--from", "2023-01", "--to", "2023-03")
DATA = ("raw_trips", "cleaned_trips", "zone_statistics")
MODELS = ("preprocessor", "training_matrix", "duration_model")
EVALUATIONS = ("validation_matrix", "evaluation")
TWO_MONTHS = MONTHS[:2]
TWO = ("--from", "2023-01", "--to", "2023-02")


def partitions(*months: str) -> set[tuple[str, str]]:
    """Return everything that is made of months, of which the first has no model before it."""
    return {(name, month) for name in (*DATA, *MODELS) for month in months} | {
        (name, month) for name in EVALUATIONS for month in months[1:]
    }


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + TIME_LIMIT
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)


def is_training(workplace: Backfilled) -> bool:
    """Ask the database itself: MLflow takes longer to answer than a small training takes."""
    if not workplace.database.exists():
        return False
    with closing(sqlite3.connect(f"file:{workplace.database}?mode=ro", uri=True)) as database:
        try:
            return bool(database.execute("SELECT 1 FROM runs WHERE status = 'RUNNING'").fetchone())
        except sqlite3.OperationalError:
            # Its tables are not made yet.
            return False


def are_current(workplace: Backfilled, *months: str) -> bool:
    states = workplace.states()
    return {states[name][month] for name, month in partitions(*months)} == {"current"}


@pytest.fixture(scope="module")
def whole(
    published_months: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Backfilled, Done]:
    """A home that one command filled with three months, and what that printed."""
    workplace = Backfilled(tmp_path_factory.mktemp("whole"))
    shutil.copytree(published_months, workplace.source)
    done = workplace.backfill(*ALL, "--json")
    assert done.code == 0, done.errors
    return workplace, done


def test_one_command_makes_every_month_and_says_what_became_of_each(
    whole: tuple[Backfilled, Done],
) -> None:
    workplace, done = whole
    made = dict.fromkeys(MONTHS, "made")
    assert results(done) == {
        "data": made,
        "models": made,
        "evaluations": {**made, "2023-01": "left out"},
    }
    assert are_current(workplace, *MONTHS)


def test_a_month_takes_three_runs_and_no_partition_is_made_twice(
    whole: tuple[Backfilled, Done],
) -> None:
    workplace, _ = whole
    runs = {
        (run.tags["dagster/partition"], tuple(sorted(key.path[-1] for key in run.asset_selection)))
        for run in workplace.runs()
        if run.asset_selection
    }
    assert runs == {
        *((month, tuple(sorted(DATA))) for month in MONTHS),
        *((month, tuple(sorted(MODELS))) for month in MONTHS),
        *((month, tuple(sorted(EVALUATIONS))) for month in MONTHS[1:]),
    }
    assert len(workplace.runs()) == 8
    assert workplace.made_by_runs() == dict.fromkeys(partitions(*MONTHS), 1)


def test_the_daemon_of_a_command_ends_with_it_and_leaves_the_sensors_as_they_were(
    whole: tuple[Backfilled, Done],
) -> None:
    workplace, _ = whole
    assert workplace.processes() == []
    with workplace.instance() as instance:
        assert instance.all_instigator_state() == []


def test_the_same_command_again_finds_everything_current_and_starts_nothing(
    whole: tuple[Backfilled, Done],
) -> None:
    workplace, _ = whole
    again = workplace.backfill(*ALL)
    assert again.code == 0
    assert "was current" in again.output
    assert "made" not in again.output
    assert len(workplace.runs()) == 8


def test_status_shows_a_table_of_months_and_assets(whole: tuple[Backfilled, Done]) -> None:
    workplace, _ = whole
    done = workplace.run(COMMAND, "status", "--from", "2023-02", "--to", "2023-02")
    assert done.code == 0
    rows = [line.split() for line in done.output.splitlines() if line.startswith("2023")]
    # What decides on the model in use, and watches it, is no part of a backfill of everything.
    assert rows == [["2023-02", *["current"] * 8], ["2023-02", "missing"]]
    assert all(len(line) <= 80 for line in done.output.splitlines())


@pytest.mark.soak
def test_a_backfill_goes_on_after_it_was_interrupted_and_after_everything_was_killed(
    workplace: Backfilled,
) -> None:
    with workplace.start_backfill(*TWO) as process:
        wait_for(lambda: is_training(workplace), process)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=BACKFILL_TIME_LIMIT)
    assert (process.returncode, output) == (130, "")
    assert errors.endswith(f"Interrupted: the backfill was not finished. {RESUME}\n")
    assert "Traceback" not in errors
    assert workplace.processes() == []
    assert "RUNNING" not in workplace.mlflow_runs().values()
    assert all(run.is_finished for run in workplace.runs())
    assert workplace.left_behind() == []

    with workplace.start_backfill(*TWO) as process:
        wait_for(lambda: is_training(workplace), process)
        for each in workplace.processes():
            each.kill()
        process.communicate()
    assert not all(run.is_finished for run in workplace.runs())

    again = workplace.backfill(*TWO, "--json")
    assert again.code == 0, again.errors
    assert "Going on with the backfill that was begun before." in again.errors
    assert results(again)["data"] == dict.fromkeys(TWO_MONTHS, "was current")
    assert results(again)["models"] == dict.fromkeys(TWO_MONTHS, "made")
    assert are_current(workplace, *TWO_MONTHS)
    assert all(run.is_finished for run in workplace.runs())
    assert set(workplace.made_by_runs().values()) == {1}
    assert "RUNNING" not in workplace.mlflow_runs().values()


@pytest.mark.soak
def test_a_month_that_is_not_published_fails_with_the_reason_and_what_needs_it_waits(
    workplace: Backfilled,
) -> None:
    hidden = published(workplace.folder, FEBRUARY)
    published(workplace.source, FEBRUARY).rename(hidden)
    done = workplace.backfill(*TWO, "--json")
    assert done.code == 1
    assert results(done) == {
        "data": {"2023-01": "made", "2023-02": "failed"},
        "models": {"2023-01": "made", "2023-02": "not started"},
        "evaluations": {"2023-01": "left out", "2023-02": "not started"},
    }
    (line,) = (line for line in done.errors.splitlines() if line.startswith("2023-02 data"))
    assert line.startswith("2023-02 data: failed: ")
    assert published(workplace.source, FEBRUARY).name in line
    assert [run.status.value for run in workplace.runs() if not run.is_success] == ["FAILURE"]
    assert workplace.states()["raw_trips"]["2023-02"] == "failed"

    hidden.rename(published(workplace.source, FEBRUARY))
    again = workplace.backfill(*TWO, "--failed", "--json")
    assert again.code == 0, again.errors
    assert results(again) == {
        group: {"2023-02": "made"} for group in ("data", "models", "evaluations")
    }
    assert are_current(workplace, *TWO_MONTHS)


def test_two_backfills_of_overlapping_months_at_once_make_everything_once(
    workplace: Backfilled,
) -> None:
    # The window of the late one reaches into months that only the early one asks for.
    with (
        workplace.start_backfill(*TWO, "--json") as early,
        workplace.start_backfill("--from", "2023-02", "--to", "2023-02", "--json") as late,
    ):
        for each in (early, late):
            # Shown whole if anything fails.
            print(*each.communicate(timeout=BACKFILL_TIME_LIMIT), sep="\n")
    assert (early.returncode, late.returncode) == (0, 0)
    assert are_current(workplace, *TWO_MONTHS)
    assert set(workplace.made_by_runs().values()) == {1}
    assert all(run.is_success for run in workplace.runs())
    assert set(workplace.mlflow_runs().values()) == {"FINISHED"}
    assert workplace.processes() == []
