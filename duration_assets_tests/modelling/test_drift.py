from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duration_assets.drift_settings import DriftSettings
from duration_assets.modelling.drift import (
    KINDS,
    MEASURES,
    Observed,
    Predicted,
    Usual,
    flagged,
    measure,
    predict_month,
    problems,
    stability_index,
    together,
)
from duration_assets.modelling.histograms import minute_histogram, month_histograms
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.trip_batches import MonthTrips
from duration_assets.settings import Settings
from duration_assets_tests.modelling.trips import MONDAY_AT_EIGHT, trips_of
from duration_assets_tests.months import GREEN, JANUARY

LIMITS = dict.fromkeys(KINDS, 0.2)
GOOD = {"rmse": 4.0, "mae": 3.0}


def histogram(*trips: int) -> pl.DataFrame:
    return pl.DataFrame({"bin": range(len(trips)), "trips": trips}, schema_overrides=_TYPES)


_TYPES = {"bin": pl.Int64, "trips": pl.Int64}


def observed(rejected: int = 0, **columns: list[Any]) -> Observed:
    count = len(next(iter(columns.values()), [0] * 100))
    trips = trips_of([10.0] * count, **columns)
    nulls = trips.null_count().row(0, named=True)
    zones = nulls["pickup_zone"]
    counts = {"missing_zones": zones, "missing_distance": nulls["distance"]}
    reasons = {"under 1 minute": rejected}
    summary = {"rows": count + rejected, "kept": count, "rejected": reasons, **counts}
    return Observed(month_histograms(trips.lazy(), GREEN), summary)


def predicted(bias: float = 0.0, rmse: float = 4.0, mae: float = 3.0) -> Predicted:
    errors = {"trips": 3.0, "rmse": rmse, "mae": mae, "bias": bias, "mean_duration": 10.0}
    return Predicted(minute_histogram(np.array([5.0, 10.0, 15.0])), errors)


def test_the_index_of_two_shares_is_that_of_its_definition() -> None:
    usual, now = histogram(500_000, 500_000), histogram(800_000, 200_000)
    expected = 0.3 * math.log(0.8 / 0.5) - 0.3 * math.log(0.2 / 0.5)
    assert stability_index(usual, now) == pytest.approx(expected, rel=1e-4)
    assert stability_index(now, usual) == pytest.approx(expected, rel=1e-4)


def test_the_index_does_not_depend_on_how_many_trips_there_are() -> None:
    assert stability_index(histogram(100, 300), histogram(10_000, 30_000)) < 1e-4


def test_a_bin_that_only_one_of_them_has_counts_and_stays_finite() -> None:
    closed = stability_index(histogram(20_000, 80_000), histogram(0, 80_000))
    assert 1.5 < closed < 3
    missing = pl.DataFrame({"bin": [None, 1], "trips": [20_000, 80_000]}, schema=_TYPES)
    assert stability_index(missing, missing) == 0
    assert stability_index(missing, missing.drop_nulls()) > 1.5


counts = st.lists(st.integers(0, 10_000), min_size=1, max_size=20)


# A busy machine takes its time.
@settings(deadline=None)
@given(counts, counts)
def test_the_index_is_never_negative_and_the_same_both_ways(a: list[int], b: list[int]) -> None:
    one, other = histogram(*a), histogram(*b)
    index = stability_index(one, other)
    assert index >= 0
    assert stability_index(other, one) == pytest.approx(index, rel=1e-9, abs=1e-12)


def test_a_month_like_its_window_is_not_flagged() -> None:
    usual = Usual(predicted().histogram, [GOOD])
    measures = measure(observed(), together([observed(), observed()]), predicted(), usual)
    assert list(measures) == list(MEASURES)
    assert {name for name, value in measures.items() if value} == {"rmse_ratio", "mae_ratio"}
    assert measures["rmse_ratio"] == measures["mae_ratio"] == 1
    assert flagged(measures, DriftSettings.model_validate({}).drift_limits) == []


