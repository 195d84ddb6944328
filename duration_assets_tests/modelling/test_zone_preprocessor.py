from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from duration_assets.modelling.baselines import pair_medians
from duration_assets.modelling.cleaning import canonical_trips
from duration_assets.modelling.features import FEATURE_SETS, feature_names
from duration_assets.modelling.statistics import add_up, weekly_sums
from duration_assets.modelling.zone_preprocessor import PSEUDO_TRIPS, ZonePreprocessor
from duration_assets_tests.months import GREEN, JANUARY, green_rows

METERED, REQUEST = FEATURE_SETS["metered"], FEATURE_SETS["request"]
FIRST_WEEK, SECOND_WEEK = datetime(2023, 1, 3, 8), datetime(2023, 1, 10, 8)


def trips_of(rows: pl.DataFrame) -> pl.DataFrame:
    return canonical_trips(rows.with_row_index("row").lazy(), GREEN).collect()


def two_weeks(first: list[float], second: list[float]) -> pl.DataFrame:
    return trips_of(pl.concat([green_rows(first, FIRST_WEEK), green_rows(second, SECOND_WEEK)]))


def column(preprocessor: ZonePreprocessor, matrix: np.ndarray, name: str) -> list[float]:
    values: list[float] = matrix[:, preprocessor.feature_names.index(name)].tolist()
    return values


def test_a_training_trip_does_not_see_its_own_week() -> None:
    calm, wild = two_weeks([10, 20], [30, 31]), two_weeks([10, 20], [50, 59])
    encoded = []
    for trips in (calm, wild):
        sums = weekly_sums(trips.lazy(), JANUARY)
        preprocessor = ZonePreprocessor.fit(METERED, [sums])
        # The overall mean is shared by all trips; what is tested is the pair's own part.
        preprocessor._overall_means = np.zeros(4)
        matrix = preprocessor.without_own_week(JANUARY, sums)(trips)
        encoded.append(column(preprocessor, matrix, "pair_duration"))
    assert encoded[0][2:] == encoded[1][2:] == pytest.approx([30 / (2 + PSEUDO_TRIPS)] * 2)
    assert encoded[0][:2] != encoded[1][:2]


def test_a_later_trip_sees_all_past_trips_shrunk_towards_the_overall_mean() -> None:
    trips = two_weeks([10, 20], [30])
    preprocessor = ZonePreprocessor.fit(REQUEST, [weekly_sums(trips.lazy(), JANUARY)])
    matrix = preprocessor.transform(trips_of(green_rows([1.0])))
    assert column(preprocessor, matrix, "pair_trips") == [3.0]
    assert column(preprocessor, matrix, "pair_duration") == pytest.approx([20.0])


def test_a_pair_never_seen_gets_the_overall_mean() -> None:
    trips = two_weeks([10, 20], [30])
    preprocessor = ZonePreprocessor.fit(METERED, [weekly_sums(trips.lazy(), JANUARY)])
    matrix = preprocessor.transform(trips_of(green_rows([1.0], PULocationID=[7])))
    assert column(preprocessor, matrix, "pair_trips") == [0.0]
    assert column(preprocessor, matrix, "pair_duration") == pytest.approx([20.0])


def test_nothing_known_only_after_the_trip_gets_into_the_features() -> None:
    trips = two_weeks([10, 20], [30])
    preprocessor = ZonePreprocessor.fit(REQUEST, [weekly_sums(trips.lazy(), JANUARY)])
    changed = trips.with_columns(
        dropoff_time=pl.col("dropoff_time").dt.offset_by("1h"),
        duration=pl.col("duration") * 3,
        distance=pl.col("distance") + 5,
    )
    np.testing.assert_array_equal(preprocessor.transform(trips), preprocessor.transform(changed))


def test_sums_of_weeks_add_up_to_the_sums_of_the_month() -> None:
    added = add_up([weekly_sums(two_weeks([10, 20], [30]).lazy(), JANUARY)], keys=["pickup_zone"])
    assert added["trips"].to_list() == [3.0]
    assert added["duration"].to_list() == pytest.approx([60.0])


@pytest.mark.real_data
def test_sums_are_the_same_to_the_last_bit_in_whatever_order_trips_are_added(
    real_data: Path,
) -> None:
    published = pl.read_parquet(real_data / "trip-data" / "green_tripdata_2023-01.parquet")
    trips = trips_of(published).filter(pl.col("duration").is_between(1, 60))
    first = weekly_sums(trips.lazy(), JANUARY)
    medians = pair_medians(trips.lazy())
    for seed in range(5):
        shuffled = trips.sample(fraction=1.0, shuffle=True, seed=seed)
        assert weekly_sums(shuffled.lazy(), JANUARY).equals(first)
        assert add_up([weekly_sums(shuffled.lazy(), JANUARY)]).equals(add_up([first]))
        assert pair_medians(shuffled.lazy()).equals(medians)


def test_a_saved_preprocessor_encodes_the_same(tmp_path: Path) -> None:
    trips = two_weeks([10, 20], [30])
    preprocessor = ZonePreprocessor.fit(METERED, [weekly_sums(trips.lazy(), JANUARY)])
    preprocessor.save(tmp_path / "zones.parquet")
    again = ZonePreprocessor.load(tmp_path / "zones.parquet")
    np.testing.assert_array_equal(again.transform(trips), preprocessor.transform(trips))


def test_other_features_have_another_version() -> None:
    # Fails when a feature is added or renamed: raise the version in FEATURE_SETS, and then here.
    statistics = [
        f"{level}{block}_{what}"
        for block in ("", "_block")
        for level in ("pair", "pickup", "dropoff")
        for what in ("trips", "duration", "log_duration", "distance", "log_speed")
    ]
    places = [f"{end}_{axis}" for end in ("pickup", "dropoff") for axis in "xyz"]
    statistics += [*places, "map_distance"]
    time = ["hour", "weekday", "hour_of_week", "minute_of_day", "day_of_year", "holiday"]
    of_the_trip = [*time, "vendor", "passengers", "trip_type"]
    assert (REQUEST.version, feature_names(REQUEST)) == ("2", [*statistics, *of_the_trip])
    paces = [
        f"{level}{block}_{what}"
        for block in ("", "_block")
        for level in ("pair", "pickup", "dropoff")
        for what in ("minutes_at_pace", "distance_ratio")
    ]
    metered = [*statistics, *paces, *of_the_trip, "trip_distance"]
    assert (METERED.version, feature_names(METERED)) == ("2", metered)
