"""The standing check: nothing that failed, and nothing that was left stale, is forgotten.

The automation conditions ask for a partition when something that it reads changes. When that
happens while the partition is being made, the change counts as answered, and the partition stays
as it is: made from what was there before. This check finds it in the store and asks again. What
failed is left to a person, and named at every tick.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import dagster as dg

from duration_assets.errors import StoreError
from duration_assets.lineage import Node, all_nodes
from duration_assets.modelling.quality import blocking_problems
from duration_assets.months import Month
from duration_assets.partition_states import State, StoreView, partition_states, service_of
from duration_assets.planning import out_of_date
from duration_assets.recovery import recover
from duration_assets.resources.partition import partition_name
from duration_assets.resources.store import Store
from duration_assets.resources.tracking import Tracking
from duration_assets.settings import Settings

CHECK_EVERY = 60
"""Seconds between two looks, at least: the automation comes first, which looks more often."""

States = Mapping[tuple[str, Month], State]


@dataclass(frozen=True)
class LeftStale:
    """A group's assets that were left stale for a month.

    Attributes:
        nodes: the assets that have to be made, in order.
        month: the month.
        key: stands for what was made and what it would be made from now, so that the same is
            asked for once.
    """

    nodes: tuple[Node, ...]
    month: Month
    key: str


@dataclass(frozen=True)
class Review:
    """What a look at every partition found.

    Attributes:
        failed: partitions that a person has to do something about, by asset's key and month.
        stale: what to ask for, if it is still so at the next look.
    """

    failed: list[tuple[str, Month]]
    stale: list[LeftStale]


def review(settings: Settings, nodes: Sequence[Node], states: States, store: Store) -> Review:
    """Look at every partition.

    Args:
        settings: say which month is the first.
        nodes: all assets, in the order in which they are made.
        states: how each partition stands.
        store: where the partitions are.
    """
    failed = [partition for partition, state in states.items() if state is State.FAILED]
    stale: list[LeftStale] = []
    coming: set[tuple[str, Month]] = set()
    months = sorted({month for _, month in states})
    for group in _groups(nodes):
        for month in months:
            changed = {
                (node.key, month)
                for node in group
                if states.get((node.key, month)) is State.STALE
                and _was_made_from_others(node, month, store)
            }
            if not changed:
                continue
            found = _left_stale(group, month, settings, states, store, coming)
            coming |= changed
            if found is not None:
                stale.append(found)
                coming.update((node.key, month) for node in found.nodes)
    return Review(failed, stale)


def _groups(nodes: Sequence[Node]) -> Iterator[tuple[Node, ...]]:
    """Yield the assets that are made in one run: those of a group, of a service or feature set."""
    for _, group in groupby(nodes, lambda node: (node.key.rpartition("/")[0], node.group)):
        yield tuple(group)


def _left_stale(
    group: tuple[Node, ...],
    month: Month,
    settings: Settings,
    states: States,
    store: Store,
    coming: set[tuple[str, Month]],
) -> LeftStale | None:
    """Return what has to be made of a group for a month, where something of it was left stale.

    Args:
        group: the assets, in order.
        month: the month.
        settings: say which month is the first.
        states: how each partition stands.
        store: where the partitions are.
        coming: what was left stale further up, and is to be made first.

    Returns:
        None if something of it failed, or is being made, or waits for what it reads.
    """
    first = settings.first_month_of(service_of(group[0]))
    there = tuple(node for node in group if (node.key, month) in states)
    if {states[node.key, month] for node in there} & {State.FAILED, State.IN_PROGRESS}:
        return None
    needed = out_of_date(there, month, first, store)
    made_here = {node.key for node in needed}
    versions = [_version_of(node.key, month, store) for node in needed]
    for node in needed:
        for asset, upstream in node.inputs(month, first):
            if asset in made_here:
                continue
            if not _is_settled((asset, upstream), states) or (asset, upstream) in coming:
                return None
            versions.append(_data_version(asset, upstream, store))
    key = hashlib.sha256(" ".join(versions).encode()).hexdigest()[:16]
    return LeftStale(needed, month, f"{group[0].key}@{month}:{key}")


def _was_made_from_others(node: Node, month: Month, store: Store) -> bool:
    """Say whether an input that a partition was made from has another data version by now.

    Other code and another window do not count: whether all is made again for those is for a person
    to say.
    """
    found = store.find(node.key, month)
    if found is None:
        return False
    reads = {reads.asset for reads in node.reads}
    for name, version in found.inputs.items():
        asset, _, upstream = name.partition("@")
        now = store.find(asset, Month.parse(upstream)) if asset in reads else None
        if now is not None and now.data_version != version:
            return True
    return False


def _is_settled(partition: tuple[str, Month], states: States) -> bool:
    """Say whether an input is there, and no run is making it or has failed to."""
    return states.get(partition) in {State.CURRENT, State.STALE}


def _version_of(asset: str, month: Month, store: Store) -> str:
    """Return which making of a partition there is: another one for the same content, too."""
    found = store.find(asset, month)
    return "" if found is None else found.version


def _data_version(asset: str, month: Month, store: Store) -> str:
    found = store.find(asset, month)
    return f"{partition_name(asset, month)}={'' if found is None else found.data_version}"


def standing_check(settings: Settings, jobs: Sequence[Any]) -> dg.SensorDefinition:
    """Build the sensor.

    Args:
        settings: say which partitions there are.
        jobs: those that make the groups.
    """

    @dg.sensor(
        name="standing_check",
        jobs=jobs,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=CHECK_EVERY,
        description="Names what was left failed, and asks again for what was left stale. Runs "
        "whose process is gone are reported as failed.",
    )
    def check(
        context: dg.SensorEvaluationContext,
        store: dg.ResourceParam[Store],
        tracking: dg.ResourceParam[Tracking],
    ) -> dg.SensorResult:
        recover(settings, context.instance, tracking, context.log)
        return look(settings, context.instance, store, context.cursor)

    return check


def look(
    settings: Settings, instance: dg.DagsterInstance, store: Store, cursor: str | None
) -> dg.SensorResult:
    """Look once, and ask for what was stale at the last look already.

    Args:
        settings: say which partitions there are.
        instance: Dagster's.
        store: where the partitions are.
        cursor: what the last look found stale.
    """
    from duration_assets.definitions import job_name

    nodes = all_nodes(settings)
    view = StoreView(store)
    first = min(node.first_month for node in nodes)
    months = first.through(settings.last_partition)
    states = partition_states(settings, instance, view, nodes, months)
    found = review(settings, nodes, states, view)
    before = set(json.loads(cursor or "[]"))
    said = [_describe(partition, instance, view) for partition in found.failed]
    requests: list[dg.RunRequest] = []
    if found.stale and _backfill_goes_on(instance):
        said.append(f"{len(found.stale)} stale, and a backfill goes on, which may make them.")
    else:
        requests = [
            dg.RunRequest(
                run_key=stale.key,
                job_name=job_name(stale.nodes[0]),
                partition_key=str(stale.month),
                asset_selection=[dg.AssetKey.from_user_string(node.key) for node in stale.nodes],
            )
            for stale in found.stale
            if stale.key in before
        ]
        waiting = [stale for stale in found.stale if stale.key not in before]
        said += [f"{stale.nodes[0].key}: {stale.month} is stale" for stale in waiting]
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else "\n".join(said) or "Nothing was left failed or stale.",
        cursor=json.dumps(sorted(stale.key for stale in found.stale)),
    )


def _describe(partition: tuple[str, Month], instance: dg.DagsterInstance, store: Store) -> str:
    """Say what failed, and where to look."""
    asset, month = partition
    for problem in _problems(asset, month, store):
        return f"{asset}: {month} was refused: {problem}"
    planned = instance.get_latest_planned_materialization_info(
        dg.AssetKey.from_user_string(asset), str(month)
    )
    run = f"run {planned.run_id[:8]}" if planned else "its manifest is damaged"
    return f"{asset}: {month} failed ({run})"


def _problems(asset: str, month: Month, store: Store) -> Iterable[str]:
    try:
        found = store.find(asset, month)
    except StoreError as error:
        return [str(error)]
    return blocking_problems(asset, found.summary) if found else []


def _backfill_goes_on(instance: dg.DagsterInstance) -> bool:
    """Say whether a person's backfill goes on, which asks for its months one after the other."""
    from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

    going = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])
    return bool(instance.get_backfills(filters=going, limit=1))
