from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from duration_assets.modelling.baselines import LINEAR_FILE, MEDIANS_FILE, Baselines
from duration_assets.modelling.linear_baseline import PAIR_MEAN, LinearBaseline
from duration_assets.modelling.zone_preprocessor import PSEUDO_TRIPS
from duration_assets_tests.modelling.trips import MONDAY_AT_EIGHT, trips_of


def random_trips(count: int = 3_000, seed: int = 1) -> pl.DataFrame:
    """Trips that follow a rule: by hour, weekday, the pair's mean and distance."""
    chance = np.random.default_rng(seed)
    start = datetime(2023, 1, 1)
    pickups = [start + timedelta(hours=int(hours)) for hours in chance.integers(0, 24 * 28, count)]
    trips = trips_of(
        [0.0] * count,
        pickup_time=pickups,
        pickup_zone=chance.integers(1, 9, count).tolist(),
        dropoff_zone=chance.integers(1, 9, count).tolist(),
        distance=chance.uniform(0, 9, count).tolist(),
    ).with_columns(pl.Series(PAIR_MEAN, chance.uniform(5, 25, count)))
    hour, weekday = pl.col("pickup_time").dt.hour(), pl.col("pickup_time").dt.weekday() - 1
    return trips.with_columns(
        duration=2 + 0.1 * hour + 0.5 * weekday + 0.3 * pl.col(PAIR_MEAN) + 2.5 * pl.col("distance")
    )


def test_the_regression_finds_the_rule_that_trips_follow() -> None:
    found = LinearBaseline.fit(random_trips().lazy(), uses_distance=True)
    assert found.intercept == pytest.approx(2.0, abs=1e-3)
    assert found.hours == pytest.approx([0.1 * hour for hour in range(24)], abs=1e-3)
    assert found.weekdays == pytest.approx([0.5 * day for day in range(7)], abs=1e-3)
    assert found.pair_mean == pytest.approx(0.3, abs=1e-4)
    assert found.distance == pytest.approx(2.5, abs=1e-4)


def test_the_regression_is_that_of_least_squares_on_all_trips_at_once() -> None:
    trips = random_trips(400)
    noise = pl.Series(np.random.default_rng(2).normal(0, 5, len(trips)))
    trips = trips.with_columns(duration=pl.col("duration") + noise)
    hours, weekdays = (
        np.eye(size)[trips.select(which).to_series().to_numpy()][:, 1:]
        for size, which in (
            (24, pl.col("pickup_time").dt.hour()),
            (7, pl.col("pickup_time").dt.weekday() - 1),
        )
    )
    own = trips.select(PAIR_MEAN, "distance").to_numpy()
    design = np.hstack([np.ones((len(trips), 1)), hours, weekdays, own])
    solved, *_ = np.linalg.lstsq(design, trips["duration"].to_numpy(), rcond=None)
    found = LinearBaseline.fit(trips.lazy(), uses_distance=True)
    predicted = trips.select(found.prediction()).to_series().to_numpy()
    np.testing.assert_allclose(predicted, design @ solved, atol=1e-3)


def test_the_same_trips_in_another_order_give_the_same_regression() -> None:
    trips = random_trips()
    first = LinearBaseline.fit(trips.lazy(), uses_distance=True)
    for seed in range(3):
        shuffled = trips.sample(fraction=1.0, shuffle=True, seed=seed)
        assert LinearBaseline.fit(shuffled.lazy(), uses_distance=True) == first


def test_an_hour_or_weekday_without_trips_changes_nothing() -> None:
    trips = random_trips().filter(
        (pl.col("pickup_time").dt.hour() != 5) & (pl.col("pickup_time").dt.weekday() != 3)
    )
    found = LinearBaseline.fit(trips.lazy(), uses_distance=True)
    assert found.hours[5] == found.weekdays[2] == 0.0
    assert found.hours[6] == pytest.approx(0.6, abs=1e-3)


def test_without_the_distance_trips_that_differ_in_it_alone_are_predicted_alike() -> None:
    found = LinearBaseline.fit(random_trips().lazy(), uses_distance=False)
    assert found.distance is None
    trips = random_trips(2).with_columns(pl.lit(MONDAY_AT_EIGHT).alias("pickup_time"))
    alike = trips.with_columns(pl.lit(9.0).alias(PAIR_MEAN))
    first, second = alike.select(found.prediction()).to_series()
    assert first == second


def test_a_distance_that_is_unknown_counts_as_none_and_endless_ones_are_cut() -> None:
    found = LinearBaseline.fit(random_trips().lazy(), uses_distance=True)
    trips = trips_of([1.0] * 4, distance=[None, 0.0, 60.0, 55_000.0])
    predicted = trips.with_columns(pl.lit(9.0).alias(PAIR_MEAN)).select(found.prediction())
    unknown, none, longest, endless = predicted.to_series()
    assert unknown == none
    assert longest == endless > none


def test_baselines_of_a_pair_are_its_median_and_of_an_unknown_one_the_mean() -> None:
    window = trips_of([10.0, 20.0, 60.0, 30.0], pickup_zone=[1, 1, 1, None])
    baselines = Baselines.fit(window.lazy(), uses_distance=True)
    later = trips_of([5.0] * 3, pickup_zone=[9, 1, None])
    found = baselines.predict(later)
    assert found["mean"].to_list() == [30.0] * 3
    assert found["pair_median"].to_list() == [30.0, 20.0, 30.0]
    assert found["pair_seen"].to_list() == [False, True, True]
    assert found["linear"].null_count() == 0


def test_a_pair_with_a_single_trip_is_hardly_described_by_it() -> None:
    window = trips_of([10.0] * 99 + [60.0], pickup_zone=[1] * 99 + [2])
    baselines = Baselines.fit(window.lazy(), uses_distance=False)
    only_the_pair = LinearBaseline(0.0, (0.0,) * 24, (0.0,) * 7, 1.0, None)
    found = Baselines(baselines.pairs, only_the_pair).predict(trips_of([1.0], pickup_zone=[2]))
    mean = (10.0 * 99 + 60.0) / 100
    expected = (60.0 + PSEUDO_TRIPS * mean) / (1 + PSEUDO_TRIPS)
    assert found["linear"].item() == pytest.approx(expected)


def test_saved_baselines_predict_the_same(tmp_path: Path) -> None:
    trips = random_trips().drop(PAIR_MEAN)
    baselines = Baselines.fit(trips.lazy(), uses_distance=True)
    baselines.save(tmp_path)
    again = Baselines.load(tmp_path / MEDIANS_FILE, tmp_path / LINEAR_FILE)
    assert again.predict(trips).equals(baselines.predict(trips))
    assert again.linear == baselines.linear
