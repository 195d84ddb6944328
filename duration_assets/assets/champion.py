"""`champion`: which model is in use after a month was judged."""

import shutil

import dagster as dg
import polars as pl

from duration_assets.assets.champion_decisions import Decider
from duration_assets.assets.champion_partition import shown_of, write_decision
from duration_assets.assets.common import Place, month_of
from duration_assets.pools import DECIDING
from duration_assets.resources.registry import Registry
from duration_assets.resources.store import Store
from duration_assets.resources.zone_lookup import NoZonesError, ZoneLookup

_SCRATCH = "scored"


def build_champion(place: Place) -> dg.AssetsDefinition:
    """Build the asset for a service and feature set."""

    @dg.asset(
        **place.spec_options(
            "The model in use after this month: the one of the month before takes over only if it "
            "is better on this month's trips by more than noise. A decision is made once; what a "
            "person decided after it stands in its place.",
            {"xgboost", "mlflow"},
        ),
        partitions_def=place.partitions,
        pool=DECIDING,
    )
    @place.step
    def champion(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[Store],
        registry: dg.ResourceParam[Registry],
        zone_lookup: dg.ResourceParam[ZoneLookup],
    ) -> dg.MaterializeResult:
        month = month_of(context)
        inputs = place.inputs(month, store)
        with store.writing(place.node.key, month) as draft:
            scratch = draft.folder / _SCRATCH
            zones, say = _zones(zone_lookup), context.log.warning
            decider = Decider(place, store, registry, zones, scratch, say)
            decision = decider.decide(month)
            shutil.rmtree(scratch, ignore_errors=True)
            history = decider.history
            written = write_decision(draft.folder, history.name, decision, history.read(), registry)
            partition = place.commit(draft, inputs, **written)
        return shown_of(partition, history.name, decision)

    return champion


def _zones(lookup: ZoneLookup) -> pl.DataFrame | None:
    try:
        return lookup.find().table
    except NoZonesError:
        return None
