"""The command line: arguments in, messages out. What a command does is done elsewhere."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import click
from click_default_group import DefaultGroup

from duration_assets.commands.backfill import backfill
from duration_assets.commands.backtest import backtest
from duration_assets.commands.champion import promote, rollback
from duration_assets.commands.options import (
    MONTH,
    feature_set_option,
    json_option,
    service_option,
    settings_for,
)
from duration_assets.commands.predict import predict
from duration_assets.commands.report import report
from duration_assets.commands.reproduce import reproduce
from duration_assets.commands.serve import serve
from duration_assets.commands.status import status
from duration_assets.commands.stopping import INTERRUPTED
from duration_assets.commands.tune import tune
from duration_assets.errors import RESUME, DurationError, SettingsError, StoreError
from duration_assets.garbage import not_searched_at_the_end, seldom_searched
from duration_assets.months import Month
from duration_assets.settings import Settings


class _Group(DefaultGroup):  # type: ignore[misc]
    """Prints the message of an expected error or of an interruption, and nothing else."""

    def resolve_command(self, context: click.Context, args: list[str]) -> Any:
        name = args[0]
        # Only options may stand there without a command: they are those of `train`.
        if not name.startswith("-") and name not in self.commands:
            near = difflib.get_close_matches(name, self.commands) or sorted(self.commands)
            raise click.UsageError(
                f"There is no command '{name}'. Choose one of: {', '.join(near)}.", context
            )
        return super().resolve_command(context, args)

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except DurationError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt as stop:
            unfinished = "".join(f": {what} was not finished" for what in stop.args)
            click.echo(f"Interrupted{unfinished}. {RESUME}", err=True)
            context.exit(INTERRUPTED)


@click.group(cls=_Group, default="train", default_if_no_args=False)
@click.version_option(package_name="duration_assets")
def main() -> None:
    """Predict how long a New York taxi trip takes, with models that are kept current by month."""
    seldom_searched()
    not_searched_at_the_end()


@main.command()
@click.option("--year", type=int, required=True, help="Year of the training month.")
@click.option("--month", type=int, required=True, help="Training month, 1 to 12.")
@service_option
@feature_set_option
@click.option("--window", type=click.IntRange(1, 24), help="Months to train on.")
@click.option("--force", is_flag=True, help="Make it again also where it is up to date.")
@json_option
def train(
    year: int,
    month: int,
    service: str,
    feature_set: str,
    window: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Train on the months up to YEAR and MONTH, and judge the model on the month after."""
    training_month = Month(year, month)
    settings = settings_for(service, feature_set, window)
    settings.check_training_month(service, training_month)
    trained = _train(settings, service, feature_set, training_month, force)
    _leave_course_files(trained)
    _print_trained(trained)
    if as_json:
        click.echo(json.dumps(_as_json(trained, service, feature_set, training_month)))


@main.command()
@click.option(
    "--rows",
    type=click.IntRange(1_000),
    default=20_000,
    show_default=True,
    help="Simulated trips a month.",
)
def demo(rows: int) -> None:
    """Train and evaluate models offline, on months that are simulated first."""
    from duration_assets.demonstration import run_demonstration

    run_demonstration(rows, _announce)


@main.command()
@service_option
@click.option(
    "--from", "first", type=MONTH, default="2023-01", show_default=True, help="First month."
)
@click.option("--to", "last", type=MONTH, default="2023-04", show_default=True, help="Last month.")
@click.option("--rows", default=20_000, show_default=True, help="Trips a month.")
@click.option("--seed", default=0, show_default=True, help="Another seed gives other trips.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def simulate(folder: Path, service: str, first: Month, last: Month, rows: int, seed: int) -> None:
    """Write simulated months in TLC's schema to FOLDER, to be used as DURATION_SOURCE."""
    from duration_assets.progress import BarProgress
    from duration_assets.simulation.writer import simulate_source

    months = list(first.through(last))
    if not months:
        raise SettingsError(f"There are no months from {first} to {last}: --from is after --to.")
    bar = BarProgress()
    paths = simulate_source(
        folder, [service], months, rows, seed, lambda path: bar.task(path.name, "trips", None)
    )
    for path in paths:
        click.echo(f"{path} (simulated)")


@main.command()
def dev() -> None:
    """Serve the web UI with the daemon, and MLflow's UI, on this machine."""
    from duration_assets import servers

    servers.serve(Settings.load())


main.add_command(backfill)
main.add_command(backtest)
main.add_command(predict)
main.add_command(promote)
main.add_command(report)
main.add_command(reproduce)
main.add_command(rollback)
main.add_command(serve)
main.add_command(status)
main.add_command(tune)


def _train(settings: Settings, service: str, feature_set: str, month: Any, force: bool) -> Any:
    from duration_assets.dagster_databases import kept_open
    from duration_assets.disk_space import full_disk_explained
    from duration_assets.home import open_home
    from duration_assets.progress import BarProgress
    from duration_assets.running import train

    assert settings.dagster_home is not None
    with (
        full_disk_explained(settings),
        kept_open(settings.dagster_home),
        open_home(settings) as instance,
    ):
        return train(
            settings,
            instance,
            service,
            feature_set,
            month,
            _announce,
            force=force,
            progress=BarProgress(),
            waiting=_announce_waiting,
        )


def _announce(group: str, month: Any, assets: tuple[str, ...]) -> None:
    """Say on standard error what is made and what is up to date."""
    if assets:
        names = ", ".join(asset.rpartition("/")[2] for asset in assets)
        click.echo(f"{month} {group}: making {names}", err=True)
    else:
        click.echo(f"{month} {group}: up to date", err=True)


def _announce_waiting(group: str, month: Any, who: str) -> None:
    click.echo(f"{month} {group}: waiting for {who}, which is making it", err=True)


def _leave_course_files(trained: Any) -> None:
    """Write the two files that the course's script leaves in the working folder.

    Raises:
        StoreError: if they cannot be written.
    """
    from duration_assets.resources.files import write_atomically

    try:
        write_atomically(Path("models") / "preprocessor.b", trained.preprocessor)
        write_atomically(Path("run_id.txt"), trained.run_id.encode())
    except OSError as error:
        raise StoreError(
            "The model is trained, but run_id.txt and models/preprocessor.b cannot be written to "
            f"the working folder {Path.cwd()} ({error.strerror}). Both are in the home as well; "
            "run it again from a folder that can be written."
        ) from error


def _print_trained(trained: Any) -> None:
    window = trained.plan.window
    if trained.simulated:
        click.echo("SIMULATED trips: these figures say nothing about New York.")
    click.echo(
        f"Trained on {window[0]} to {window[-1]} ({len(window)} months), judged on "
        f"{trained.plan.validation_month}, in minutes:"
    )
    for name, value in trained.metrics.items():
        click.echo(f"  {name:<36} {value:.5f}")
    click.echo(f"MLflow run_id: {trained.run_id}")


def _as_json(trained: Any, service: str, feature_set: str, month: Any) -> dict[str, Any]:
    return {
        "service": service,
        "feature_set": feature_set,
        "training_month": str(month),
        "validation_month": str(trained.plan.validation_month),
        "window": [str(each) for each in trained.plan.window],
        "run_id": trained.run_id,
        "model_uri": trained.model_uri,
        "simulated": trained.simulated,
        "metrics": trained.metrics,
    }
