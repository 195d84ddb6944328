from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from duration_assets.modelling.cleaning import DETAILS, canonical_trips
from duration_assets.modelling.features import FEATURE_SETS, LEVELS, NOT_KNOWN, own_features
from duration_assets.modelling.public_holidays import is_holiday
from duration_assets.modelling.statistics import weekly_sums
from duration_assets.modelling.zone_preprocessor import ZonePreprocessor
from duration_assets.services import SERVICES
from duration_assets_tests.modelling.trips import trips_of
from duration_assets_tests.months import GREEN, JANUARY, green_rows

METERED, REQUEST = FEATURE_SETS["metered"], FEATURE_SETS["request"]

NEVER_TO_BE_SEEN = (
    "fare_amount",
    "extra",
    "mta_tax",
    "tip_amount",
    "tolls_amount",
    "ehail_fee",
    "improvement_surcharge",
    "total_amount",
    "congestion_surcharge",
    "cbd_congestion_fee",
    "payment_type",
    "RatecodeID",
    "store_and_fwd_flag",
)
"""Columns of published files that are known only after a trip, or come from its fare."""


def canonical(rows: pl.DataFrame) -> pl.DataFrame:
    return canonical_trips(rows.with_row_index("row").lazy(), GREEN).collect()


def encoded(name: str, rows: pl.DataFrame) -> np.ndarray:
    past = trips_of([5.0, 10.0, 20.0], distance=[1.0, 2.0, 4.0])
    sums = weekly_sums(past.lazy(), JANUARY)
    return ZonePreprocessor.fit(FEATURE_SETS[name], [sums]).transform(canonical(rows))


@pytest.mark.parametrize("name", ["metered", "request"])
def test_nothing_from_the_fare_the_payment_or_the_dropoff_gets_into_the_features(name: str) -> None:
    rows = green_rows([5.0, 9.0], passenger_count=[1.0, None])
    plain = rows.with_columns(pl.lit(1.0).alias(column) for column in NEVER_TO_BE_SEEN)
    other = rows.with_columns(
        pl.col("lpep_dropoff_datetime").dt.offset_by("1h"),
        *(pl.lit(None, pl.Float64).alias(column) for column in NEVER_TO_BE_SEEN),
    )
    np.testing.assert_array_equal(encoded(name, plain), encoded(name, other))


def test_the_metered_distance_gets_into_the_features_of_metered_alone() -> None:
    near, far = (green_rows([5.0], trip_distance=[miles]) for miles in (1.0, 9.0))
    np.testing.assert_array_equal(encoded("request", near), encoded("request", far))
    assert (encoded("metered", near) != encoded("metered", far)).any()


def test_details_are_taken_from_the_published_columns_whatever_their_type() -> None:
    as_floats = green_rows([5.0], VendorID=[1], passenger_count=[3.0], trip_type=[2.0])
    as_integers = green_rows([5.0], VendorID=[1], passenger_count=[3], trip_type=[2])
    for rows in (as_floats, as_integers):
        assert canonical(rows).select(DETAILS).rows() == [(1, 3, 2)]


def test_a_table_without_a_detail_has_the_usual_one_and_a_null_stays_null() -> None:
    without, null = green_rows([5.0]), green_rows([5.0], passenger_count=[None])
    usual = GREEN.details["passengers"].usual
    assert canonical(without)["passengers"].to_list() == [usual]
    assert canonical(null)["passengers"].to_list() == [None]
    own = own_features(canonical(null).lazy(), REQUEST)
    assert own["passengers"].to_list() == [NOT_KNOWN]


def test_a_service_without_details_has_features_that_say_so() -> None:
    rows = pl.DataFrame(
        {
            "row": [0],
            "pickup_datetime": [datetime(2023, 1, 3, 8)],
            "dropOff_datetime": [datetime(2023, 1, 3, 9)],
            "PUlocationID": [1.0],
            "DOlocationID": [2.0],
        }
    )
    trips = canonical_trips(rows.lazy(), SERVICES["fhv"])
    assert own_features(trips, REQUEST).select(DETAILS).rows() == [(NOT_KNOWN,) * 3]


def test_public_holidays_are_known_also_where_they_are_observed() -> None:
    days = {
        datetime(2023, 7, 4, 12): True,
        datetime(2023, 7, 5): False,
        datetime(2023, 11, 23, 23, 59): True,
        # New Year's Day of 2023 was a Sunday.
        datetime(2023, 1, 2): True,
        datetime(2041, 12, 25): True,
    }
    assert is_holiday(pl.Series(list(days), dtype=pl.Datetime("us"))).to_list() == [*days.values()]


def test_no_trips_have_no_holidays() -> None:
    assert is_holiday(pl.Series([], dtype=pl.Datetime("us"))).len() == 0


def test_a_trip_is_put_beside_the_distance_and_the_pace_of_past_trips() -> None:
    past = trips_of([10.0] * 4, distance=[2.0] * 4)
    preprocessor = ZonePreprocessor.fit(METERED, [weekly_sums(past.lazy(), JANUARY)])
    matrix = preprocessor.transform(trips_of([30.0], distance=[3.0]))
    place = {name: column for column, name in enumerate(preprocessor.feature_names)}
    for level in LEVELS:
        assert matrix[0, place[f"{level}_distance_ratio"]] == pytest.approx(1.5)
        assert matrix[0, place[f"{level}_minutes_at_pace"]] == pytest.approx(15.0)


def test_a_trip_of_no_known_distance_has_no_pace() -> None:
    past = trips_of([10.0] * 4, distance=[2.0] * 4)
    preprocessor = ZonePreprocessor.fit(METERED, [weekly_sums(past.lazy(), JANUARY)])
    matrix = preprocessor.transform(trips_of([30.0], distance=[None]))
    place = {name: column for column, name in enumerate(preprocessor.feature_names)}
    assert np.isnan(matrix[0, place["pair_minutes_at_pace"]])
    assert np.isnan(matrix[0, place["pair_distance_ratio"]])


def test_the_minute_of_the_day_is_a_feature() -> None:
    trips = trips_of([5.0], pickup_time=[datetime(2023, 1, 10, 8, 30)])
    assert own_features(trips.lazy(), REQUEST)["minute_of_day"].to_list() == [510]
