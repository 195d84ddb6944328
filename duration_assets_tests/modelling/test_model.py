from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xgboost

from duration_assets.errors import BadTripError
from duration_assets.modelling.cleaning import canonical_trips
from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.statistics import weekly_sums
from duration_assets.modelling.zone_preprocessor import ZonePreprocessor
from duration_assets_tests.months import GREEN, JANUARY, green_rows


@pytest.fixture(scope="module")
def model() -> DurationModel:
    rows = green_rows([5.0, 10.0, 20.0, 30.0], trip_distance=[1.0, 2.0, 4.0, 6.0])
    trips = canonical_trips(rows.with_row_index("row").lazy(), GREEN).collect()
    preprocessor = ZonePreprocessor.fit(
        FEATURE_SETS["metered"], [weekly_sums(trips.lazy(), JANUARY)]
    )
    features, minutes = preprocessor.transform(trips), trips["duration"].to_numpy()
    parameters = {"min_child_weight": 0, "seed": 1}
    booster = xgboost.train(parameters, xgboost.DMatrix(features, label=minutes), 5)
    return DurationModel(GREEN, preprocessor, booster)


def published(model: DurationModel) -> pd.DataFrame:
    columns = ["lpep_pickup_datetime", "PULocationID", "DOLocationID", "trip_distance"]
    return green_rows([5.0, 9.0], trip_distance=[1.0, 6.0]).select(columns).to_pandas()


def test_a_pickup_time_may_be_text_as_in_json(model: DurationModel) -> None:
    rows = published(model)
    as_text = rows.assign(lpep_pickup_datetime=["2023-01-10T08:00:00", "2023-01-10 08:00:00"])
    np.testing.assert_array_equal(model.predict_published(as_text), model.predict_published(rows))


@pytest.mark.parametrize("text", ["03/01/2023 08:30", "2023-03-01T08:30:00Z"])
def test_a_pickup_time_that_might_mean_another_is_refused(text: str, model: DurationModel) -> None:
    rows = published(model).assign(lpep_pickup_datetime=text)
    with pytest.raises(BadTripError, match=f"'{text}'.*write it as 2023-03-01T08:30:00"):
        model.predict_published(rows)


def test_a_pickup_time_with_a_zone_is_told_in_new_york(model: DurationModel) -> None:
    rows = published(model)
    in_city = rows["lpep_pickup_datetime"].dt.tz_localize("America/New_York")
    elsewhere = rows.assign(lpep_pickup_datetime=in_city.dt.tz_convert("UTC"))
    assert model.published_trips(elsewhere).equals(model.published_trips(rows))


def test_trips_without_a_pickup_time_are_counted_in_the_error(model: DurationModel) -> None:
    rows = published(model)
    rows.loc[1, "lpep_pickup_datetime"] = pd.NaT
    with pytest.raises(BadTripError, match="1 of 2 trips have no lpep_pickup_datetime"):
        model.predict_published(rows)


def test_many_trips_are_predicted_as_each_alone_to_the_last_bit(model: DurationModel) -> None:
    rows = published(model)
    alone = [model.predict_published(rows.iloc[[row]])[0] for row in range(len(rows))]
    together = model.predict_published(pd.concat([rows] * 50))
    np.testing.assert_array_equal(together, np.tile(alone, 50))
    assert together.dtype == np.float32


def test_predictions_do_not_depend_on_what_is_known_only_after_the_trip(
    model: DurationModel,
) -> None:
    rows = green_rows([5.0, 9.0])
    other = rows.with_columns(
        lpep_dropoff_datetime=pl.col("lpep_dropoff_datetime").dt.offset_by("1h"),
        fare_amount=pl.lit(99.0),
    )
    np.testing.assert_array_equal(
        model.predict_published(rows.to_pandas()), model.predict_published(other.to_pandas())
    )
