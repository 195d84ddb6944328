"""What is out of date: which partitions have to be made, in which order. Knows no Dagster runs.

A partition is current if it was made by today's code and settings from exactly the data versions
that its inputs have now, and breaks no blocking rule.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass

from duration_assets.lineage import MODELS, Node, data_nodes, model_nodes
from duration_assets.modelling.quality import blocking_problems
from duration_assets.months import Month, window_months
from duration_assets.resources.partition import partition_name
from duration_assets.resources.store import Store
from duration_assets.settings import Settings


@dataclass(frozen=True)
class Plan:
    """What one training takes.

    Attributes:
        window: the months to train on, oldest first.
        validation_month: the month to judge on.
        stages: what may have to be made for each month, in order.
    """

    window: list[Month]
    validation_month: Month
    stages: list[tuple[tuple[Node, ...], Month]]


def plan_training(service: str, feature_set: str, month: Month, settings: Settings) -> Plan:
    """List what a training and its evaluation are made from, in the order to make it in."""
    first = settings.first_month_of(service)
    window = window_months(month, settings.window_of(feature_set), first)
    data = tuple(data_nodes(service, settings))
    nodes = model_nodes(service, feature_set, settings)
    models = tuple(node for node in nodes if node.group == MODELS)
    evaluations = tuple(node for node in nodes if node.group != MODELS)
    validation = month.shift(1)
    stages = [(data, needed) for needed in [*window, validation]]
    return Plan(window, validation, [*stages, (models, month), (evaluations, validation)])


def out_of_date(
    nodes: tuple[Node, ...],
    month: Month,
    first: Month,
    store: Store,
    *,
    force: bool = False,
    failed: Container[str] = (),
) -> tuple[Node, ...]:
    """Return those of a group's assets that have to be made for a month.

    Args:
        nodes: the assets, in order.
        month: the month.
        first: the first month of the service.
        store: where the partitions are.
        force: make everything again, but for files that are landed.
        failed: keys of those whose last run failed, be it after the partition was written.
    """
    needed: list[Node] = []
    refused = any(_is_refused(node, month, store) for node in nodes)
    for node in nodes:
        # What is wrong with a month may be put right at its source by now.
        lands_again = refused and not node.reads
        upstream_is_made = any(reads.asset == other.key for other in needed for reads in node.reads)
        again = (force and node.reads) or node.key in failed
        if again or lands_again or upstream_is_made or not is_current(node, month, first, store):
            needed.append(node)
    read = {reads.asset for node in needed for reads in node.reads}
    return tuple(
        node
        for node in nodes
        if node in needed or (node.key in read and _is_dropped(node, month, store))
    )


def _is_dropped(node: Node, month: Month, store: Store) -> bool:
    found = store.find(node.key, month)
    return found is not None and found.is_dropped


def is_current(node: Node, month: Month, first: Month, store: Store) -> bool:
    """Say whether a partition is there and made from what its inputs are now."""
    found = store.find(node.key, month)
    if found is None or found.code_version != node.code_version:
        return False
    if blocking_problems(node.key, found.summary):
        return False
    return found.inputs == dict(_versions_now(node, month, first, store))


def _is_refused(node: Node, month: Month, store: Store) -> bool:
    """Say whether a partition is there and breaks a blocking rule."""
    found = store.find(node.key, month)
    return found is not None and bool(blocking_problems(node.key, found.summary))


def _versions_now(
    node: Node, month: Month, first: Month, store: Store
) -> Iterator[tuple[str, str]]:
    for asset, upstream in node.inputs(month, first):
        found = store.find(asset, upstream)
        yield partition_name(asset, upstream), "" if found is None else found.data_version
