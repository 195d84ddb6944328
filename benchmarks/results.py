"""The file of results: every round of every case, and the medians over them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.pipelines import REPOSITORY, Outcome

RESULTS = REPOSITORY / "benchmarks" / "results.json"

Rounds = dict[str, dict[str, list[Outcome]]]
"""Rounds by case and way."""


def remember(path: Path, case: str, way: str, outcome: Outcome) -> None:
    """Add a round to the file."""
    content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    content.setdefault(case, {}).setdefault(way, []).append(asdict(outcome))
    path.write_text(json.dumps(content, indent=1) + "\n")


def recall(path: Path) -> Rounds:
    """Read all rounds."""
    content = json.loads(path.read_text())
    return {
        case: {way: [Outcome(**each) for each in rounds] for way, rounds in ways.items()}
        for case, ways in content.items()
    }


def middle(rounds: list[Outcome]) -> Outcome:
    """Return the median of each figure over the rounds."""
    stages = {
        name: median(each.stages.get(name, 0.0) for each in rounds) for name in rounds[0].stages
    }
    return Outcome(
        wall=median(each.wall for each in rounds),
        cpu=median(each.cpu for each in rounds),
        peak=int(median(each.peak for each in rounds)),
        to_matrix=median(each.to_matrix for each in rounds),
        rmse=median(each.rmse for each in rounds),
        stages=stages,
    )


def describe(way: str, outcome: Outcome) -> str:
    """Return one line for people."""
    return (
        f"{way}: {outcome.wall:.1f} s wall, {outcome.cpu:.1f} s CPU, {outcome.peak / 1e9:.2f} GB, "
        f"matrices after {outcome.to_matrix:.1f} s, RMSE {outcome.rmse:.4f}"
    )
