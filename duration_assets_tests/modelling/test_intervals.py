from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from duration_assets.modelling.intervals import (
    INTERVAL_PARAMETERS,
    LOWER,
    UPPER,
    Calibration,
    IntervalModel,
    Predictions,
    calibrate,
    moved,
)
from duration_assets.modelling.metrics import interval_metrics, interval_score

TRIPS = 4_000
UNMOVED = Calibration(below=0.0, above=0.0, constant_below=1.0, constant_above=1.0)

minutes_of_trips = arrays.arrays(
    np.float32, 20, elements=st.floats(-5, 100, width=32, allow_nan=False)
)


@pytest.fixture(scope="module")
def trips() -> tuple[np.ndarray, np.ndarray]:
    """Trips whose durations spread the more the longer they are."""
    draws = np.random.default_rng(5)
    features = draws.uniform(1, 30, (2 * TRIPS, 1)).astype(np.float32)
    return features, features[:, 0] * draws.uniform(0.5, 1.5, 2 * TRIPS)


@pytest.fixture(scope="module")
def booster(trips: tuple[np.ndarray, np.ndarray]) -> xgboost.Booster:
    features, durations = trips
    matrix = xgboost.QuantileDMatrix(features[:TRIPS], label=durations[:TRIPS], max_bin=128)
    return xgboost.train({**INTERVAL_PARAMETERS, "max_bin": 128, "nthread": 1}, matrix, 40)


@pytest.fixture(scope="module")
def intervals(booster: xgboost.Booster, trips: tuple[np.ndarray, np.ndarray]) -> IntervalModel:
    features, durations = trips
    means = features[:TRIPS, 0]
    return IntervalModel(
        booster, calibrate(booster.inplace_predict(features[:TRIPS]), means, durations[:TRIPS])
    )


def test_eight_trips_of_ten_that_were_never_seen_end_within_their_intervals(
    intervals: IntervalModel, trips: tuple[np.ndarray, np.ndarray]
) -> None:
    features, durations = (values[TRIPS:] for values in trips)
    predicted = intervals.around(features, features[:, 0])
    found = interval_metrics(predicted, durations, intervals.calibration)
    assert found["coverage"] == pytest.approx(UPPER - LOWER, abs=0.03)
    # The spread grows with the trip, which intervals of one width cannot know.
    assert found["winkler_ratio"] < 0.9


def test_percentiles_that_are_too_narrow_are_widened_by_what_they_lack(
    booster: xgboost.Booster, trips: tuple[np.ndarray, np.ndarray]
) -> None:
    features, durations = trips
    means = features[:, 0]
    wild = means + 2 * (durations - means)
    calibration = calibrate(booster.inplace_predict(features), means, wild)
    assert calibration.below > 0.2
    assert calibration.above > 0.2
    inside = IntervalModel(booster, calibration).around(features, means)
    assert np.mean(inside.low > wild) < LOWER + 0.01
    assert np.mean(inside.high < wild) < LOWER + 0.01


@given(
    minutes_of_trips,
    minutes_of_trips,
    minutes_of_trips,
    st.floats(-2, 2, width=32),
    st.floats(-2, 2, width=32),
)
def test_the_mean_always_lies_within_its_interval(
    one: np.ndarray, other: np.ndarray, minutes: np.ndarray, below: float, above: float
) -> None:
    low, high = np.minimum(one, other), np.maximum(one, other)
    found = moved(low, high, minutes, Calibration(below, above, 1.0, 1.0))
    assert (found.low <= found.minutes).all()
    assert (found.minutes <= found.high).all()
    assert found.low.dtype == found.high.dtype == np.float32


def test_an_interval_does_not_begin_before_the_trip_does() -> None:
    low, high, minutes = (np.array([value], np.float32) for value in (1.0, 11.0, 5.0))
    found = moved(low, high, minutes, Calibration(0.5, 0.0, 1.0, 1.0))
    assert found.low.tolist() == [0.0]
    assert found.high.tolist() == [11.0]


def test_intervals_of_many_trips_are_those_of_each_alone_to_the_last_bit(
    intervals: IntervalModel, trips: tuple[np.ndarray, np.ndarray]
) -> None:
    features = trips[0][:200]
    together = intervals.around(features, features[:, 0])
    alone = [intervals.around(row[None], row) for row in features]
    np.testing.assert_array_equal(together.low, np.concatenate([each.low for each in alone]))
    np.testing.assert_array_equal(together.high, np.concatenate([each.high for each in alone]))


def test_saved_intervals_are_the_same_and_a_model_without_has_none(
    intervals: IntervalModel, trips: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    assert IntervalModel.load(tmp_path) is None
    intervals.save(tmp_path)
    again = IntervalModel.load(tmp_path)
    assert again is not None
    assert again.calibration == intervals.calibration
    features = trips[0][:50]
    before, after = (each.around(features, features[:, 0]) for each in (intervals, again))
    np.testing.assert_array_equal(before.low, after.low)
    np.testing.assert_array_equal(before.high, after.high)


def test_the_interval_score_is_the_width_and_ten_times_how_far_a_trip_is_outside() -> None:
    low, high = np.array([5.0, 5.0, 5.0]), np.array([15.0, 15.0, 15.0])
    actual = np.array([10.0, 4.0, 17.0])
    assert interval_score(low, high, actual) == pytest.approx(10 + (0 + 10 * 1 + 10 * 2) / 3)


def test_a_trip_at_the_end_of_its_interval_is_inside() -> None:
    ends = Predictions(*(np.array([value] * 2, np.float32) for value in (10.0, 5.0, 15.0)))
    found = interval_metrics(ends, np.array([5.0, 15.0]), UNMOVED)
    assert found["coverage"] == 1.0
    assert found["interval_width"] == 10.0
