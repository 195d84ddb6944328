"""How each partition stands: what the store holds, together with what became of its last run.

The store knows whether a partition is there and made from what its inputs are now. Dagster knows
whether a run of it waits, works or failed. What is done about it belongs elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING

from duration_assets.errors import StoreError
from duration_assets.lineage import Node
from duration_assets.modelling.quality import blocking_problems
from duration_assets.months import Month
from duration_assets.planning import is_current
from duration_assets.resources.partition import Partition
from duration_assets.resources.store import Store
from duration_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance


class State(Enum):
    """How a partition stands; the value is the word for people."""

    MISSING = "missing"
    CURRENT = "current"
    STALE = "stale"
    FAILED = "failed"
    IN_PROGRESS = "in progress"


class LastRun(Enum):
    """What became of the last run that was to make a partition."""

    NONE_LEFT = "none that is unfinished or failed"
    IN_PROGRESS = "queued or running"
    FAILED = "failed, and the partition was not made since"


class StoreView(Store):
    """The store as it is now: what is asked for twice is read once."""

    def __init__(self, store: Store) -> None:
        """Look at a store; nothing is read yet."""
        super().__init__(store.root, store.lock_timeout)
        self._find = cache(super().find)

    def find(self, asset: str, month: Month) -> Partition | None:
        """Return a partition as it was when it was first asked for; see `Store.find`."""
        return self._find(asset, month)


def partition_states(
    settings: Settings,
    instance: DagsterInstance,
    store: Store,
    nodes: Sequence[Node],
    months: Iterable[Month],
) -> dict[tuple[str, Month], State]:
    """Say how partitions stand.

    Args:
        settings: say which partitions there are.
        instance: Dagster's, which is asked once for each asset.
        store: where the partitions are.
        nodes: the assets.
        months: the months; those that are no partition of an asset are left out.

    Returns:
        By the asset's key and the month, in the order of `nodes` and of `months`.
    """
    wanted = list(months)
    view = StoreView(store)
    states: dict[tuple[str, Month], State] = {}
    for node in nodes:
        first = settings.first_month_of(service_of(node))
        for month, run in last_runs(settings, instance, node, wanted).items():
            states[node.key, month] = state_of(node, month, first, view, run)
    return states


def last_runs(
    settings: Settings, instance: DagsterInstance, node: Node, months: Iterable[Month]
) -> dict[Month, LastRun]:
    """Say what became of the last run of each of an asset's partitions.

    Dagster keeps this in its database and looks at what came since only, as its web UI does.
    """
    from dagster import AssetKey
    from dagster._core.storage.partition_status_cache import AssetPartitionStatus

    from duration_assets.assets.common import monthly

    said = {AssetPartitionStatus.IN_PROGRESS: LastRun.IN_PROGRESS}
    said[AssetPartitionStatus.FAILED] = LastRun.FAILED
    there = [month for month in months if node.first_month <= month <= settings.last_partition]
    found = instance.get_status_by_partition(
        AssetKey.from_user_string(node.key),
        [str(month) for month in there],
        monthly(node.first_month, settings.last_month),
    )
    # Of an asset that no run was ever to make, Dagster says nothing at all.
    statuses = found or {}
    runs: dict[Month, LastRun] = {}
    for month in there:
        status = statuses.get(str(month))
        runs[month] = LastRun.NONE_LEFT if status is None else said.get(status, LastRun.NONE_LEFT)
    return runs


def state_of(node: Node, month: Month, first: Month, store: Store, run: LastRun) -> State:
    """Say how one partition stands.

    A partition that breaks a blocking rule counts as failed, and so does one whose manifest is
    damaged: a person has to do something about it.

    Args:
        node: the asset.
        month: the partition.
        first: the first month of the service.
        store: where the partitions are.
        run: what became of its last run.
    """
    if run is LastRun.IN_PROGRESS:
        return State.IN_PROGRESS
    try:
        found = store.find(node.key, month)
        if run is LastRun.FAILED or (found and blocking_problems(node.key, found.summary)):
            return State.FAILED
        if found is None:
            return State.MISSING
        return State.CURRENT if is_current(node, month, first, store) else State.STALE
    except StoreError:
        return State.FAILED


def service_of(node: Node) -> str:
    """Return the name of an asset's service."""
    return node.key.partition("/")[0]