def test_measures_say_what_has_changed() -> None:
    later = [MONDAY_AT_EIGHT + timedelta(hours=12)] * 100
    month = observed(
        rejected=100,
        pickup_zone=[None] * 50 + [7] * 50,
        passengers=[None] * 25 + [1] * 75,
        pickup_time=later,
    )
    measures = measure(month, observed(), predicted(bias=-2.0, rmse=6.0), Usual(None, [GOOD]))
    assert measures["bias"] == pytest.approx(-0.2)
    assert measures["rmse_ratio"] == pytest.approx(1.5)
    assert measures["unseen_pairs"] == 1
    assert measures["nulls_zones"] == pytest.approx(0.5)
    assert measures["nulls_passengers"] == pytest.approx(0.25)
    assert measures["rejected"] == pytest.approx(0.5)
    assert measures["psi_pickup_zone"] > 1 > measures["psi_dropoff_zone"]
    assert measures["psi_hour"] > 1 > measures["psi_weekday"]
    assert "psi_predictions" not in measures


def test_errors_are_compared_with_the_median_of_those_before() -> None:
    before = [{"rmse": rmse, "mae": 3.0} for rmse in (2.0, 5.0, 100.0)]
    measures = measure(observed(), observed(), predicted(rmse=6.0), Usual(None, before))
    assert measures["rmse_ratio"] == pytest.approx(1.2)
    assert "rmse_ratio" not in measure(observed(), observed(), predicted(), Usual())


def test_a_service_without_distances_and_details_has_no_measures_of_them() -> None:
    bare = replace(GREEN, distance=None, details={})
    trips = trips_of([10.0] * 3, distance=[None] * 3)
    summary = {"rows": 3, "kept": 3, "missing_zones": 0, "missing_distance": 3}
    month = Observed(month_histograms(trips.lazy(), bare), summary)
    measures = measure(month, month, predicted(), Usual())
    assert {"psi_distance", "nulls_distance", "psi_vendor"}.isdisjoint(measures)


@pytest.mark.parametrize("bias", [0.3, -0.3])
def test_a_bias_is_flagged_on_either_side_and_other_measures_above_their_limit(
    bias: float,
) -> None:
    measures = {"psi_hour": 0.2, "bias": bias, "rejected": -0.9, "nulls_zones": 0.21}
    assert flagged(measures, LIMITS) == ["bias", "nulls_zones"]


def test_what_is_wrong_is_said_by_kind_with_the_figures_and_the_limit() -> None:
    measures = {"psi_pickup_zone": 0.31, "psi_dropoff_zone": 0.1, "bias": -0.25}
    found = problems({"measures": measures, "limits": LIMITS})
    assert found == {
        "zones": "Trips start or end in other zones than in the champion's window: "
        "psi_pickup_zone 0.310; the limit is 0.200.",
        "bias": "The champion predicts too much, or too little, on the whole: bias -0.250; the "
        "limit is 0.200.",
    }


def test_there_is_a_limit_for_each_kind_and_a_kind_for_each_measure() -> None:
    limits = Settings.load(drift_bias=0.5).drift_limits
    assert limits.keys() == KINDS.keys() == set(MEASURES.values())
    assert limits["bias"] == 0.5


def test_predictions_of_a_month_are_summed_up_over_its_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duration_assets.modelling.trip_batches.BATCH", 2)
    path = tmp_path / "trips.parquet"
    trips_of([10.0, 20.0, 30.0]).write_parquet(path)
    model = SimpleNamespace(
        predict=lambda trips: trips["duration"].to_numpy() + [1, -3][: len(trips)]
    )
    found = predict_month(cast(DurationModel, model), MonthTrips(JANUARY, path, 3))
    assert found.errors == pytest.approx(
        {
            "trips": 3,
            "rmse": math.sqrt((1 + 9 + 1) / 3),
            "mae": 5 / 3,
            "bias": -1 / 3,
            "mean_duration": 20,
        }
    )
    assert found.histogram.select("bin", "trips").rows() == [(11, 1), (17, 1), (31, 1)]
