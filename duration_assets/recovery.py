"""Runs whose process is gone: found, reported as failed, and their MLflow runs closed.

Dagster starts a run again that was reported as failed from outside, as its `run_retries` say. What
waits in its queue stays there.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from duration_assets.errors import TrackingError
from duration_assets.lineage import CHAMPIONS, Node, all_nodes, tuning_node
from duration_assets.modelling.parameters import shipped
from duration_assets.resources.live_runs import LiveRuns
from duration_assets.resources.tracking import Tracking
from duration_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

FIRST_STEP_WITHIN = 120.0
"""Seconds that a run may take to come to its first step, where its process shows as alive."""

_GONE = "The process of this run is gone: it was killed, or its machine stopped."


@dataclass(frozen=True)
class RunInProgress:
    """A run that Dagster takes to be in progress.

    Attributes:
        run_id: Dagster's.
        works: whether it has begun, and is not only about to.
        seconds: since it began, or was made.
    """

    run_id: str
    works: bool
    seconds: float


def lost_runs(
    runs: Iterable[RunInProgress], alive: Mapping[str, bool], *, nothing_starts: bool
) -> list[str]:
    """Say which runs have no process any more.

    Args:
        runs: the runs in progress.
        alive: whether the process of a run is alive, of those that came to their first step.
        nothing_starts: whether nobody can be about to start one of the runs.

    Returns:
        Their ids.
    """
    return [run.run_id for run in runs if _is_lost(run, alive.get(run.run_id), nothing_starts)]


def _is_lost(run: RunInProgress, alive: bool | None, nothing_starts: bool) -> bool:
    if alive is not None:
        return not alive
    if nothing_starts:
        return True
    # Dagster itself gives up a run that does not begin.
    return run.works and run.seconds > FIRST_STEP_WITHIN


def recover(
    settings: Settings,
    instance: DagsterInstance,
    tracking: Tracking,
    log: Any,
    *,
    nothing_starts: bool = False,
) -> list[str]:
    """Report lost runs as failed, and close the MLflow runs of trainings that are gone.

    Args:
        settings: say whose runs are looked at: a Dagster home may hold those of others.
        instance: Dagster's.
        tracking: MLflow's store; if it cannot be reached, the next call closes its runs.
        log: told of what is found.
        nothing_starts: whether no daemon is there that could be about to start a run.

    Returns:
        The ids of the runs that were lost.
    """
    live_runs = LiveRuns(settings.home)
    alive = live_runs.known()
    # A search is none of a month's work, and may be of a feature set that is not on.
    searches = [
        tuning_node(service, feature_set, settings)
        for service in settings.services
        for feature_set in shipped()
    ]
    nodes = [*all_nodes(settings), *searches]
    ours = {
        record.dagster_run.run_id: _seen(record)
        for record in instance.get_run_records(_in_progress())
        if _is_ours(record.dagster_run, nodes)
    }
    lost = lost_runs(ours.values(), alive, nothing_starts=nothing_starts)
    reported = [run_id for run_id in lost if _report(instance, run_id, log)]
    for run_id in alive.keys() - (ours.keys() - set(lost)):
        live_runs.forget(run_id)
    try:
        tracking.close_abandoned_runs()
    except TrackingError as error:
        log.warning(f"MLflow runs of trainings that are gone could not be closed: {error}")
    return reported


def _in_progress() -> Any:
    from dagster import DagsterRunStatus, RunsFilter

    statuses = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    return RunsFilter(statuses=statuses)


def _seen(record: Any) -> RunInProgress:
    from dagster import DagsterRunStatus

    run = record.dagster_run
    since = record.start_time or record.create_timestamp.timestamp()
    return RunInProgress(
        run.run_id, run.status is not DagsterRunStatus.STARTING, max(0.0, time.time() - since)
    )


def _is_ours(run: DagsterRun, nodes: Sequence[Node]) -> bool:
    """Say whether a run makes assets of this project and no others."""
    selected = {key.to_user_string() for key in run.asset_selection or ()}
    if selected:
        return selected <= {node.key for node in nodes}
    from duration_assets.assets.champion_by_hand import PROMOTE, ROLL_BACK, hand_job_name
    from duration_assets.definitions import job_name

    by_hand = {
        hand_job_name(node.key, what)
        for node in nodes
        if node.group == CHAMPIONS
        for what in (PROMOTE, ROLL_BACK)
    }
    return run.job_name in by_hand | {job_name(node) for node in nodes}


def _report(instance: DagsterInstance, run_id: str, log: Any) -> bool:
    """Report one run as failed, or canceled if it was to be, unless it has ended by itself."""
    from dagster import DagsterRunStatus

    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return False
    log.warning(f"Run {run_id} of {run.job_name}: {_GONE}")
    if run.status is DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, _GONE)
    else:
        instance.report_run_failed(run, _GONE)
    return True
