"""Dagster and MLflow as a user starts them, over a home with some simulated months made.

Everything that a test needs to know of them stands in `Servers`. The processes are started through
`duration-prediction dev`, and ended with all that they have started.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from duration_assets.definitions import build_definitions
from duration_assets.home import open_home
from duration_assets.months import Month
from duration_assets.servers import _answers
from duration_assets_tests.homes import Home
from duration_assets_tests.mlflow_server import free_port
from duration_assets_tests.months import FEBRUARY, JANUARY, MARCH, simulated_folder

LAST = Month(2023, 4)
"""Published, but not made: what the tests make in the web UI."""

_TRIPS = 6_000
_ANSWER_WITHIN = 120.0
_END_WITHIN = 30.0
_LOOK_EVERY = 0.2


@dataclass(frozen=True)
class Servers:
    """Both web UIs, and the home that they show.

    Attributes:
        dagster: address of Dagster's UI.
        mlflow: address of MLflow's UI.
        home: the home, with its store and its source folder.
    """

    dagster: str
    mlflow: str
    home: Home


@contextmanager
def running_servers(folder: Path) -> Iterator[Servers]:
    """Fill a home in `folder`, start `dev` on it, and end every process afterwards."""
    home = filled_home(folder)
    settings = home.settings
    servers = Servers(
        f"http://{settings.host}:{settings.dagster_port}",
        f"http://{settings.host}:{settings.mlflow_port}",
        home,
    )
    log = folder / "dev.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "duration_assets", "dev"],
            env=_environment(home),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            for address in (f"{servers.dagster}/server_info", f"{servers.mlflow}/health"):
                _wait_for(address, process, log)
            yield servers
        finally:
            _end(process)


def filled_home(folder: Path) -> Home:
    """Return a home in which all but the last month is made, and all but the last judged."""
    home = Home(
        folder,
        last_month=str(LAST),
        threads=1,
        dagster_port=free_port(),
        mlflow_port=free_port(),
    )
    simulated_folder(home.source, *JANUARY.through(LAST), rows=_TRIPS)
    home.train(JANUARY)
    home.train(FEBRUARY)
    job = build_definitions(home.settings).resolve_job_def("green_metered_models")
    with open_home(home.settings) as instance:
        job.execute_in_process(partition_key=str(MARCH), instance=instance)
    return home


def _environment(home: Home) -> dict[str, str]:
    """Return this process's environment with the home's settings, as a user would set them."""
    settings = home.settings
    ours = ("DURATION_", "MLFLOW_", "DAGSTER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {
        "DURATION_HOME": str(settings.home),
        "DURATION_SOURCE": str(home.source),
        "DURATION_FIRST_MONTH": str(settings.first_month_of("green")),
        "DURATION_LAST_MONTH": str(settings.last_partition),
        "DURATION_WINDOW": str(settings.window),
        "DURATION_THREADS": str(settings.threads),
        # The sensor lands nothing before its second look: the tests themselves make what they want.
        "DURATION_LOOK_EVERY": "86400",
        "DURATION_DAGSTER_PORT": str(settings.dagster_port),
        "DURATION_MLFLOW_PORT": str(settings.mlflow_port),
    }


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when an address answers.

    Raises:
        RuntimeError: if the servers ended or the time is over, with the end of their log.
    """
    give_up = time.monotonic() + _ANSWER_WITHIN
    while process.poll() is None and time.monotonic() < give_up:
        if _answers(address):
            return
        time.sleep(_LOOK_EVERY)
    raise RuntimeError(f"{address} does not answer:\n{log.read_text()[-3000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask `dev` to end, and make sure that nothing of what it has started is left."""
    started = psutil.Process(process.pid).children(recursive=True) if _is_alive(process) else []
    process.terminate()
    try:
        process.wait(_END_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, left = psutil.wait_procs(started, timeout=5)
    for each in left:
        each.kill()
    psutil.wait_procs(left)


def _is_alive(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None
