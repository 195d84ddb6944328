from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duration_assets.modelling.slices import (
    BOROUGH_PAIR,
    DISTANCE,
    ERROR_SUMS,
    HOUR,
    NO_DISTANCE,
    PAIR_SEEN,
    PICKUP_ZONE,
    SEEN,
    UNSEEN,
    WEEKDAY,
    error_sums,
    part_of,
    slice_errors,
    worst_zones,
)
from duration_assets.modelling.zones import UNLISTED
from duration_assets_tests.modelling.trips import trips_of

ZONES = pl.DataFrame(
    {"zone": [1, 2, 3], "borough": ["Queens", "Bronx", "Queens"], "name": ["A", "B", "C"]},
    schema_overrides={"zone": pl.Int32},
)


def judged(duration: list[float], predicted: list[float], **columns: list[Any]) -> pl.LazyFrame:
    seen = columns.pop("pair_seen", [True] * len(duration))
    return trips_of(duration, **columns, predicted=predicted, pair_seen=seen).lazy()


def figures(slices: pl.DataFrame, name: str) -> dict[str, list[Any]]:
    rows = part_of(slices, name).select("part", "trips", "share", "rmse", "mae", "bias").rows()
    return {part: rest for part, *rest in rows}


def test_the_figures_of_a_slice_are_those_worked_out_by_hand() -> None:
    trips = judged(
        [10.0, 10.0, 10.0, 20.0],
        [13.0, 6.0, 10.0, 22.0],
        pickup_time=[datetime(2023, 1, 2, 8), datetime(2023, 1, 2, 8), *[datetime(2023, 1, 7)] * 2],
    )
    slices = slice_errors(trips, None, has_distance=True)
    assert figures(slices, HOUR) == {
        "00": [2, 0.5, pytest.approx(2**0.5), 1.0, 1.0],
        "08": [2, 0.5, pytest.approx(12.5**0.5), 3.5, -0.5],
    }
    assert list(figures(slices, WEEKDAY)) == ["Monday", "Saturday"]
    assert figures(slices, WEEKDAY)["Saturday"] == figures(slices, HOUR)["00"]


def test_boroughs_are_those_of_both_ends_and_the_most_travelled_stand_first() -> None:
    trips = judged(
        [10.0] * 5,
        [11.0, 12.0, 13.0, 14.0, 15.0],
        pickup_zone=[1, 3, 2, 1, None],
        dropoff_zone=[2, 2, 1, 99, 2],
    )
    found = figures(slice_errors(trips, ZONES, has_distance=True), BOROUGH_PAIR)
    assert {part: (row[0], row[4]) for part, row in found.items()} == {
        "Queens to Bronx": (2, 1.5),
        "Bronx to Queens": (1, 3.0),
        f"Queens to {UNLISTED}": (1, 4.0),
        f"{UNLISTED} to Bronx": (1, 5.0),
    }
    assert next(iter(found)) == "Queens to Bronx"


def test_without_a_lookup_or_distances_these_slices_are_left_out() -> None:
    slices = slice_errors(judged([10.0], [11.0]), None, has_distance=False)
    assert set(slices["slice"]) == {PICKUP_ZONE, PAIR_SEEN, HOUR, WEEKDAY}


def test_distance_bands_end_where_they_say() -> None:
    distances = [-1.0, 0.0, 0.01, 1.0, 1.01, 5.0, 20.0, 20.01, 55_000.0, None]
    trips = judged([10.0] * 10, [11.0] * 10, distance=distances)
    found = figures(slice_errors(trips, None, has_distance=True), DISTANCE)
    assert {part: row[0] for part, row in found.items()} == {
        "0": 2,
        "0 to 1": 2,
        "1 to 2": 1,
        "2 to 5": 1,
        "10 to 20": 1,
        "over 20": 2,
        NO_DISTANCE: 1,
    }
    assert list(found) == [
        *("0", "0 to 1", "1 to 2", "2 to 5", "10 to 20", "over 20"),
        NO_DISTANCE,
    ]


def test_pairs_never_seen_in_the_window_are_a_slice() -> None:
    trips = judged([10.0] * 3, [11.0, 12.0, 13.0], pair_seen=[True, False, True])
    found = figures(slice_errors(trips, None, has_distance=True), PAIR_SEEN)
    assert {part: (row[0], row[4]) for part, row in found.items()} == {
        SEEN: (2, 2.0),
        UNSEEN: (1, 2.0),
    }


def test_the_worst_zones_have_the_largest_error_of_those_with_enough_trips() -> None:
    zones = [7] * 40 + [8] * 40 + [9] * 29
    off = [2.0] * 40 + [5.0] * 40 + [50.0] * 29
    trips = judged([10.0] * 109, [10.0 + each for each in off], pickup_zone=zones)
    slices = slice_errors(trips, None, has_distance=True)
    assert worst_zones(slices, 10)["part"].to_list() == ["8", "7"]
    assert worst_zones(slices, 1)["part"].to_list() == ["8"]


minutes = st.floats(0, 180, allow_nan=False)
zone = st.one_of(st.none(), st.integers(1, 4))
trip = st.tuples(
    minutes,
    minutes,
    zone,
    zone,
    st.datetimes(datetime(2023, 1, 1), datetime(2023, 1, 31)),
    st.one_of(st.none(), st.floats(-1, 100, allow_nan=False)),
    st.booleans(),
)


# A busy machine takes its time.
@settings(deadline=None)
@given(st.lists(trip, min_size=1, max_size=40))
def test_the_parts_of_every_slice_add_up_to_the_whole_to_the_last_bit(
    drawn: list[tuple[Any, ...]],
) -> None:
    duration, predicted, pickup, dropoff, time, distance, seen = map(list, zip(*drawn, strict=True))
    trips = judged(
        duration,
        predicted,
        pickup_zone=pickup,
        dropoff_zone=dropoff,
        pickup_time=time,
        distance=distance,
        pair_seen=seen,
    )
    whole = trips.select(**error_sums(pl.col("duration"), pl.col("predicted"))).collect()
    slices = slice_errors(trips, ZONES, has_distance=True)
    added = slices.group_by("slice").agg(pl.col(ERROR_SUMS).sum(), pl.col("share").sum())
    names = (BOROUGH_PAIR, PICKUP_ZONE, PAIR_SEEN, HOUR, WEEKDAY, DISTANCE)
    assert sorted(added["slice"]) == sorted(names)
    for row in added.select(ERROR_SUMS).rows():
        assert row == whole.row(0)
    assert added["share"].to_list() == pytest.approx([1.0] * len(names))
    squares = [(a - b) ** 2 for a, b in zip(duration, predicted, strict=True)]
    assert whole["squared_error"].item() == pytest.approx(sum(squares), abs=1e-3)
