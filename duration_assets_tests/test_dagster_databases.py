"""Keeping Dagster's databases open: what others see of them, and what is left behind."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import create_engine, text

from duration_assets.dagster_databases import kept_open

WAIT = 60.0


@dg.op
def _nothing() -> None:
    """Do nothing."""


@dg.job
def _job() -> None:
    _nothing()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the folder of a Dagster home."""
    folder = tmp_path / "dagster"
    folder.mkdir()
    return folder


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Give an instance with its databases in the home."""
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with kept_open(home), dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def _logs(home: Path) -> list[Path]:
    """Return the write-ahead logs that hold what is not in their databases yet."""
    return [log for log in home.rglob("*.db-wal") if log.stat().st_size]


def test_events_wait_in_logs_until_the_end_and_are_in_the_databases_then(home: Path) -> None:
    with kept_open(home), dg.DagsterInstance.from_config(str(home)) as instance:
        run = _job.execute_in_process(instance=instance)
        names = {log.name for log in _logs(home)}
        assert {"index.db-wal", "runs.db-wal", f"{run.run_id}.db-wal"} <= names
    assert _logs(home) == []
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert len(instance.all_logs(run.run_id)) == len(run.all_events)


def test_who_watches_a_run_is_told_of_its_events_while_it_runs(
    instance: dg.DagsterInstance,
) -> None:
    run = instance.create_run_for_job(_job)
    instance.report_engine_event("before", run)
    told = threading.Event()

    def callback(entry: dg.EventLogEntry, _cursor: str) -> None:
        if entry.get_dagster_event().message == "after":
            told.set()

    instance.watch_event_logs(run.run_id, None, callback)
    instance.report_engine_event("after", run)
    assert told.wait(WAIT)


def test_databases_elsewhere_are_left_as_they_are(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "mlflow.db"
    with kept_open(home):
        engine = create_engine(f"sqlite:///{elsewhere}")
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE some (thing)"))
            assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
            assert connection.execute(text("PRAGMA journal_mode")).scalar() == "delete"
        engine.dispose()


def test_afterwards_a_database_is_opened_as_ever(home: Path) -> None:
    database = home / "some.db"
    with kept_open(home):
        engine = create_engine(f"sqlite:///{database}")
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE some (thing)"))
            assert connection.execute(text("PRAGMA synchronous")).scalar() == 1
        engine.dispose()
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
    engine.dispose()


def test_a_damaged_database_is_named_by_the_statement_that_meets_it(home: Path) -> None:
    database = home / "some.db"
    database.write_bytes(b"no database at all" * 100)
    with kept_open(home):
        engine = create_engine(f"sqlite:///{database}")
        with (
            pytest.raises(Exception, match="file is not a database") as raised,
            engine.begin() as connection,
        ):
            connection.execute(text("CREATE TABLE some (thing)"))
        assert isinstance(raised.value.__cause__, sqlite3.DatabaseError)
        engine.dispose()
