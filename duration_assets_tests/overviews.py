"""An overview of months that never were, for tests of the overall report."""

from __future__ import annotations

import math
from typing import Any

from duration_assets.drift_settings import DriftSettings
from duration_assets.modelling.cleaning import REASONS
from duration_assets.modelling.drift import MEASURES
from duration_assets.modelling.reports.overall_report import Overview
from duration_assets.months import Month

FIRST, LAST = Month(2022, 1), Month(2023, 6)
FLAGGED = Month(2023, 4)
_LIMITS = DriftSettings.model_validate({}).drift_limits


def invented_overview(**changes: Any) -> Overview:
    """Return months in each of which everything is there; one of them is flagged for its bias."""
    months = list(FIRST.through(LAST))
    # Every fourth decision promotes the newest model.
    decided = [(months[place - place % 4], month) for place, month in enumerate(months[2:])]
    values: dict[str, Any] = {
        "service": "Green taxi",
        "feature_set": "metered",
        "cleaned": {month: _cleaned(place) for place, month in enumerate(months)},
        "models": {
            month: {"tuned_through": "2022-06" if place > 6 else None}
            for place, month in enumerate(months[:-1])
        },
        "evaluations": {month: _evaluation(place, 4.3) for place, month in enumerate(months[1:])},
        "course": {month: _evaluation(place, 5.4) for place, month in enumerate(months[1:])},
        "decisions": [_decision(trained, month) for trained, month in decided],
        "drifts": {month: _drift(place, month) for place, month in enumerate(months[3:])},
        "limits": _LIMITS,
        "simulated": True,
    }
    return Overview(**{**values, **changes})


def _wave(place: int, size: float) -> float:
    return size * math.sin(place / 2)


def _cleaned(place: int) -> dict[str, Any]:
    rows = 60_000 + round(_wave(place, 8_000))
    rejected = {reason: round(rows * 0.01 * number) for number, reason in enumerate(REASONS)}
    kept = rows - sum(rejected.values())
    return {
        "rows": rows,
        "kept": kept,
        "rejected": rejected,
        "missing_zones": 0,
        "missing_distance": 0,
    }


def _evaluation(place: int, rmse: float) -> dict[str, Any]:
    rmse += _wave(place, 0.2)
    metrics = {
        "rmse": rmse,
        "mae": rmse * 0.65,
        "bias": _wave(place, 0.1),
        "coverage": 0.8 + _wave(place + 2, 0.02),
        "interval_width": 9.0 + _wave(place, 0.3),
        "baseline_mean_rmse": 9.0 + _wave(place, 0.3),
        "baseline_pair_median_rmse": 5.6 + _wave(place, 0.2),
        "baseline_linear_rmse": 5.2 + _wave(place, 0.2),
    }
    return {"metrics": metrics}


def _decision(trained: Month, month: Month) -> dict[str, Any]:
    is_new = trained.shift(2) == month
    return {
        "month": str(month),
        "outcome": "promoted" if is_new else "kept",
        "champion_version": 1 + (trained.year - FIRST.year) * 12 + trained.month - FIRST.month,
        "champion_run_id": f"run of {trained}",
        "champion_training_month": str(trained),
        "reason": "It is better by more than noise." if is_new else "The gain may be noise.",
    }


def _drift(place: int, month: Month) -> dict[str, Any]:
    measures = {
        name: _LIMITS[kind] * (0.5 + _wave(place + len(name), 0.2))
        for name, kind in MEASURES.items()
    }
    if month == FLAGGED:
        measures["bias"] = -1.6 * _LIMITS["bias"]
    errors = {"trips": 55_000.0, "rmse": 4.4 + _wave(place, 0.2), "mae": 2.9, "bias": 0.1}
    return {"measures": measures, "errors": errors}
