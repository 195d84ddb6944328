"""`serve`: answer requests for predictions with the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from duration_assets.commands.options import feature_set_option, service_option, settings_for

if TYPE_CHECKING:
    from duration_assets.serving.champions import Champion
    from duration_assets.serving.running import Serving


@click.command()
@service_option
@feature_set_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=9696, show_default=True, help="Port."
)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes."
)
def serve(service: str, feature_set: str, host: str, port: int, workers: int) -> None:
    """Serve the champion's predictions over HTTP; another champion is taken up by itself."""
    from duration_assets.serving import running

    settings = settings_for(service, feature_set)
    running.serve(settings, running.Serving(service, feature_set, host, port, workers), _say)


def _say(serving: Serving, champion: Champion | None, answers: bool) -> None:
    from duration_assets.serving.application import no_champion

    click.echo(f"Predictions: {serving.url}/predict (workers: {serving.workers})")
    click.echo(f"What can be asked: {serving.url}/docs")
    if champion is None:
        waits = "The registry does not answer: its champion is served as soon as it does."
        missing = no_champion(serving.service, serving.feature_set)
        click.echo(missing if answers else waits, err=True)
        return
    registered = champion.registered
    click.echo(
        f"Champion: version {registered.version} of {registered.name}, trained on "
        f"{registered.training_month}"
    )
    if registered.simulated:
        click.echo("SIMULATED trips: these predictions say nothing about New York.")
