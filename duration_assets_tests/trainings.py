"""Records of trainings that never were, for tests of what is written and compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from duration_assets.modelling.features import FEATURE_SETS, feature_names
from duration_assets.modelling.parameters import parameters_of, rounds_apart, tuned_through
from duration_assets.modelling.training import COURSE_PARAMETERS
from duration_assets.modelling.training_record import (
    MonthRecord,
    TrainingRecord,
    distinct_features,
    packages_now,
)
from duration_assets.months import Month

RUN_ID = "0123456789abcdef0123456789abcdef"


def month_record(month: Month, **changes: Any) -> MonthRecord:
    """Return a month whose hashes tell what they stand for."""
    values: dict[str, Any] = {
        "month": str(month),
        "raw": f"a{month}".ljust(64, "0"),
        "cleaned": f"b{month}".ljust(64, "0"),
        "statistics": f"c{month}".ljust(64, "0"),
        "kept": 60_000 + month.month,
        "other_months": 7,
    }
    return MonthRecord(**{**values, **changes})


def training(
    feature_set: str = "metered",
    months: Sequence[Month] = (Month(2023, 1), Month(2023, 2)),
    **changes: Any,
) -> TrainingRecord:
    """Return the record of a training of the green service."""
    features = FEATURE_SETS[feature_set]
    zones = features.uses_zone_statistics
    columns = feature_names(features) if zones else ["PU_DO=1_2", "PU_DO=3_4", "trip_distance"]
    errors = {"training_rmse": 3.25, "training_mae": 2.125}
    values: dict[str, Any] = {
        "service": "green",
        "feature_set": feature_set,
        "months": tuple(
            month_record(month, **({} if zones else {"statistics": None})) for month in months
        ),
        "simulated": False,
        "sampled": False,
        "trips": 120_003,
        "features": distinct_features(columns),
        "columns": len(columns),
        "home": "/somewhere/home",
        "source": "https://there/{service}_{month}.parquet",
        "settings": {"window": len(months), "max_training_rows": None, "threads": 2},
        "code_versions": {"preprocessor": "1", "training_matrix": "2", "duration_model": "2"},
        "packages": packages_now(),
        "machine": "Linux x86_64",
        "parameters": rounds_apart(parameters_of(feature_set))[0] if zones else COURSE_PARAMETERS,
        "rounds": 143,
        "metrics": {**errors, **({"holdout_rmse": 4.5} if zones else {})},
        "content": "d" * 64,
        "tuned_through": tuned_through(feature_set),
    }
    return TrainingRecord(**{**values, **changes})
