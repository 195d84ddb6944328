"""Jobs by which a person says which model is in use, with a reason that is kept."""

import dagster as dg

from duration_assets.assets.common import Place
from duration_assets.assets.steps import as_step
from duration_assets.errors import ChampionError, RefusedPartitionError
from duration_assets.modelling.quality import blocking_problems
from duration_assets.months import Month
from duration_assets.resources.champion_history import (
    POOL,
    ChampionHistory,
    Outcome,
    aliases_of,
    by_hand,
)
from duration_assets.resources.registry import (
    PREVIOUS,
    RegisteredModel,
    Registry,
    registered_name,
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
    @dg.op(name=PROMOTE, pool=POOL, out=dg.Out(dg.Nothing))
    @as_step(place.settings.home)
    def promote(
        context: dg.OpExecutionContext,
        config: Promotion,
        store: dg.ResourceParam[Store],
        registry: dg.ResourceParam[Registry],
    ) -> None:
        history = _history(place, registry)
        model = _wanted(place, config, store, registry)
        _refuse_blocked(place, model, store)
        _decide(history, model, Outcome.BY_HAND, config.reason, context)

    return _job(place, PROMOTE, promote)


def _rollback_job(place: Place) -> dg.JobDefinition:
    @dg.op(name=ROLL_BACK, pool=POOL, out=dg.Out(dg.Nothing))
    @as_step(place.settings.home)
    def rollback(
        context: dg.OpExecutionContext,
        config: RollBack,
        registry: dg.ResourceParam[Registry],
    ) -> None:
        history = _history(place, registry)
        before = aliases_of(history.read()).get(PREVIOUS)
        if before is None:
            raise ChampionError(
                f"{history.name} has no previous champion to go back to. `duration-prediction "
                "promote` takes any version."
            )
        model = registry.version(history.name, before)
        _decide(history, model, Outcome.ROLLED_BACK, config.reason, context)

    return _job(place, ROLL_BACK, rollback)


def _job(place: Place, what: str, op: dg.OpDefinition) -> dg.JobDefinition:
    graph = dg.GraphDefinition(name=hand_job_name(place.node.key, what), node_defs=[op])
    return graph.to_job(executor_def=dg.in_process_executor)


def _history(place: Place, registry: Registry) -> ChampionHistory:
    service, feature_set, _ = place.node.key.split("/")
    return ChampionHistory(registry, registered_name(service, feature_set))


def _wanted(place: Place, config: Promotion, store: Store, registry: Registry) -> RegisteredModel:
    name = _history(place, registry).name
    if config.version:
        return registry.version(name, config.version)
    month = Month.parse(config.training_month)
    key = place.node.key.replace("/champion", "/duration_model")
    model = store.require(key, month, "its promotion")
    return registry.version_of_run(name, model.summary["run_id"])


def _refuse_blocked(place: Place, model: RegisteredModel, store: Store) -> None:
    """Refuse a model that a blocking check says nothing may be built on.

    Raises:
        RefusedPartitionError: saying which.
    """
    prefix, month = place.node.key.rpartition("/")[0], model.training_month
    trained = store.find(f"{prefix}/duration_model", month)
    if trained is None or trained.summary["run_id"] != model.run_id:
        # Its month was trained again since; what it was made from is no longer in the store.
        return
    looked_at = (("training_matrix", month), ("validation_matrix", month.shift(1)))
    for asset, at in looked_at:
        found = store.find(f"{prefix}/{asset}", at)
        for problem in [] if found is None else blocking_problems(asset, found.summary):
            raise RefusedPartitionError(
                f"Version {model.version} of {model.name} is not promoted: {prefix}/{asset} for "
                f"{at}: {problem}"
            )


def _decide(
    history: ChampionHistory,
    model: RegisteredModel,
    outcome: Outcome,
    reason: str,
    context: dg.OpExecutionContext,
) -> None:
    if not reason.strip():
        raise ChampionError("A reason is needed, which is kept: say why with --reason.")
    with history.deciding():
        past = history.read()
        if past and past[-1].champion_version == model.version:
            history.settle()
            raise ChampionError(f"Version {model.version} of {model.name} is the champion already.")
        history.record(by_hand(past, model, outcome, reason.strip()))
        history.settle()
    context.log.info(f"{model.name}: version {model.version} is the champion now: {reason}")
