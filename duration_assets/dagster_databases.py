"""Dagster's SQLite databases, kept open while a command writes to them.

Dagster opens its databases anew for every event. Whoever is the last to close one in SQLite's WAL
mode moves the log into the database and waits for the disk: a training waits 1,500 times. One more
connection to each file, which does nothing, leaves that to the end of the command.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

_FILE = "duration_assets.file"


@contextmanager
def kept_open(dagster_home: Path) -> Iterator[None]:
    """Keep each SQLite database in Dagster's home open from its first use to the end of the block.

    Commits do not wait for the disk one by one: if the power fails, the last of them may be lost,
    and the database stays whole. However a process ends, it loses nothing.

    Args:
        dagster_home: databases elsewhere are left alone.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    home = dagster_home.resolve()
    standing_by: set[Path] = set()
    with ExitStack() as stack:

        def connected(connection: Any, record: Any) -> None:
            path = _file_of(connection)
            if path is None or not path.is_relative_to(home):
                return
            # What is wrong with a file is Dagster's to say, whose next statement meets it too.
            with suppress(sqlite3.Error):
                if path not in standing_by:
                    stack.enter_context(_standing_by(path))
                    standing_by.add(path)
                connection.execute("PRAGMA synchronous = NORMAL")
                record.info[_FILE] = path

        for name, listener in {"connect": connected, "close": _closes}.items():
            event.listen(Engine, name, listener)
            stack.callback(event.remove, Engine, name, listener)
        yield


def _closes(_connection: Any, record: Any) -> None:
    """Tell those who watch a file, as the web UI does for a run, that it may have changed.

    What is new is in the log beside it.
    """
    if path := record.info.get(_FILE):
        with suppress(OSError):
            os.utime(path)


def _file_of(connection: Any) -> Path | None:
    """Return the file of a connection, None if it is not one to an SQLite file."""
    if not isinstance(connection, sqlite3.Connection):
        return None
    [(_, _, path), *_] = connection.execute("PRAGMA database_list")
    return Path(path).resolve() if path else None


@contextmanager
def _standing_by(path: Path) -> Iterator[None]:
    # A thread may be the first to use a database, and the command's own closes it.
    with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
        # Dagster's own mode, which it sets when it has written the tables of a new file.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield
