"""Backfills in Dagster's instance: launched by asset, found while they are open, and canceled.

A backfill is made as the GraphQL mutation `launchPartitionBackfill` makes it from
`partitionsByAssets`, which is told exactly which months of which assets to make. From plain
partition names Dagster works the months out itself, and not the same ones every time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from duration_assets.backfills.planning import AssetMonth, BackfillPlan
from duration_assets.definitions import build_definitions
from duration_assets.months import Month, ranges
from duration_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
    from dagster._core.storage.dagster_run import DagsterRun

REQUEST_TAG = "duration_assets/backfill"
"""On a backfill of the command line and on its runs: what was asked for."""

_BACKFILL_TAG = "dagster/backfill"
_CANCEL_WITHIN = 60.0
_LOOK_EVERY = 0.5


def launch(instance: DagsterInstance, settings: Settings, plan: BackfillPlan) -> str:
    """Ask Dagster's daemon for a backfill of exactly what a plan asks for.

    Returns:
        The backfill's id.
    """
    from dagster import AssetKey
    from dagster._core.definitions.selector import (
        PartitionRangeSelector,
        PartitionsByAssetSelector,
        PartitionsSelector,
    )
    from dagster._core.execution.backfill import PartitionBackfill
    from dagster._core.utils import make_new_backfill_id

    months: dict[str, list[Month]] = {}
    for unit, keys in plan.asked.items():
        for key in keys:
            months.setdefault(key, []).append(unit.month)
    backfill: PartitionBackfill = PartitionBackfill.from_partitions_by_assets(
        backfill_id=make_new_backfill_id(),
        asset_graph=build_definitions(settings).resolve_asset_graph(),
        backfill_timestamp=time.time(),
        tags={REQUEST_TAG: str(plan.request)},
        dynamic_partitions_store=instance,
        partitions_by_assets=[
            PartitionsByAssetSelector(
                asset_key=AssetKey.from_user_string(key),
                partitions=PartitionsSelector(
                    [PartitionRangeSelector(str(first), str(last)) for first, last in ranges(asked)]
                ),
            )
            for key, asked in months.items()
        ],
        title=None,
        description=f"duration-prediction backfill: {plan.request}",
        run_config=None,
    )
    instance.add_backfill(backfill)
    return backfill.backfill_id


def open_backfills(instance: DagsterInstance) -> list[PartitionBackfill]:
    """Return the backfills by asset that have not ended, oldest first."""
    from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

    statuses = [
        BulkActionStatus.REQUESTED,
        BulkActionStatus.CANCELING,
        BulkActionStatus.FAILING,
    ]
    found = instance.get_backfills(filters=BulkActionsFilter(statuses=statuses))
    by_asset = [backfill for backfill in found if backfill.asset_backfill_data is not None]
    return sorted(by_asset, key=lambda backfill: backfill.backfill_timestamp)


def targets(backfill: PartitionBackfill) -> set[AssetMonth]:
    """Return the partitions that a backfill by asset makes."""
    assert backfill.asset_backfill_data is not None
    subset = backfill.asset_backfill_data.target_subset
    return {
        (partition.asset_key.to_user_string(), Month.parse(partition.partition_key))
        for partition in subset.iterate_asset_partitions()
        if partition.partition_key is not None
    }


def runs_of(instance: DagsterInstance, backfill_id: str) -> list[DagsterRun]:
    """Return the runs of a backfill, oldest first."""
    from dagster import RunsFilter

    runs = instance.get_runs(filters=RunsFilter(tags={_BACKFILL_TAG: backfill_id}))
    return list(reversed(runs))


def has_ended(status: BulkActionStatus) -> bool:
    """Say whether the daemon has nothing more to do for a backfill."""
    from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES

    return status in BULK_ACTION_TERMINAL_STATUSES


def cancel(instance: DagsterInstance, backfill_id: str) -> bool:
    """Cancel a backfill: nothing more is started, and its runs are told to end.

    Returns:
        Whether all its runs ended within a minute. Runs that did not are told by nobody again.
    """
    from dagster._core.execution.backfill import BulkActionStatus

    backfill = instance.get_backfill(backfill_id)
    if backfill is None or has_ended(backfill.status):
        return True
    instance.update_backfill(backfill._replace(status=BulkActionStatus.CANCELING))
    told: set[str] = set()
    until = time.monotonic() + _CANCEL_WITHIN
    while unfinished := [run for run in runs_of(instance, backfill_id) if not run.is_finished]:
        # A run that was asked for a moment ago may come after the others.
        _tell_to_end(instance, [run for run in unfinished if run.run_id not in told])
        told.update(run.run_id for run in unfinished)
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_EVERY)
    return True


def mark_canceled(instance: DagsterInstance, backfill_id: str) -> None:
    """Write down that a backfill is canceled, in place of the daemon that would in half a minute.

    To be called when no daemon works on it any more.
    """
    from dagster._core.execution.backfill import BulkActionStatus

    backfill = instance.get_backfill(backfill_id)
    if backfill is not None and not has_ended(backfill.status):
        instance.update_backfill(
            backfill._replace(status=BulkActionStatus.CANCELED, backfill_end_timestamp=time.time())
        )


def _tell_to_end(instance: DagsterInstance, runs: Iterable[DagsterRun]) -> None:
    from dagster import DagsterRunStatus
    from dagster._core.errors import DagsterUserCodeProcessError, DagsterUserCodeUnreachableError

    for run in runs:
        if run.status in (DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED):
            instance.report_run_canceled(run)
            continue
        # A run whose process is gone is told in vain; who starts a daemon next clears it up.
        with suppress(DagsterUserCodeUnreachableError, DagsterUserCodeProcessError):
            instance.run_launcher.terminate(run.run_id)
