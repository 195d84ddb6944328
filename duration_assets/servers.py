"""Serving the web pages: Dagster's UI with its daemon, and MLflow's UI, until interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from rich.console import Console

from duration_assets.home import open_home
from duration_assets.settings import Settings

_LOOK_EVERY = 0.5
_END_WITHIN = 20.0


def serve(settings: Settings) -> None:
    """Serve until a signal comes or one of the servers ends; then end the others too.

    Args:
        settings: the addresses and the home.
    """
    open_home(settings).dispose()
    environment = {
        **os.environ,
        "DURATION_HOME": str(settings.home),
        "DAGSTER_HOME": str(settings.dagster_home),
    }
    console = Console()
    console.print(f"Dagster: http://{settings.host}:{settings.dagster_port}", highlight=False)
    console.print(f"MLflow:  {settings.mlflow_ui}", highlight=False)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    processes = [
        subprocess.Popen(command, env=environment, start_new_session=True)
        for command in _commands(settings)
    ]
    try:
        while all(process.poll() is None for process in processes):
            time.sleep(_LOOK_EVERY)
    except KeyboardInterrupt:
        pass
    finally:
        _end(processes)


def _commands(settings: Settings) -> list[list[str]]:
    """Return a command line for each server."""
    dagster = [
        *(sys.executable, "-m", "dagster", "dev", "-m", "duration_assets.definitions"),
        *("-h", settings.host, "-p", str(settings.dagster_port)),
    ]
    if settings.tracking_uri.startswith("http"):
        return [dagster]
    mlflow = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--host", settings.host, "--port", str(settings.mlflow_port)),
        *("--backend-store-uri", settings.tracking_uri),
        *("--default-artifact-root", str(settings.home / "mlartifacts")),
    ]
    return [dagster, mlflow]


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """Ask each server and its children to end, and make sure that they do."""
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
    for process in processes:
        try:
            process.wait(_END_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
