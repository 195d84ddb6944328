"""`promote` and `rollback`: say by hand which model is in use, with a reason that is kept."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from duration_assets.commands.options import (
    MONTH,
    feature_set_option,
    json_option,
    service_option,
    settings_for,
)
from duration_assets.errors import SettingsError
from duration_assets.months import Month

_reason_option = click.option("--reason", required=True, help="Why; it is kept.")


@click.command()
@service_option
@feature_set_option
@click.option("--training-month", type=MONTH, help="The newest model of this month, 2023-01.")
@click.option("--version", type=click.IntRange(min=1), help="A version in MLflow's registry.")
@_reason_option
@json_option
def promote(
    service: str,
    feature_set: str,
    training_month: Month | None,
    version: int | None,
    reason: str,
    as_json: bool,
) -> None:
    """Make a model the champion, the one in use, whatever it is compared with."""
    if (training_month is None) == (version is None):
        raise click.UsageError("Give either --training-month or --version.")
    config: dict[str, Any] = (
        {"version": version} if version is not None else {"training_month": str(training_month)}
    )
    _decide("promote", service, feature_set, config, reason, as_json=as_json)


@click.command()
@service_option
@feature_set_option
@_reason_option
@json_option
def rollback(service: str, feature_set: str, reason: str, as_json: bool) -> None:
    """Go back to the champion of before."""
    _decide("rollback", service, feature_set, {}, reason, as_json=as_json)


def _decide(
    what: str,
    service: str,
    feature_set: str,
    config: dict[str, Any],
    reason: str,
    *,
    as_json: bool,
) -> None:
    from duration_assets.deciding import decide_by_hand
    from duration_assets.home import open_home
    from duration_assets.resources.registry import registered_name

    if not reason.strip():
        raise SettingsError("--reason is empty: say why, it is kept.")
    settings = settings_for(service, feature_set)
    with open_home(settings) as instance:
        decision = decide_by_hand(
            settings, instance, service, feature_set, what, {**config, "reason": reason}
        )
    name = registered_name(service, feature_set)
    click.echo(
        f"{name}: version {decision.champion_version}, trained up to "
        f"{decision.champion_training_month}, is the champion now."
    )
    if as_json:
        click.echo(json.dumps({"name": name, **asdict(decision)}))
