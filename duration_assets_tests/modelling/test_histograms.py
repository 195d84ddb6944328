from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from duration_assets.modelling.histograms import (
    DISTANCE,
    HOUR,
    PICKUP_ZONE,
    PREDICTION,
    SCHEMA,
    WEEKDAY,
    ZONE_PAIR,
    add_up,
    bin_names,
    histogram_of,
    judged_histogram,
    minute_histogram,
    missing_share,
    month_histograms,
)
from duration_assets_tests.modelling.trips import trips_of
from duration_assets_tests.months import GREEN

SUNDAY_AT_MIDNIGHT = datetime(2023, 1, 8)


def histograms(**columns: list[Any]) -> pl.DataFrame:
    count = len(next(iter(columns.values())))
    return month_histograms(trips_of([10.0] * count, **columns).lazy(), GREEN)


def bins(table: pl.DataFrame, feature: str) -> list[tuple[int | None, int]]:
    return histogram_of(table, feature).rows()


def test_every_feature_counts_every_trip() -> None:
    table = histograms(pickup_zone=[1, 1, None], passengers=[1, None, 300])
    assert table.schema == SCHEMA
    counted = table.group_by("feature").agg(pl.col("trips").sum())
    assert set(counted["trips"]) == {3}
    assert len(counted) == 9


def test_bins_are_zones_pairs_hours_and_weekdays() -> None:
    table = histograms(
        pickup_zone=[74, 74, 7],
        dropoff_zone=[75, 75, None],
        pickup_time=[SUNDAY_AT_MIDNIGHT, SUNDAY_AT_MIDNIGHT, datetime(2023, 1, 9, 23, 59)],
    )
    assert bins(table, PICKUP_ZONE) == [(7, 1), (74, 2)]
    assert bins(table, ZONE_PAIR) == [(7_400_075, 2), (None, 1)]
    assert bins(table, HOUR) == [(0, 2), (23, 1)]
    assert bins(table, WEEKDAY) == [(0, 1), (6, 2)]
    assert bin_names(WEEKDAY)[6] == "Sunday"


def test_a_distance_band_holds_its_end_and_not_its_beginning() -> None:
    table = histograms(distance=[0.0, 0.5, 0.51, 20.0, 20.1, None])
    named = [(bin_names(DISTANCE)[place], trips) for place, trips in bins(table, DISTANCE)]
    assert named == [
        ("0", 1),
        ("0 to 0.5", 1),
        ("0.5 to 1", 1),
        ("15 to 20", 1),
        ("over 20", 1),
        ("missing", 1),
    ]


def test_a_service_has_histograms_of_what_it_publishes_only() -> None:
    bare = replace(GREEN, distance=None, details={})
    table = month_histograms(trips_of([10.0]).lazy(), bare)
    assert set(table["feature"]) == {"pickup_zone", "dropoff_zone", "zone_pair", "hour", "weekday"}


def test_the_histograms_of_months_add_up_to_those_of_their_trips_together() -> None:
    months: list[list[int | None]] = [[1, 2, None], [2, 2, 3]]
    together = histograms(pickup_zone=[zone for month in months for zone in month])
    assert add_up(histograms(pickup_zone=month) for month in months).equals(together)
    assert add_up([]).is_empty()


def test_the_share_of_missing_values_is_that_of_the_trips() -> None:
    table = histograms(passengers=[1, None, None, 2])
    assert missing_share(table, "passengers") == pytest.approx(0.5)
    assert missing_share(table, PICKUP_ZONE) == 0
    assert missing_share(table, "no such feature") == 0


def test_predictions_are_counted_by_whole_minutes_and_the_long_ones_together() -> None:
    minutes = np.array([0.2, 5.0, 5.99, 59.0, 75.0, -3.0], dtype=np.float32)
    assert bins(minute_histogram(minutes), PREDICTION) == [(0, 2), (5, 2), (59, 2)]


def test_the_cells_of_a_judgement_hold_the_same_histogram() -> None:
    cells = pl.DataFrame({"actual": [1, 2, 3], "predicted": [5, 0, 5], "trips": [1, 2, 1]})
    minutes = np.array([0.2, 0.9, 5.0, 5.99], dtype=np.float32)
    assert judged_histogram(cells).equals(minute_histogram(minutes))
