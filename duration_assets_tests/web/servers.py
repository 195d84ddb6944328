"""Dagster and MLflow as a user starts them, over homes with some simulated months made.

Everything that a test needs to know of them stands in `Servers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from duration_assets.definitions import build_definitions
from duration_assets.home import open_home
from duration_assets.months import Month
from duration_assets_tests.backfills.conftest import QUICK
from duration_assets_tests.development import Development, environment_of
from duration_assets_tests.homes import Home
from duration_assets_tests.mlflow_server import free_port
from duration_assets_tests.months import FEBRUARY, JANUARY, MARCH, simulated_folder

FIRST, LAST = Month(2022, 9), Month(2023, 4)
"""All of them are published; what is not made of them is what the tests make in the web UI."""

MADE = {
    "data": ("green/raw_trips", "green/cleaned_trips", "green/zone_statistics"),
    "models": (
        "green/metered/preprocessor",
        "green/metered/training_matrix",
        "green/metered/duration_model",
    ),
    "evaluations": ("green/metered/validation_matrix", "green/metered/evaluation"),
    "champions": ("green/metered/champion",),
}
"""The assets of each group, in the order in which they are made."""

_TRIPS = 6_000


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
def running_servers(home: Home, folder: Path, **variables: str) -> Iterator[Servers]:
    """Start `dev` on a home, and end every process afterwards.

    Args:
        home: what is served, at the ports of its settings.
        folder: where the log goes.
        variables: further environment variables.
    """
    settings = home.settings
    environment = {
        **environment_of(settings),
        "DURATION_THREADS": str(settings.threads),
        "PYTHONPATH": QUICK,
        **variables,
    }
    development = Development(
        environment, folder / "dev.log", settings.dagster_port, settings.mlflow_port
    )
    try:
        development.start()
        yield Servers(development.dagster, development.mlflow, home)
    finally:
        development.end()


def filled_home(folder: Path) -> Home:
    """Return a home in which the first three months of 2023 are made: two of them are judged."""
    home = _home(folder, FIRST, LAST)
    simulated_folder(home.source, *FIRST.through(LAST), rows=_TRIPS)
    home.train(JANUARY)
    home.train(FEBRUARY)
    _make(home, "models", MARCH)
    return home


def waiting_home(folder: Path) -> Home:
    """Return a home in which two months are made, and a third is not published yet."""
    home = _home(folder, JANUARY, MARCH)
    simulated_folder(home.source, JANUARY, FEBRUARY)
    home.train(JANUARY)
    _make(home, "models", FEBRUARY)
    _make(home, "champions", FEBRUARY)
    return home


def _home(folder: Path, first: Month, last: Month) -> Home:
    return Home(
        folder,
        first_month=str(first),
        last_month=str(last),
        threads=1,
        # What is made knows the address of MLflow's UI before that is served.
        dagster_port=free_port(),
        mlflow_port=free_port(),
    )


def _make(home: Home, group: str, month: Month) -> None:
    job = build_definitions(home.settings).resolve_job_def(f"green_metered_{group}")
    with open_home(home.settings) as instance:
        job.execute_in_process(partition_key=str(month), instance=instance)
