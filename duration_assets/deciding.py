"""Decisions by hand about the champion, as Dagster runs in this process."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from duration_assets.assets.champion_by_hand import hand_job_name
from duration_assets.definitions import build_definitions, build_resources
from duration_assets.resources.champion_history import ChampionHistory, Decision
from duration_assets.resources.live_runs import LiveRuns
from duration_assets.resources.registry import registered_name
from duration_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance


def decide_by_hand(
    settings: Settings,
    instance: DagsterInstance,
    service: str,
    feature_set: str,
    what: str,
    config: dict[str, Any],
) -> Decision:
    """Run one of the jobs by which a person decides.

    Args:
        settings: with this service and feature set among those that are on.
        instance: Dagster's.
        service: the service.
        feature_set: the feature set.
        what: `champion_by_hand.PROMOTE` or `ROLL_BACK`.
        config: of the job.

    Returns:
        The decision as the history has it.

    Raises:
        DurationError: whatever stopped it, explained.
        KeyboardInterrupt: if a person stops it.
    """
    from dagster._core.errors import DagsterExecutionInterruptedError

    resources = build_resources(settings)
    definitions = build_definitions(settings, resources)
    job = definitions.resolve_job_def(hand_job_name(f"{service}/{feature_set}/champion", what))
    run_id = str(uuid.uuid4())
    try:
        with LiveRuns(settings.home).held(run_id):
            job.execute_in_process(
                instance=instance,
                run_config={
                    "ops": {what: {"config": config}},
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
                run_id=run_id,
            )
    except DagsterExecutionInterruptedError:
        raise KeyboardInterrupt(f"{what} of {service}/{feature_set}") from None
    name = registered_name(service, feature_set)
    history = ChampionHistory(resources["registry"], name).read()
    # Another one may have been made since.
    return next(each for each in reversed(history) if each.dagster_run == run_id)
