"""`predict`: the durations of all trips in a file, by the model in use or another."""

from __future__ import annotations

import json
from dataclasses import asdict
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
from duration_assets.commands.stopping import INTERRUPTED, interrupted_when_ended
from duration_assets.months import Month

if TYPE_CHECKING:
    from duration_assets.modelling.batch_predictions import BatchSummary
    from duration_assets.predicting import ChosenModel, PredictedFile


@click.command()
@click.argument("trips", metavar="INPUT", type=click.Path(path_type=Path))
@click.argument("output", metavar="OUTPUT", type=click.Path(path_type=Path))
@service_option
@feature_set_option
@click.option("--model-version", type=click.IntRange(min=1), help="Version in MLflow's registry.")
@click.option("--training-month", type=MONTH, help="The model of this month in the store.")
@json_option
@click.pass_context
def predict(
    context: click.Context,
    trips: Path,
    output: Path,
    service: str,
    feature_set: str,
    model_version: int | None,
    training_month: Month | None,
    as_json: bool,
) -> None:
    """Predict the durations of all trips in INPUT, and write them to OUTPUT.

    Both are Parquet or CSV files, as their names end; INPUT has TLC's columns. The champion
    predicts, unless a model is named. What OUTPUT held before is replaced when all is written.
    """
    from duration_assets.modelling.loading_xgboost import load_alone
    from duration_assets.predicting import choose_model, predict_file
    from duration_assets.progress import BarProgress

    load_alone()
    settings = settings_for(service, feature_set)
    try:
        with interrupted_when_ended():
            chosen = choose_model(
                settings,
                service,
                feature_set,
                version=model_version,
                training_month=training_month,
            )
            with BarProgress().task(f"Predicting {trips.name}", "trips", None) as report:
                done = predict_file(chosen, trips, output, report, threads=settings.threads)
    except KeyboardInterrupt:
        click.echo(f"Interrupted. {output} was not changed.", err=True)
        context.exit(INTERRUPTED)
    for line in _lines(chosen, done, output):
        click.echo(line)
    if as_json:
        click.echo(json.dumps(_as_json(chosen, done, output)))


def _lines(chosen: ChosenModel, done: PredictedFile, output: Path) -> list[str]:
    """Say in words what was predicted."""
    found = done.summary
    lines = ["SIMULATED trips: these figures say nothing about New York."] if done.simulated else []
    lines.append(
        f"{output}: {found.predicted:,} of {found.rows:,} trips predicted by {chosen.version}, "
        f"trained up to {chosen.registered.training_month}."
    )
    return [*lines, *_remarks(found), *_errors(found)]


def _remarks(found: BatchSummary) -> list[str]:
    counts = {
        "no pickup time, so that there is no prediction": found.without_pickup_time,
        "a zone that is unknown, and is predicted as any": found.unknown_zones,
        "no distance": found.missing_distance,
    }
    return [f"  {count:,} with {what}" for what, count in counts.items() if count]


def _errors(found: BatchSummary) -> list[str]:
    if found.rmse is None:
        return ["No trip says that it took 1 to 60 minutes, so nothing is known of the errors."]
    inside = "" if found.coverage is None else f", {found.coverage:.1%} within their intervals"
    return [
        f"On the {found.judged:,} trips that took 1 to 60 minutes: RMSE {found.rmse:.5f}, "
        f"MAE {found.mae:.5f} minutes{inside}."
    ]


def _as_json(chosen: ChosenModel, done: PredictedFile, output: Path) -> dict[str, Any]:
    return {
        "output": str(output),
        "service": chosen.registered.service,
        "feature_set": chosen.registered.feature_set,
        "model_version": chosen.version,
        "run_id": chosen.registered.run_id,
        "training_month": str(chosen.registered.training_month),
        "simulated": done.simulated,
        **asdict(done.summary),
        "without_pickup_time": done.summary.without_pickup_time,
    }
