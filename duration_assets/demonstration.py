"""The demonstration: models trained and judged offline, on months that the project simulates."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from duration_assets.dagster_databases import kept_open
from duration_assets.disk_space import full_disk_explained
from duration_assets.errors import SettingsError
from duration_assets.home import open_home
from duration_assets.months import Month
from duration_assets.progress import BarProgress
from duration_assets.resources.trip_source import FILE_NAME
from duration_assets.running import Announce, Trained, train
from duration_assets.settings import Settings
from duration_assets.simulation.writer import simulate_source

HOME = Path(".duration-demo")
SERVICE, FEATURE_SET = "green", "metered"
FIRST, LAST = Month(2023, 1), Month(2023, 4)
WINDOW = 2


def run_demonstration(rows: int, announce: Announce) -> None:
    """Simulate months, train on all but the last, judge each, and print what came out.

    Args:
        rows: simulated trips a month.
        announce: told what is made.

    Raises:
        SettingsError: if it was run with months of another size: what is landed stays.
    """
    source = HOME.absolute() / "simulated-months"
    _check_rows(source / FILE_NAME.format(service=SERVICE, month=FIRST), rows)
    simulate_source(source, [SERVICE], FIRST.through(LAST), rows)
    settings = Settings.load(
        home=HOME,
        dagster_home=HOME / "dagster",
        dagster_postgres_url=None,
        mlflow_tracking_uri=f"sqlite:///{HOME.absolute() / 'mlflow.db'}",
        source=str(source),
        services=[SERVICE],
        feature_sets=[FEATURE_SET],
        first_month=str(FIRST),
        last_month=str(LAST),
        window=WINDOW,
    )
    with (
        full_disk_explained(settings),
        kept_open(HOME / "dagster"),
        open_home(settings) as instance,
    ):
        trained = [
            train(
                settings,
                instance,
                SERVICE,
                FEATURE_SET,
                month,
                announce,
                progress=BarProgress(),
            )
            for month in FIRST.through(LAST.shift(-1))
        ]
    console = Console()
    console.print(_table(trained))
    console.print(
        "All trips are SIMULATED: the figures say nothing about New York.\n"
        f"MLflow's store: {settings.tracking_uri}\n"
        "Web UI of these months:\n"
        f"  DURATION_HOME={HOME} DURATION_SOURCE={source} DURATION_FIRST_MONTH={FIRST} "
        f"DURATION_LAST_MONTH={LAST} DURATION_WINDOW={WINDOW} make dev\n"
        f"  Dagster at http://{settings.host}:{settings.dagster_port}, "
        f"MLflow at {settings.mlflow_ui}\n"
        "Real trips, from TLC's public bucket:\n"
        "  .venv/bin/duration-prediction --year 2023 --month 1",
        soft_wrap=True,
        highlight=False,
    )


def _check_rows(simulated: Path, rows: int) -> None:
    before = pq.read_metadata(simulated).num_rows if simulated.is_file() else rows
    if before != rows:
        raise SettingsError(
            f"The demonstration in {HOME} has {before:,} trips a month: ask for --rows {before}, "
            f"or remove the folder {HOME} to begin with {rows:,}."
        )


def _table(trained: list[Trained]) -> Table:
    table = Table(title="Trained on simulated trips; errors in minutes")
    for heading in ("window", "judged on", "RMSE", "MAE", "pair median's RMSE", "MLflow run"):
        table.add_column(heading)
    for each in trained:
        window = each.plan.window
        table.add_row(
            f"{window[0]} to {window[-1]}",
            str(each.plan.validation_month),
            f"{each.metrics['rmse']:.3f}",
            f"{each.metrics['mae']:.3f}",
            f"{each.metrics['baseline_pair_median_rmse']:.3f}",
            each.run_id[:8],
        )
    return table
