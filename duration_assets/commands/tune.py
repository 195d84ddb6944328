"""`tune`: search for parameters on rolling months, and say where those that were found lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duration_assets.commands.options import (
    MONTH,
    feature_set_option,
    json_option,
    service_option,
    settings_for,
)
from duration_assets.months import Month

if TYPE_CHECKING:
    from duration_assets.resources.partition import Partition
    from duration_assets.settings import Settings


@click.command()
@service_option
@feature_set_option
@click.option(
    "--through", type=MONTH, required=True, help="Last month to use; later ones judge the result."
)
@click.option(
    "--months",
    type=click.IntRange(1, 12),
    default=4,
    show_default=True,
    help="Validation months, spread over the year that ends with --through.",
)
@click.option("--window", type=click.IntRange(1, 24), help="Months to train on.")
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="Trials in all, those of an earlier call included.",
)
@click.option("--rows", type=click.IntRange(min=1_000), help="Trips to train on at most: a sample.")
@click.option(
    "--timeout", type=click.FloatRange(min=1), help="Seconds after which no trial is begun."
)
@click.option(
    "--write",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of parameters to put the result into, beside those of other feature sets.",
)
@json_option
def tune(
    service: str,
    feature_set: str,
    through: Month,
    months: int,
    window: int | None,
    trials: int,
    rows: int | None,
    timeout: float | None,
    write: Path | None,
    as_json: bool,
) -> None:
    """Search for parameters of XGBoost, on rolling months up to THROUGH.

    Each trial is judged on several months, each time trained on the months before it. What was
    tried before is not tried again: the same command goes on from there.
    """
    from duration_assets.assets.tuned_parameters import PARAMETERS_FILE

    settings = settings_for(service, feature_set, window)
    options = {"months": months, "trials": trials, "rows": rows, "timeout": timeout}
    if write is not None:
        # A search may take hours.
        _read_before(write)
    found = _tune(settings, service, feature_set, through, options)
    path = found.file(PARAMETERS_FILE)
    _print(found, write or path)
    if write is not None:
        _put_into(write, path)
    if as_json:
        click.echo(json.dumps(_as_json(found, service, feature_set, write or path)))


def _tune(
    settings: Settings, service: str, feature_set: str, through: Month, options: dict[str, Any]
) -> Partition:
    from duration_assets.backtests.tuning import plan_tuning
    from duration_assets.dagster_databases import kept_open
    from duration_assets.disk_space import full_disk_explained
    from duration_assets.home import open_home
    from duration_assets.progress import BarProgress
    from duration_assets.running import tune as run

    # What is missing is named before anything is started.
    plan_tuning(service, feature_set, through, options["months"], settings)
    assert settings.dagster_home is not None
    with (
        full_disk_explained(settings),
        kept_open(settings.dagster_home),
        open_home(settings) as instance,
    ):
        return run(settings, instance, service, feature_set, through, options, BarProgress())


def _put_into(file: Path, found: Path) -> None:
    """Put parameters into a file, which is made if it is not there; others in it stay.

    Raises:
        SettingsError: if the file holds something else.
        StoreError: if it cannot be written.
    """
    from duration_assets.modelling.parameters import as_text, read_tuned
    from duration_assets.resources.files import write_atomically
    from duration_assets.resources.table_files import unwritable

    together = as_text({**_read_before(file), **read_tuned(found)})
    try:
        write_atomically(file, together.encode())
    except OSError as error:
        raise unwritable(file, error.strerror or str(error)) from error


def _read_before(file: Path) -> dict[str, Any]:
    """Return the parameters that are in a file now, and see whether it could be written."""
    from duration_assets.modelling.parameters import read_tuned
    from duration_assets.resources.table_files import check_place

    check_place(file)
    return dict(read_tuned(file)) if file.exists() else {}


def _print(found: Partition, path: Path) -> None:
    summary = found.summary
    if found.simulated:
        click.echo("SIMULATED trips: these figures say nothing about New York.")
    click.echo("RMSE in minutes of the best trial and of the parameters before, by month:")
    for month, rmse in summary["rmse"].items():
        click.echo(f"  {month}  {rmse:.5f}  {summary['reference_rmse'][month]:.5f}")
    click.echo(f"In the mean {summary['rmse_ratio']:.5f} of it, in trial {summary['best_trial']}:")
    for name, value in summary["parameters"].items():
        click.echo(f"  {name:<20} {value}")
    click.echo(f"MLflow run_id: {summary['run_id']}")
    click.echo(f"Train with them: DURATION_PARAMETERS={path.absolute()}")


def _as_json(found: Partition, service: str, feature_set: str, path: Path) -> dict[str, Any]:
    return {
        "service": service,
        "feature_set": feature_set,
        "simulated": found.simulated,
        **found.summary,
        "file": str(path.absolute()),
    }
