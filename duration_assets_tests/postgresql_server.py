"""A real PostgreSQL for tests: a cluster of its own, with a password, on this machine only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
import pytest

from duration_assets_tests.mlflow_server import free_port

USER = "duration"
# What a generated password may hold, and an address may not.
PASSWORD = "pass@word%/1"
_VERSIONS = Path("/usr/lib/postgresql")


class PostgresqlServer:
    """A running server."""

    def __init__(self, programs: Path, port: int) -> None:
        self.programs = programs
        self.port = port

    def url(self, database: str, password: str = PASSWORD) -> str:
        """Return a database's address, as settings take it."""
        encoded = quote(password, safe="")
        return f"postgresql+psycopg2://{USER}:{encoded}@127.0.0.1:{self.port}/{database}"

    def query(self, database: str, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with closing(self._connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def create(self, database: str) -> None:
        """Make an empty database."""
        with closing(self._connect("postgres")) as connection:
            connection.autocommit = True
            connection.cursor().execute(f"CREATE DATABASE {database}")

    def dump(self, database: str) -> bytes:
        """Return everything that a database holds, as SQL."""
        dialled = self.url(database).replace("+psycopg2", "")
        return subprocess.run(
            [self.programs / "pg_dump", f"--dbname={dialled}"],
            stdout=subprocess.PIPE,
            check=True,
        ).stdout

    def answers(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg2.OperationalError:
            return False
        return True

    def _connect(self, database: str) -> Any:
        return psycopg2.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database
        )


@contextmanager
def postgresql_server() -> Iterator[PostgresqlServer]:
    """Start a cluster in a folder of its own for as long as the block takes."""
    programs = _programs()
    # PostgreSQL refuses to run as root, and its user may not look into pytest's folders.
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    try:
        password = folder / "password"
        password.write_text(PASSWORD)
        as_user: list[str] = []
        if os.geteuid() == 0:
            as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            for path in (folder, password):
                shutil.chown(path, "postgres")
        _initialize([*as_user, str(programs / "initdb")], folder, password)
        server = PostgresqlServer(programs, free_port())
        with _running([*as_user, str(programs / "postgres")], folder, server):
            yield server
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    """Return the folder of the newest PostgreSQL that Debian has installed."""
    found = sorted(_VERSIONS.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not found:
        pytest.skip(f"there is no PostgreSQL in {_VERSIONS}: apt-get install postgresql")
    return found[-1].parent


def _initialize(initdb: list[str], folder: Path, password: Path) -> None:
    options = ["--no-sync", "--auth=scram-sha-256", f"--username={USER}", f"--pwfile={password}"]
    subprocess.run(
        [*initdb, f"--pgdata={folder / 'data'}", "--encoding=UTF8", *options],
        cwd="/",
        stdout=subprocess.DEVNULL,
        check=True,
    )


@contextmanager
def _running(postgres: list[str], folder: Path, server: PostgresqlServer) -> Iterator[None]:
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "port": str(server.port),
        "fsync": "off",
    }
    given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [*postgres, "-D", str(folder / "data"), *given], cwd="/", stdout=log, stderr=log
        ) as process,
    ):
        try:
            while not server.answers():
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)
            yield
        finally:
            # Its way to stop at once, without waiting for those who are connected.
            process.send_signal(signal.SIGQUIT)
            process.wait()
