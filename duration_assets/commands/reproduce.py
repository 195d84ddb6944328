"""`reproduce`: train the model of an MLflow run again, and say whether it became the same one."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from duration_assets.commands.options import json_option
from duration_assets.commands.stopping import INTERRUPTED, interrupted_when_ended
from duration_assets.months import Month, spans
from duration_assets.settings import Settings

if TYPE_CHECKING:
    from duration_assets.modelling.training_record import TrainingRecord
    from duration_assets.reproduction.reproducing import Reproduction

_SHORT_HASH = 12


@click.command()
@click.argument("run_id")
@json_option
@click.pass_context
def reproduce(context: click.Context, run_id: str, as_json: bool) -> None:
    """Train the model of the MLflow run RUN_ID again, and say whether it became the same one.

    It is trained on the same files, which the store keeps, in a scratch folder; nothing in the
    home changes. The exit code is 0 if it became the same model, 1 if not.
    """
    from duration_assets.modelling.loading_xgboost import load_alone
    from duration_assets.progress import BarProgress
    from duration_assets.reproduction import reproducing

    load_alone()
    try:
        with interrupted_when_ended():
            found = reproducing.reproduce(Settings.load(), run_id, BarProgress(), _announce)
    except KeyboardInterrupt:
        click.echo("Interrupted. Nothing was changed.", err=True)
        context.exit(INTERRUPTED)
    for line in _lines(found):
        click.echo(line)
    if as_json:
        click.echo(json.dumps(_as_json(run_id, found)))
    context.exit(0 if found.same else 1)


def _announce(record: TrainingRecord) -> None:
    months = spans(Month.parse(month.month) for month in record.months)
    threads = record.settings["threads"]
    click.echo(
        f"{record.training_month} {record.service}/{record.feature_set}: training again on "
        f"{months} (trips: {record.trips:,}, rounds: {record.rounds:,}, threads: {threads})",
        err=True,
    )


def _lines(found: Reproduction) -> list[str]:
    """Say in words what came out of it."""
    content, rounds = found.made.content[:_SHORT_HASH], found.made.rounds
    listed = [f"  {each}" for each in found.differences]
    if found.same:
        besides = ["What differs, and made no difference:", *listed] if listed else []
        return [f"The same model: {rounds:,} trees, content {content}.", *besides]
    if found.first_difference is None:
        trees = "the trees are the same, the preprocessor is not"
    else:
        trees = f"the first tree that differs is number {found.first_difference:,} of {rounds:,}"
    why = "What differs:" if listed else "Nothing that was written down explains it."
    return [f"Another model: {trees}.", why, *listed]


def _as_json(run_id: str, found: Reproduction) -> dict[str, object]:
    return {
        "run_id": run_id,
        "service": found.logged.service,
        "feature_set": found.logged.feature_set,
        "training_month": found.logged.training_month,
        "same": found.same,
        "content": {"logged": found.logged.content, "now": found.made.content},
        "first_different_tree": found.first_difference,
        "differences": [asdict(each) for each in found.differences],
    }
