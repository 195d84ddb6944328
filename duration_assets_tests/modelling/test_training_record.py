from __future__ import annotations

import json
from typing import Any

import pytest

from duration_assets.errors import BadFileError
from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.modelling.training_record import (
    PACKAGES,
    TrainingRecord,
    distinct_features,
    packages_now,
)
from duration_assets_tests.trainings import training


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_a_record_is_read_as_it_was_written(feature_set: str) -> None:
    record = training(feature_set)
    assert TrainingRecord.from_json(record.as_json()) == record
    assert record.training_month == "2023-02"


def test_a_record_is_small_also_for_the_longest_window() -> None:
    from duration_assets.months import Month

    months = list(Month(2021, 1).through(Month(2022, 12)))
    assert len(training(months=months).as_json()) < 20_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "It is damaged"),
        ("[]", "It is damaged"),
        ("{}", "It is damaged"),
        ('{"format": 1, "months": [], "features": []}', "It is damaged"),
        ('{"format": 2}', "It has format 2, and this version of the project reads format 1"),
    ],
)
def test_a_record_that_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(BadFileError, match=message):
        TrainingRecord.from_json(text)


def test_a_record_with_something_unknown_in_it_is_not_read_as_if_it_were_known() -> None:
    content: dict[str, Any] = json.loads(training().as_json())
    with pytest.raises(BadFileError, match="It is damaged"):
        TrainingRecord.from_json(json.dumps({**content, "weather": "rain"}))


def test_a_feature_that_became_many_columns_counts_once() -> None:
    columns = ["PU_DO=1_2", "PU_DO=3_4", "trip_distance"]
    assert distinct_features(columns) == ("PU_DO", "trip_distance")


def test_the_versions_are_those_that_are_installed() -> None:
    import sys

    import polars
    import xgboost

    now = packages_now()
    assert now.keys() == {"python", *PACKAGES}
    assert now["xgboost"] == xgboost.__version__
    assert now["polars"] == polars.__version__
    assert now["python"] == sys.version.partition(" ")[0]
