"""`status`: how every partition stands, month by asset."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from rich.table import Table

    from duration_assets.lineage import Node
    from duration_assets.partition_states import State

_STYLES = {"current": "green", "failed": "bold red", "stale": "yellow", "running": "cyan"}
_HEADINGS = {
    "zone_statistics": "zone\nstatis-\ntics",
    "preprocessor": "prepro-\ncessor",
    "training_matrix": "train-\ning\nmatrix",
    "duration_model": "dura-\ntion\nmodel",
    "validation_matrix": "vali-\ndation\nmatrix",
    "evaluation": "evalu-\nation",
}
"""Those that are broken further than between words, so that the table fits on 80 columns."""


@click.command()
@click.option("--from", "first", type=MONTH, help="First month; by default the first there is.")
@click.option("--to", "last", type=MONTH, help="Last month; by default the last there is.")
@service_option
@feature_set_option
@json_option
def status(
    first: Month | None, last: Month | None, service: str, feature_set: str, as_json: bool
) -> None:
    """Say of every month and asset whether it is missing, current, stale or failed."""
    from rich.console import Console

    from duration_assets.home import open_home
    from duration_assets.lineage import CHAMPIONS, MONITORING, nodes_of
    from duration_assets.partition_states import partition_states
    from duration_assets.resources.store import Store

    settings = settings_for(service, feature_set)
    nodes = nodes_of(service, feature_set, settings)
    there = list(settings.first_month_of(service).through(settings.last_partition))
    months = [month for month in there if (first or month) <= month <= (last or month)]
    if not months:
        raise SettingsError(
            f"There are no months from {first or there[0]} to {last or there[-1]}: {service} has "
            f"months from {there[0]} to {there[-1]}."
        )
    with open_home(settings) as instance:
        store = Store(settings.home / "store")
        states = partition_states(settings, instance, store, nodes, months)
    if as_json:
        click.echo(json.dumps(_by_asset(states)))
    else:
        # All assets side by side would not fit on 80 columns.
        in_use = [node for node in nodes if node.group in (CHAMPIONS, MONITORING)]
        made = [node for node in nodes if node not in in_use]
        for title, shown in ("", made), (", the model in use", in_use):
            Console().print(_table(f"{service}/{feature_set}{title}", shown, months, states))


def _by_asset(states: dict[tuple[str, Month], State]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for (key, month), state in states.items():
        found.setdefault(key, {})[str(month)] = _word(state)
    return found


def _table(
    title: str, nodes: list[Node], months: list[Month], states: dict[tuple[str, Month], State]
) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("month", no_wrap=True)
    for node in nodes:
        name = node.key.rpartition("/")[2]
        table.add_column(_HEADINGS.get(name, name.replace("_", "\n")), no_wrap=True)
    for month in months:
        found = (states.get((node.key, month)) for node in nodes)
        words = ("" if state is None else _word(state) for state in found)
        table.add_row(str(month), *(Text(word, _STYLES.get(word, "")) for word in words))
    return table


def _word(state: State) -> str:
    from duration_assets.partition_states import State

    return "running" if state is State.IN_PROGRESS else state.value
