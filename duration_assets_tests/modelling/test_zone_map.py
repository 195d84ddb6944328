from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from duration_assets.errors import BadFileError
from duration_assets.modelling.features import DIMENSIONS, FEATURE_SETS, map_features
from duration_assets.modelling.preprocessors import load_preprocessor
from duration_assets.modelling.statistics import UNKNOWN_ZONE, ZONES, add_up, weekly_sums
from duration_assets.modelling.zone_map import distances, draw_zone_map
from duration_assets.modelling.zone_preprocessor import ZonePreprocessor
from duration_assets.services import NO_PLACES
from duration_assets_tests.modelling.trips import trips_of
from duration_assets_tests.months import JANUARY

TOWN = np.random.default_rng(7).uniform(0, 10, (40, DIMENSIONS))
"""Forty zones, 1 to 40."""


def sums_between(pairs: list[tuple[int, int]], trips: float = 50.0) -> pl.DataFrame:
    """Return trips between zones of the town, as long as they are far apart."""
    miles = [float(np.linalg.norm(TOWN[one - 1] - TOWN[other - 1])) for one, other in pairs]
    return pl.DataFrame(
        {
            "pickup_zone": [one for one, _ in pairs],
            "dropoff_zone": [other for _, other in pairs],
            "trips": [trips] * len(pairs),
            "distance": [trips * each for each in miles],
        }
    )


def all_pairs() -> list[tuple[int, int]]:
    return [(one, other) for one in range(1, 41) for other in range(1, 41) if one != other]


def test_zones_are_as_far_apart_as_trips_between_them_are_long() -> None:
    places = draw_zone_map(sums_between(all_pairs()))[1:41]
    np.testing.assert_allclose(distances(places, places), distances(TOWN, TOWN), atol=0.1)


def test_a_pair_that_was_never_seen_has_about_its_distance_too() -> None:
    some = [pair for pair in all_pairs() if sum(pair) % 4]
    never = [pair for pair in all_pairs() if not sum(pair) % 4]
    places = draw_zone_map(sums_between(some))
    for one, other in never:
        found = np.linalg.norm(places[one] - places[other])
        assert found == pytest.approx(np.linalg.norm(TOWN[one - 1] - TOWN[other - 1]), abs=0.5)


def test_the_same_trips_give_the_same_map_in_whatever_order_they_stand() -> None:
    sums = sums_between(all_pairs())
    shuffled = sums.sample(fraction=1.0, shuffle=True, seed=1)
    np.testing.assert_array_equal(draw_zone_map(shuffled), draw_zone_map(sums))


def test_what_is_no_place_or_not_connected_is_at_the_origin() -> None:
    apart = pl.DataFrame(
        {"pickup_zone": [100], "dropoff_zone": [101], "trips": [9.0], "distance": [9.0]}
    )
    nowhere = pl.DataFrame(
        {
            "pickup_zone": [UNKNOWN_ZONE, *NO_PLACES],
            "dropoff_zone": [1, 2, 3],
            "trips": [99.0] * 3,
            "distance": [9000.0] * 3,
        }
    )
    sums = sums_between(all_pairs())
    places = draw_zone_map(pl.concat([sums, apart, nowhere], how="vertical_relaxed"))
    assert places.shape == (ZONES, DIMENSIONS)
    assert not places[[100, 101, UNKNOWN_ZONE, *NO_PLACES]].any()
    np.testing.assert_array_equal(places[1:41], draw_zone_map(sums)[1:41])


def test_a_window_without_trips_has_an_empty_map() -> None:
    assert not draw_zone_map(sums_between([(1, 2)]).clear()).any()


def test_a_saved_preprocessor_has_the_same_map(tmp_path: Path) -> None:
    trips = trips_of([5.0] * 6, pickup_zone=[1, 2, 3, 4, 5, 6], dropoff_zone=[2, 3, 4, 5, 6, 1])
    sums = weekly_sums(trips.lazy(), JANUARY)
    preprocessor = ZonePreprocessor.fit(FEATURE_SETS["request"], [sums])
    assert preprocessor.zone_map.any()
    preprocessor.save(tmp_path / "zones.parquet")
    again = ZonePreprocessor.load(tmp_path / "zones.parquet")
    np.testing.assert_array_equal(again.zone_map, preprocessor.zone_map)
    assert again.zone_map.dtype == np.float32


def test_a_preprocessor_of_an_earlier_version_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "preprocessor.parquet"
    sums = weekly_sums(trips_of([5.0] * 2).lazy(), JANUARY)
    marks = {"duration_assets.preprocessor": json.dumps({"feature_set": "metered"})}
    add_up([sums]).write_parquet(path, metadata=marks)
    with pytest.raises(BadFileError, match=r"preprocessor\.parquet has no map of the zones"):
        load_preprocessor(path)


def test_the_map_distance_is_that_between_the_two_places() -> None:
    sums = weekly_sums(trips_of([5.0] * 2).lazy(), JANUARY)
    zone_map = np.zeros((ZONES, DIMENSIONS), np.float32)
    zone_map[43], zone_map[151] = (1, 2, 3), (1, 5, 7)
    preprocessor = ZonePreprocessor(FEATURE_SETS["request"], sums, zone_map)
    matrix = preprocessor.transform(trips_of([9.0]))
    columns = [preprocessor.feature_names.index(name) for name in map_features()]
    assert matrix[0, columns].tolist() == [1, 2, 3, 1, 5, 7, 5]
