from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from duration_assets.errors import BadFileError
from duration_assets.modelling.intervals import Predictions
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.single_trips import Trip, _ZonePrediction, single_trips, trips_table
from duration_assets_tests.models import small_model, varied_trips

FEATURE_SETS = ["metered", "request", "course"]
TRIPS = 3_000


@pytest.fixture(scope="module", params=FEATURE_SETS)
def model(request: pytest.FixtureRequest) -> DurationModel:
    return small_model(request.param)


def alone(model: DurationModel, trips: list[Trip]) -> Predictions:
    predict = single_trips(model)
    rows = [[np.nan if end is None else end for end in predict(trip)] for trip in trips]
    # Asked for as they came, as numbers that 32 bits hold without loss.
    assert np.array_equal(np.array(rows, np.float32), np.array(rows), equal_nan=True)
    return Predictions(*np.array(rows, dtype=np.float32).T)


def test_a_trip_alone_is_predicted_as_in_a_table_to_the_last_bit(model: DurationModel) -> None:
    trips = varied_trips(TRIPS)
    together = model.predict_intervals(trips_table(trips, "green"))
    found = alone(model, trips)
    np.testing.assert_array_equal(found.minutes, together.minutes)
    np.testing.assert_array_equal(found.low, together.low)
    np.testing.assert_array_equal(found.high, together.high)
    assert len(np.unique(found.minutes)) > 10


@pytest.mark.parametrize(
    "trip",
    [
        Trip(datetime(2024, 2, 29, 0, 0), None, 265, 0.0),
        Trip(datetime(2023, 7, 4, 12, 0), 1, None, 1e6, 7, 9, 2),
        Trip(datetime(2000, 12, 31, 23, 59, 59, 999999), 265, 1, 100.0, 2, 1, 1),
        Trip(datetime(2099, 1, 1), 43, 43, None),
        Trip(datetime(2023, 1, 2, 8), 43, 151, 1e-30),
    ],
)
def test_an_odd_trip_alone_is_predicted_as_in_a_table(model: DurationModel, trip: Trip) -> None:
    together = model.predict_intervals(trips_table([trip], "green"))
    found = alone(model, [trip])
    assert found.minutes[0] == together.minutes[0]
    np.testing.assert_array_equal(found.low, together.low)
    np.testing.assert_array_equal(found.high, together.high)


def test_a_prediction_does_not_depend_on_the_trip_before(model: DurationModel) -> None:
    predict, (one, other) = single_trips(model), varied_trips(2)
    first = predict(one)
    predict(other)
    assert predict(one) == first


def test_a_table_of_no_trips_has_the_canonical_columns() -> None:
    table = trips_table([], "green")
    assert table.schema == trips_table(varied_trips(1), "green").schema
    assert len(table) == 0


def test_a_model_whose_tables_are_predicted_in_another_way_is_refused() -> None:
    with pytest.raises(BadFileError, match=r"requirements\.txt"):
        single_trips(_Elsewhere.of(small_model()))


class _Elsewhere(DurationModel):
    """A model whose tables are predicted as they are not."""

    @classmethod
    def of(cls, model: DurationModel) -> _Elsewhere:
        return cls(model.service, model.preprocessor, model.booster, model.intervals)

    def predict_intervals(self, trips: pl.DataFrame) -> Predictions:
        found = super().predict_intervals(trips)
        return Predictions(found.minutes + np.float32(1), found.low, found.high)


def test_a_feature_that_is_known_in_tables_alone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model("metered")
    names = model.preprocessor.feature_names
    monkeypatch.setattr(model.preprocessor, "feature_names", [*names[:-1], "weather"])
    with pytest.raises(BadFileError, match="needs weather, which is not known of a trip alone"):
        single_trips(model)


def test_a_trips_own_features_go_where_their_names_are(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model("request")
    names = list(model.preprocessor.feature_names)
    names[-1], names[-2] = names[-2], names[-1]
    monkeypatch.setattr(model.preprocessor, "feature_names", names)
    # Tables are encoded in the order that the model was trained with.
    trip = Trip(datetime(2023, 1, 2, 8), 43, 151, None, 2, 5, 1)
    prediction: Any = _ZonePrediction(model, model.preprocessor)  # type: ignore[arg-type]
    prediction._fill(trip)
    assert dict(zip(names[-2:], prediction._own[-2:], strict=True)) == {
        "passengers": 5,
        "trip_type": 1,
    }
