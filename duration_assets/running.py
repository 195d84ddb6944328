"""Running the assets in this process, for the command line: the runs show in the web UI too."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from duration_assets.definitions import build_definitions, build_resources, job_name
from duration_assets.errors import RESUME, DurationError
from duration_assets.lineage import DATA, Node, tuning_node
from duration_assets.modelling.loading_xgboost import load_alone
from duration_assets.modelling.quality import blocking_problems
from duration_assets.months import Month
from duration_assets.planning import Plan, out_of_date, plan_training
from duration_assets.progress import Progress
from duration_assets.resources.live_runs import LiveRuns
from duration_assets.resources.partition import Partition
from duration_assets.resources.store import Store
from duration_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, Definitions

Announce = Callable[[str, Month, tuple[str, ...]], None]
"""Told of a group and month before it is made, with the assets; none if all are current."""

Waiting = Callable[[str, Month, str], None]
"""Told of a group and month that have to be waited for, and of the process that makes them."""


@dataclass(frozen=True)
class Trained:
    """What a training gave.

    Attributes:
        plan: the months.
        run_id: MLflow's.
        model_uri: MLflow's.
        metrics: of the evaluation, in minutes.
        simulated: whether simulated trips went into it.
        preprocessor: the bytes of `preprocessor.b`.
    """

    plan: Plan
    run_id: str
    model_uri: str
    metrics: dict[str, float]
    simulated: bool
    preprocessor: bytes


def train(
    settings: Settings,
    instance: DagsterInstance,
    service: str,
    feature_set: str,
    month: Month,
    announce: Announce,
    *,
    force: bool = False,
    progress: Progress | None = None,
    waiting: Waiting | None = None,
) -> Trained:
    """Make everything that is out of date for one model and its evaluation.

    Args:
        settings: with this service and feature set among those that are on.
        instance: Dagster's.
        service: the service.
        feature_set: the feature set.
        month: the training month.
        announce: told what is made.
        force: make everything again, but for files that are landed.
        progress: shows how far long steps are, in place of the runs' logs.
        waiting: told of a group and month that another process is making now.

    Raises:
        DurationError: whatever stopped it, explained.
    """
    first = settings.first_month_of(service)
    settings.check_training_month(service, month)
    plan = plan_training(service, feature_set, month, settings)
    resources = build_resources(settings)
    if progress is not None:
        resources["progress"] = progress
    definitions = build_definitions(settings, resources)
    store: Store = resources["store"]
    for nodes, at in plan.stages:
        group = nodes[0].group
        tell = None if waiting is None else partial(waiting, group, at)
        # Who comes second finds out what is left to do when the first is done.
        with store.locked(_group_key(nodes[0]), at, tell):
            needed = out_of_date(nodes, at, first, store, force=force)
            announce(group, at, tuple(node.key for node in needed))
            if needed:
                _run(definitions, instance, needed, at, store, LiveRuns(settings.home))
    return _result(plan, store, service, feature_set, month)


def tune(
    settings: Settings,
    instance: DagsterInstance,
    service: str,
    feature_set: str,
    through: Month,
    options: Mapping[str, Any],
    progress: Progress,
) -> Partition:
    """Search for parameters, or go on with a search.

    Args:
        settings: with this service and feature set among those that are on.
        instance: Dagster's.
        service: the service.
        feature_set: the feature set.
        through: the last month to use.
        options: as of `assets.tuned_parameters.TuningOptions`.
        progress: shows how far it is, in place of the run's log.

    Raises:
        DurationError: whatever stopped it, explained.
    """
    resources = {**build_resources(settings), "progress": progress}
    definitions = build_definitions(settings, resources)
    store: Store = resources["store"]
    node = tuning_node(service, feature_set, settings)
    config = {"ops": {node.key.replace("/", "__"): {"config": dict(options)}}}
    _run(definitions, instance, (node,), through, store, LiveRuns(settings.home), config)
    return store.require(node.key, through, "the result")


def _group_key(node: Node) -> str:
    """Return the name of a group of assets, as an asset's key: `green/metered/models`."""
    return f"{node.key.rpartition('/')[0]}/{node.group}"


def _run(
    definitions: Definitions,
    instance: DagsterInstance,
    nodes: tuple[Node, ...],
    month: Month,
    store: Store,
    live_runs: LiveRuns,
    config: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Make a group's assets for a month in one Dagster run.

    The daemon does not start it again if it fails: whoever gave the command sees the message. The
    process is the project's own.

    Raises:
        DurationError: if a step or a blocking check says no; a bug keeps its own error.
        KeyboardInterrupt: with what was not finished, if a person stops it.
    """
    from dagster import AssetKey
    from dagster._core.errors import (
        DagsterAssetCheckFailedError,
        DagsterExecutionInterruptedError,
    )

    if nodes[0].group != DATA:
        load_alone()
    job = definitions.resolve_job_def(job_name(nodes[0]))
    run_id = str(uuid.uuid4())
    try:
        with live_runs.held(run_id):
            job.execute_in_process(
                partition_key=str(month),
                instance=instance,
                asset_selection=[AssetKey.from_user_string(node.key) for node in nodes],
                run_config={
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                    **config,
                },
                run_id=run_id,
                tags={"dagster/max_retries": "0"},
            )
    except DurationError as error:
        raise DurationError(f"{nodes[0].group} of {month}: {error}\n{RESUME}") from error
    except DagsterAssetCheckFailedError as error:
        problems = list(_blocking(nodes, month, store))
        if not problems:
            raise
        raise DurationError("\n".join([*problems, RESUME])) from error
    except DagsterExecutionInterruptedError:
        raise KeyboardInterrupt(f"{nodes[0].group} of {month}") from None


def _blocking(nodes: tuple[Node, ...], month: Month, store: Store) -> Iterator[str]:
    """Yield what the blocking rules say of what a run made."""
    for node in nodes:
        found = store.find(node.key, month)
        if found is not None:
            for problem in blocking_problems(node.key, found.summary):
                yield f"{node.key} for {month}: {problem}"


def _result(plan: Plan, store: Store, service: str, feature_set: str, month: Month) -> Trained:
    prefix = f"{service}/{feature_set}"
    model = store.require(f"{prefix}/duration_model", month, "the result")
    evaluation = store.require(f"{prefix}/evaluation", plan.validation_month, "the result")
    metrics: dict[str, Any] = evaluation.summary["metrics"]
    return Trained(
        plan=plan,
        run_id=model.summary["run_id"],
        model_uri=model.summary["model_uri"],
        metrics=metrics,
        simulated=evaluation.simulated,
        preprocessor=model.file("preprocessor.b").read_bytes(),
    )
