"""What a partition of `champion` holds: the decision, and a copy of the model in use after it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg

from duration_assets.assets.common import Place
from duration_assets.assets.descriptions import result
from duration_assets.data_versions import model_content
from duration_assets.modelling.reports.markdown import escaped
from duration_assets.resources.champion_history import ChampionHistory, Decision
from duration_assets.resources.partition import Partition
from duration_assets.resources.registry import Registry, registered_name

DECISION_FILE, MODEL_FOLDER = "decision.json", "model"


def champion_history(place: Place, registry: Registry) -> ChampionHistory:
    """Return what was decided before; `place` is that of `champion`."""
    name = registered_name(place.service.name, place.feature_set)
    return ChampionHistory(registry, name, place.settings.lock_timeout)


def write_decision(
    folder: Path, name: str, decision: Decision, history: Sequence[Decision], registry: Registry
) -> dict[str, Any]:
    """Write the files of a partition.

    Args:
        folder: an existing folder.
        name: of the registered model.
        decision: what stands for the month.
        history: all that was decided; what a person changed stays visible in the file.
        registry: has the model.

    Returns:
        What a commit takes: `data_version`, `summary` and whether the model is `simulated`.

    Raises:
        TrackingError: if MLflow cannot be reached, or has no such model any more.
    """
    in_use = registry.version(name, decision.champion_version)
    shutil.copytree(registry.folder_of(in_use), folder / MODEL_FOLDER)
    before = [each for each in history if each.month == decision.month and each != decision]
    shown = {**asdict(decision), "before": [asdict(each) for each in before]}
    (folder / DECISION_FILE).write_text(json.dumps(shown, indent=1))
    content = f"{model_content(folder / MODEL_FOLDER)} {in_use.run_id}"
    return {
        # Which model it is, and nothing else: the same one again makes nothing stale.
        "data_version": hashlib.sha256(content.encode()).hexdigest(),
        "summary": {
            "champion_version": in_use.version,
            "champion_run_id": in_use.run_id,
            "champion_training_month": str(in_use.training_month),
            "outcome": str(decision.outcome),
            "reason": decision.reason,
            "figures": decision.figures,
        },
        "simulated": in_use.simulated,
    }


def shown_of(partition: Partition, name: str, decision: Decision) -> dg.MaterializeResult:
    """Return what Dagster is told of a partition."""
    return result(
        partition,
        {
            "decision": dg.MetadataValue.md(decision_table(name, decision)),
            "outcome": str(decision.outcome),
            "reason": decision.reason,
            "champion": f"{name}, version {decision.champion_version}",
            "champion_training_month": decision.champion_training_month,
            **decision.figures,
        },
    )


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
