"""`backfill`: make many months by Dagster's daemon, and say what became of each."""

from __future__ import annotations

import click

from duration_assets.commands.display import bar_with_lines
from duration_assets.commands.options import (
    MONTH,
    feature_set_option,
    json_option,
    service_option,
    settings_for,
)
from duration_assets.commands.stopping import interrupted_when_ended
from duration_assets.months import Month

GROUP_NAMES = ("data", "models", "evaluations")
"""As in `lineage.py`, which takes as long to import as everything else that `--help` needs."""
FURTHER_GROUP_NAMES = ("champions", "monitoring")
"""What is made where it is asked for alone."""


@click.command()
@click.option("--from", "first", type=MONTH, required=True, help="First month, 2021-01.")
@click.option("--to", "last", type=MONTH, required=True, help="Last month.")
@service_option
@feature_set_option
@click.option(
    "--only",
    type=click.Choice([*GROUP_NAMES, *FURTHER_GROUP_NAMES]),
    help="One group of assets alone.",
)
@click.option("--failed", is_flag=True, help="What failed, and what waits for it, alone.")
@click.option("--force", is_flag=True, help="Make it again also where it is up to date.")
@json_option
@click.pass_context
def backfill(
    context: click.Context,
    first: Month,
    last: Month,
    service: str,
    feature_set: str,
    only: str | None,
    failed: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Make the data, models and evaluations of many months, by Dagster's daemon.

    What is up to date is left as it is, so that the same command again makes what is left. A daemon
    is started if none runs, and ends with the command.
    """
    from rich.console import Console

    from duration_assets.backfills.following import Backfilling
    from duration_assets.backfills.planning import Request, check_months
    from duration_assets.backfills.results import any_failed, as_json_text, reasons, table
    from duration_assets.disk_space import full_disk_explained
    from duration_assets.home import open_home

    settings = settings_for(service, feature_set)
    groups = GROUP_NAMES if only is None else (only,)
    request = Request(service, feature_set, first, last, groups, failed, force)
    # Before there is a home.
    check_months(request, settings)
    with (
        interrupted_when_ended(),
        full_disk_explained(settings),
        open_home(settings) as instance,
        bar_with_lines("Backfill", "partitions") as display,
    ):
        carried = Backfilling(settings, instance, request, display).carry_out()
    if as_json:
        click.echo(as_json_text(carried.plan, carried.backfill_ids, carried.outcomes))
    else:
        Console().print(table(carried.outcomes))
        for line in reasons(carried.outcomes):
            click.echo(line)
    if any_failed(carried.outcomes):
        click.echo("To make what failed again: the same command with --failed.", err=True)
        context.exit(1)
