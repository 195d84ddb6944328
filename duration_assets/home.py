"""The home folder: made ready before anything starts, and true to one source.

Both databases and `dagster.yaml` are made under a file lock, so that several processes can start
on a new home at once.
"""

from __future__ import annotations

import importlib.resources
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from duration_assets.addresses import without_secrets
from duration_assets.errors import HomeError
from duration_assets.pools import DECIDING
from duration_assets.resources.files import write_atomically
from duration_assets.resources.partition import MANIFEST
from duration_assets.resources.tracking import Tracking
from duration_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

_MEMORY = "home.json"
_POSTGRES_VARIABLE = "DURATION_DAGSTER_POSTGRES_URL"


def open_home(settings: Settings) -> DagsterInstance:
    """Make the home ready and return Dagster's instance in it.

    Raises:
        HomeError: if another source filled this home, it cannot be written, or Dagster's database
            cannot be used.
        TrackingError: if MLflow cannot be reached.
    """
    assert settings.dagster_home is not None
    _make_writable(settings.home, "home", "DURATION_HOME")
    _make_writable(settings.dagster_home, "Dagster home", "DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    postgres = settings.dagster_postgres_url is not None
    with filelock.FileLock(settings.home / ".home.lock"):
        _remember_source(settings)
        _configure_dagster(settings.dagster_home, postgres=postgres)
        tracking = Tracking.of(settings)
        if tracking.may_be_new():
            tracking.prepare()
        tracking.close_abandoned_runs()
        instance = _open_instance(postgres=postgres)
        _decide_one_at_a_time(instance)
        return instance


def _decide_one_at_a_time(instance: DagsterInstance) -> None:
    """Give the pool of the runs that decide on champions one place, unless a person gave it any."""
    storage = instance.event_log_storage
    if DECIDING not in {each.name for each in storage.get_pool_limits()}:
        storage.set_concurrency_slots(DECIDING, 1)


def _configure_dagster(dagster_home: Path, *, postgres: bool) -> None:
    """Write Dagster's settings into a new home; those that are there are the user's own.

    Raises:
        HomeError: if what is there and the environment disagree on the database.
    """
    configuration = dagster_home / "dagster.yaml"
    if not configuration.exists():
        shipped = importlib.resources.files("duration_assets")
        parts = ["dagster.yaml", *(["dagster_postgres.yaml"] if postgres else [])]
        write_atomically(configuration, b"".join((shipped / name).read_bytes() for name in parts))
    elif postgres and _POSTGRES_VARIABLE not in configuration.read_text():
        raise HomeError(
            f"{_POSTGRES_VARIABLE} is set, and {configuration} does not read it: Dagster would go "
            "on with its old database. Move that file away, and a new one is written; runs are not "
            "moved."
        )
    elif not postgres and _POSTGRES_VARIABLE in configuration.read_text():
        raise HomeError(
            f"{configuration} reads {_POSTGRES_VARIABLE}, and that is not set: set it, or move the "
            "file away to start with a new SQLite database."
        )


def _open_instance(*, postgres: bool) -> DagsterInstance:
    """Connect to Dagster's database, and make its tables if they are not there.

    Raises:
        HomeError: if PostgreSQL cannot be used; the message holds no password.
    """
    from dagster import DagsterInstance

    if not postgres:
        return DagsterInstance.get()
    try:
        from dagster_postgres.utils import DagsterPostgresException
        from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError
    except ModuleNotFoundError as error:
        raise HomeError(
            f"{_POSTGRES_VARIABLE} needs the package {error.name}: "
            "pip install 'duration_assets[postgres]'."
        ) from error
    try:
        return DagsterInstance.get()
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise HomeError(
            f"{_POSTGRES_VARIABLE} asks for a driver that is not installed ({error}): let it start "
            "with postgresql+psycopg2://."
        ) from error
    except (DagsterPostgresException, SQLAlchemyError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise HomeError(
            f"Dagster's database at {_POSTGRES_VARIABLE} cannot be used: {reason}"
        ) from error


def _make_writable(folder: Path, what: str, variable: str) -> None:
    """Make a folder, and find out whether files can be written to it.

    Raises:
        HomeError: if not.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            """It can be written."""
    except OSError as error:
        raise HomeError(
            f"The {what} {folder} cannot be written ({error.strerror}): set {variable} to a folder "
            "that can."
        ) from error


def _remember_source(settings: Settings) -> None:
    """Keep a home to one source: months of two sources in one window would be silent nonsense."""
    memory = settings.home / _MEMORY
    now = without_secrets(settings.source)
    landed = any((settings.home / "store").glob(f"*/raw_trips/*/{MANIFEST}"))
    if not memory.exists() or not landed:
        # Of a source that no month came from yet, nothing can be mixed up.
        write_atomically(memory, json.dumps({"source": now}).encode())
        return
    try:
        source = json.loads(memory.read_text())["source"]
    except (ValueError, TypeError, KeyError) as error:
        raise HomeError(
            f"{memory}, which says what source filled this home, is damaged ({error}). If that was "
            f"{now}, remove the file and run it again; if not, set DURATION_HOME to another folder."
        ) from error
    if "://" not in source:
        # Written down as it was given, once.
        source = str(Path(source).absolute())
    if source != now:
        raise HomeError(
            f"The home {settings.home} was filled from {source}, and DURATION_SOURCE is now "
            f"{now}. Set DURATION_SOURCE back, or DURATION_HOME to another folder."
        )
