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
from duration_assets.resources.store import write_atomically
from duration_assets.resources.tracking import Tracking
from duration_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

_MEMORY = "home.json"


def open_home(settings: Settings) -> DagsterInstance:
    """Make the home ready and return Dagster's instance in it.

    Raises:
        HomeError: if another source filled this home, or it cannot be written.
        TrackingError: if MLflow cannot be reached.
    """
    from dagster import DagsterInstance

    assert settings.dagster_home is not None
    _make_writable(settings.home, "home", "DURATION_HOME")
    _make_writable(settings.dagster_home, "Dagster home", "DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    with filelock.FileLock(settings.home / ".home.lock"):
        _remember_source(settings)
        shipped = settings.dagster_home / "dagster.yaml"
        if not shipped.exists():
            content = importlib.resources.files("duration_assets") / "dagster.yaml"
            write_atomically(shipped, content.read_bytes())
        tracking = Tracking(settings.tracking_uri, home=settings.home, ui_url=settings.mlflow_ui)
        tracking.prepare()
        tracking.close_abandoned_runs()
        return DagsterInstance.get()


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
    if not memory.exists():
        write_atomically(memory, json.dumps({"source": now}).encode())
        return
    try:
        source = json.loads(memory.read_text())["source"]
    except (ValueError, TypeError, KeyError) as error:
        raise HomeError(
            f"{memory}, which says what source filled this home, is damaged ({error}). If that was "
            f"{now}, remove the file and run it again; if not, set DURATION_HOME to another folder."
        ) from error
    if source != now:
        raise HomeError(
            f"The home {settings.home} was filled from {source}, and DURATION_SOURCE is now "
            f"{now}. Set DURATION_SOURCE back, or DURATION_HOME to another folder."
        )
