"""Jobs by which a person says which model is in use, with a reason that is kept.

What was decided is the champion's partition of the last month that was decided on: it is written
again, so that predictions and drift of the month after it follow.
"""

from collections.abc import Callable, Sequence

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from duration_assets.assets.champion_partition import (
    champion_history,
    shown_of,
    write_decision,
)
from duration_assets.assets.common import Place
from duration_assets.assets.steps import as_step
from duration_assets.errors import ChampionError, RefusedPartitionError
from duration_assets.modelling.quality import blocking_problems
from duration_assets.months import Month
from duration_assets.pools import DECIDING
from duration_assets.resources.champion_history import (
    ChampionHistory,
    Decision,
    Outcome,
    aliases_of,
    by_hand,
    decided_on,
)
from duration_assets.resources.registry import (
    PREVIOUS,
    RegisteredModel,
    Registry,
)
from duration_assets.resources.store import Store

PROMOTE, ROLL_BACK = "promote", "rollback"


class Promotion(dg.Config):
    """Which model, by one of the two, and why."""

    version: int = 0
    training_month: str = ""
    reason: str


class RollBack(dg.Config):
    """Why."""

    reason: str


def hand_job_name(champion: str, what: str) -> str:
    """Return the name of a job, from the key of the asset `champion`."""
    return "_".join([*champion.split("/")[:-1], what])


def build_hand_jobs(place: Place) -> list[dg.JobDefinition]:
    """Build the jobs for a service and feature set; `place` is that of `champion`."""
    return [_promote_job(place), _rollback_job(place)]


def _promote_job(place: Place) -> dg.JobDefinition:
    @dg.op(name=PROMOTE, pool=DECIDING, out=dg.Out(dg.Nothing))
    @as_step(place.settings.home)
    def promote(
        context: dg.OpExecutionContext,
        config: Promotion,
        store: dg.ResourceParam[Store],
        registry: dg.ResourceParam[Registry],
    ) -> None:
        history = champion_history(place, registry)

        def wanted(past: Sequence[Decision]) -> RegisteredModel:
            model = _wanted(place, config, store, registry)
            _refuse_blocked(place, model, store)
            return model

        decision = _decide(history, wanted, Outcome.BY_HAND, config.reason, context)
        _write_again(place, history, decision, store, context)

    return _job(place, PROMOTE, promote)


def _rollback_job(place: Place) -> dg.JobDefinition:
    @dg.op(name=ROLL_BACK, pool=DECIDING, out=dg.Out(dg.Nothing))
    @as_step(place.settings.home)
    def rollback(
        context: dg.OpExecutionContext,
        config: RollBack,
        store: dg.ResourceParam[Store],
        registry: dg.ResourceParam[Registry],
    ) -> None:
        history = champion_history(place, registry)

        def before(past: Sequence[Decision]) -> RegisteredModel:
            number = aliases_of(past, registry.numbers(history.name)).get(PREVIOUS)
            if number is None:
                raise ChampionError(
                    f"{history.name} has no previous champion to go back to, or none that was not "
                    "deleted in MLflow. `duration-prediction promote` takes any version."
                )
            return registry.version(history.name, number)

        decision = _decide(history, before, Outcome.ROLLED_BACK, config.reason, context)
        _write_again(place, history, decision, store, context)

    return _job(place, ROLL_BACK, rollback)


def _job(place: Place, what: str, op: dg.OpDefinition) -> dg.JobDefinition:
    graph = dg.GraphDefinition(name=hand_job_name(place.node.key, what), node_defs=[op])
    return graph.to_job(
        executor_def=dg.in_process_executor,
        # The person sees the failure, and may have thought better of it since.
        tags={"dagster/max_retries": "0"},
    )


def _wanted(place: Place, config: Promotion, store: Store, registry: Registry) -> RegisteredModel:
    name = champion_history(place, registry).name
    if config.version:
        return registry.version(name, config.version)
    month = Month.parse(config.training_month)
    model = store.require(place.beside("duration_model"), month, "its promotion")
    return registry.version_of_run(name, model.summary["run_id"])


def _refuse_blocked(place: Place, model: RegisteredModel, store: Store) -> None:
    """Refuse a model that a blocking check says nothing may be built on.

    Raises:
        RefusedPartitionError: saying which.
    """
    month = model.training_month
    trained = store.find(place.beside("duration_model"), month)
    if trained is None or trained.summary["run_id"] != model.run_id:
        # Its month was trained again since; what it was made from is no longer in the store.
        return
    looked_at = (("training_matrix", month), ("validation_matrix", month.shift(1)))
    for asset, at in looked_at:
        key = place.beside(asset)
        found = store.find(key, at)
        for problem in [] if found is None else blocking_problems(asset, found.summary):
            raise RefusedPartitionError(
                f"Version {model.version} of {model.name} is not promoted: {key} for "
                f"{at}: {problem}"
            )


def _decide(
    history: ChampionHistory,
    choose: Callable[[Sequence[Decision]], RegisteredModel],
    outcome: Outcome,
    reason: str,
    context: dg.OpExecutionContext,
) -> Decision:
    """Decide once, however often the run is run again: it could be undone by itself otherwise."""
    if not reason.strip():
        raise ChampionError("A reason is needed, which is kept: say why with --reason.")
    run = context.run.root_run_id or context.run.run_id
    with history.deciding():
        past = history.read()
        made = [each for each in past if each.dagster_run == run]
        if not made:
            model = choose(past)
            if past and past[-1].champion_version == model.version:
                history.settle()
                raise ChampionError(
                    f"Version {model.version} of {model.name} is the champion already."
                )
            made = [history.record(by_hand(past, model, outcome, reason.strip(), run))]
        history.settle()
    decision = made[-1]
    context.log.info(
        f"{history.name}: version {decision.champion_version} was made the champion: {reason}"
    )
    return decision


def _write_again(
    place: Place,
    history: ChampionHistory,
    decision: Decision,
    store: Store,
    context: dg.OpExecutionContext,
) -> None:
    """Write the champion's partition of a decision's month again, as the history has it."""
    month = Month.parse(decision.month)
    with store.writing(place.node.key, month) as draft:
        # Read while nobody else writes the partition: of two decisions at once the later stands.
        before, past = store.find(place.node.key, month), history.read()
        if before is None:
            # It is made when the month is evaluated, and takes what stands then.
            return
        standing = decided_on(past, month)
        assert standing is not None
        written = write_decision(draft.folder, history.name, standing, past, history.registry)
        written["simulated"] |= before.simulated
        # What its decision by the gate was made from, and by which code, is as it was.
        partition = draft.commit(code_version=before.code_version, inputs=before.inputs, **written)
        told = shown_of(partition, history.name, standing)
        key = dg.AssetKey.from_user_string(place.node.key)
        tags = {**_tags_before(context, key, month), DATA_VERSION_TAG: partition.data_version}
        context.log_event(
            dg.AssetMaterialization(key, partition=str(month), metadata=told.metadata, tags=tags)
        )


def _tags_before(context: dg.OpExecutionContext, key: dg.AssetKey, month: Month) -> dict[str, str]:
    """Return what Dagster knows of the code and the inputs of a partition."""
    asked = dg.AssetRecordsFilter(key, asset_partitions=[str(month)])
    records = context.instance.fetch_materializations(asked, limit=1).records
    made = records[0].asset_materialization if records else None
    return dict(made.tags or {}) if made is not None else {}
