"""`champion`: which model is in use after a month was judged."""

import hashlib
import json
import shutil

import dagster as dg
import polars as pl

from duration_assets.assets.champion_decisions import Decider
from duration_assets.assets.common import Place, month_of
from duration_assets.assets.descriptions import result
from duration_assets.data_versions import model_content
from duration_assets.modelling.reports.markdown import escaped
from duration_assets.resources.champion_history import POOL, Decision, as_shown
from duration_assets.resources.registry import Registry
from duration_assets.resources.store import Store
from duration_assets.resources.zone_lookup import NoZonesError, ZoneLookup

DECISION_FILE, MODEL_FOLDER = "decision.json", "model"
_SCRATCH = "scored"


def build_champion(place: Place) -> dg.AssetsDefinition:
    """Build the asset for a service and feature set."""

    @dg.asset(
        **place.spec_options(
            "The model in use after this month: the one of the month before takes over only if it "
            "is better on this month's trips by more than noise. A decision is made once.",
            {"xgboost", "mlflow"},
        ),
        partitions_def=place.partitions,
        pool=POOL,
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
            decider = Decider(place, store, registry, _zones(zone_lookup), scratch)
            decision = decider.decide(month)
            shutil.rmtree(scratch, ignore_errors=True)
            name = decider.history.name
            in_use = registry.version(name, decision.champion_version)
            shutil.copytree(registry.folder_of(in_use), draft.folder / MODEL_FOLDER)
            text = json.dumps(as_shown(decision), indent=1)
            (draft.folder / DECISION_FILE).write_text(text)
            content = f"{model_content(draft.folder / MODEL_FOLDER)} {in_use.run_id}"
            partition = place.commit(
                draft,
                inputs,
                # Which model it is, and nothing else: the same one again makes nothing stale.
                data_version=hashlib.sha256(content.encode()).hexdigest(),
                summary={
                    "champion_version": in_use.version,
                    "champion_run_id": in_use.run_id,
                    "champion_training_month": str(in_use.training_month),
                    "outcome": str(decision.outcome),
                    "reason": decision.reason,
                    "figures": decision.figures,
                },
                simulated=in_use.simulated,
            )
        return result(
            partition,
            {
                "decision": dg.MetadataValue.md(decision_table(name, decision)),
                "outcome": str(decision.outcome),
                "reason": decision.reason,
                "champion": f"{name}, version {in_use.version}",
                "champion_training_month": str(in_use.training_month),
                **decision.figures,
            },
        )

    return champion


def decision_table(name: str, decision: Decision) -> str:
    """Return a decision as Markdown, with both models' figures where they were compared."""
    lines = [
        "| | |",
        "|---|---|",
        f"| month | {decision.month} |",
        f"| outcome | {decision.outcome} |",
        f"| champion | {name}, version {decision.champion_version}, trained up to "
        f"{decision.champion_training_month} |",
        f"| challenger | version {decision.challenger_version} |",
        f"| reason | {escaped(decision.reason)} |",
        f"| decided | {decision.decided} |",
    ]
    lines += [f"| {key.replace('_', ' ')} | {value:g} |" for key, value in decision.figures.items()]
    return "\n".join(lines)


def _zones(lookup: ZoneLookup) -> pl.DataFrame | None:
    try:
        return lookup.find().table
    except NoZonesError:
        return None
