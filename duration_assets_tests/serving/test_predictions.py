from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.modelling.intervals import Predictions
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.single_trips import Trip, trips_table
from duration_assets.services import SERVICES
from duration_assets.serving.trip_reading import TripReader
from duration_assets_tests.models import saved_model, varied_trips
from duration_assets_tests.serving.served import (
    COURSE_TRIP,
    Client,
    Told,
    application,
    as_sent,
    champion,
    serving,
)

TRIPS = 2_000


@pytest.fixture(scope="module", params=["metered", "request", "course"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Client, DurationModel]]:
    folder = saved_model(tmp_path_factory.mktemp("models") / "one", request.param)
    source = Told(champion(folder, 7, request.param))
    with serving(application(source, request.param)) as client:
        yield client, DurationModel.load(folder)


@pytest.fixture(scope="module")
def metered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = saved_model(tmp_path_factory.mktemp("models") / "one")
    with serving(application(Told(champion(folder, 7)))) as client:
        yield client


def in_process(model: DurationModel, trips: list[Trip]) -> Predictions:
    return model.predict_intervals(trips_table(trips, "green"))


def columns_of(answers: list[dict[str, Any]], minutes: str) -> Predictions:
    def column(name: str) -> np.ndarray:
        numbers = [np.nan if each[name] is None else each[name] for each in answers]
        exact = np.array(numbers, dtype=np.float32)
        # JSON lost nothing of 32 bits.
        assert np.array_equal(exact, np.array(numbers), equal_nan=True)
        return exact

    return Predictions(column(minutes), column("low"), column("high"))


def assert_equal(one: Predictions, other: Predictions) -> None:
    np.testing.assert_array_equal(one.minutes, other.minutes)
    np.testing.assert_array_equal(one.low, other.low)
    np.testing.assert_array_equal(one.high, other.high)


def test_both_routes_predict_what_the_model_does_to_the_last_bit(
    served: tuple[Client, DurationModel],
) -> None:
    client, model = served
    trips = varied_trips(TRIPS)
    expected = in_process(model, trips)
    alone = [client.post("/predict", as_sent(trip)).json() for trip in trips]
    assert_equal(columns_of(alone, "duration"), expected)
    assert {each["model_version"] for each in alone} == {7}
    table = {"dataframe_records": list(map(as_sent, trips)), "params": {"intervals": True}}
    together = client.post("/invocations", table).json()["predictions"]
    assert_equal(columns_of(together, "minutes"), expected)


def test_a_table_is_predicted_as_the_logged_model_predicts_it(
    served: tuple[Client, DurationModel],
) -> None:
    client, model = served
    table = pd.DataFrame(list(map(as_sent, varied_trips(200, seed=1))))
    # As pandas writes it for MLflow: what is null in a column of whole numbers makes them floats.
    sent = {"dataframe_split": table.to_dict(orient="split", index=False)}
    sent["dataframe_split"]["data"] = [
        [None if value != value else value for value in row] for row in table.to_numpy().tolist()
    ]
    found = client.post("/invocations", sent).json()["predictions"]
    np.testing.assert_array_equal(np.array(found, np.float32), model.predict_published(table))


def test_all_forms_of_mlflows_protocol_say_the_same(metered: Client) -> None:
    records = list(map(as_sent, varied_trips(20, seed=2)))
    columns = list(records[0])
    by_column = {name: [record[name] for record in records] for name in columns}
    forms = [
        {"dataframe_records": records},
        {"instances": records},
        {"inputs": records},
        {"inputs": by_column},
        {"dataframe_split": {"columns": columns, "data": [list(r.values()) for r in records]}},
        {"dataframe_records": records, "params": {"intervals": False}},
        {"dataframe_records": records, "params": None},
    ]
    answers = [metered.post("/invocations", form).json()["predictions"] for form in forms]
    assert len(answers[0]) == 20
    assert all(each == answers[0] for each in answers)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(records)
    kind = {"Content-Type": "text/csv; charset=utf-8"}
    # Spreadsheets begin with a mark.
    for encoding in ("utf-8", "utf-8-sig"):
        body = text.getvalue().encode(encoding)
        sent = metered.post("/invocations", data=body, headers=kind)
        assert sent.json()["predictions"] == answers[0]


def test_a_table_of_no_trips_has_no_predictions(metered: Client) -> None:
    for wants in (True, False):
        sent = {"dataframe_records": [], "params": {"intervals": wants}}
        assert metered.post("/invocations", sent).json() == {"predictions": []}


def test_the_courses_request_is_answered_for_now_in_new_york(metered: Client) -> None:
    reader = TripReader(SERVICES["green"], FEATURE_SETS["metered"])
    before = reader.now()
    answer = metered.post("/predict", COURSE_TRIP).json()
    moments = {before.replace(second=0, microsecond=0), reader.now().replace(second=0)}
    dated = [
        metered.post("/predict", {**COURSE_TRIP, "lpep_pickup_datetime": moment.isoformat()}).json()
        for moment in moments
    ]
    assert set(answer) == {"duration", "model_version", "low", "high"}
    assert answer["low"] <= answer["duration"] <= answer["high"]
    assert answer in dated


def test_now_is_the_time_in_new_york() -> None:
    reader = TripReader(SERVICES["green"], FEATURE_SETS["metered"])
    assert reader.now().tzinfo is None
    behind = datetime.now(UTC).replace(tzinfo=None) - reader.now()
    assert round(behind.total_seconds() / 3600, 2) in (4, 5)


def test_a_time_with_a_time_zone_is_brought_to_new_york(metered: Client) -> None:
    def asked(time: str) -> Any:
        return metered.post("/predict", {**COURSE_TRIP, "lpep_pickup_datetime": time}).json()

    here = asked("2023-07-03T08:30:00")
    assert asked("2023-07-03T12:30:00Z") == asked("2023-07-03T08:30:00-04:00") == here
    assert asked("2023-07-03 08:30:00") == here
    assert asked("2023-07-02T23:30:00") != here


def test_what_is_not_said_of_a_trip_is_taken_as_usual(metered: Client) -> None:
    trip = {**COURSE_TRIP, "lpep_pickup_datetime": "2023-01-03T08:00:00"}
    usual = {"VendorID": 2, "passenger_count": 1, "trip_type": 1}
    assert metered.post("/predict", trip).json() == metered.post("/predict", trip | usual).json()


def test_other_columns_are_not_looked_at(metered: Client) -> None:
    trip = {**COURSE_TRIP, "lpep_pickup_datetime": "2023-01-03T08:00:00"}
    told = metered.post("/predict", {**trip, "fare_amount": 7.5, "lpep_dropoff_datetime": "x"})
    assert told.json() == metered.post("/predict", trip).json()


def test_the_model_in_use_is_named(metered: Client) -> None:
    assert metered.get("/ping").status_code == 200
    assert metered.get("/version").json() == {
        "name": "green-metered-duration",
        "version": 7,
        "run_id": "run7",
        "service": "green",
        "feature_set": "metered",
        "training_month": "2023-01",
        "simulated": True,
    }


def test_what_can_be_asked_is_described_and_the_example_works(metered: Client) -> None:
    described = metered.get("/openapi.json").json()
    assert set(described["paths"]) == {"/predict", "/invocations", "/ping", "/version", "/metrics"}
    assert "swagger" in metered.get("/docs").text
    for route in ("/predict", "/invocations"):
        content = described["paths"][route]["post"]["requestBody"]["content"]
        example = content["application/json"]["example"]
        assert metered.post(route, example).status_code == 200


def test_services_without_a_distance_or_zones_are_asked_less() -> None:
    reader = TripReader(SERVICES["fhv"], FEATURE_SETS["request"])
    trip = reader.read({"pickup_datetime": "2023-01-03T08:00:00"})
    assert trip == Trip(datetime(2023, 1, 3, 8), None, None, None)
    named_as_in_the_course = {"PULocationID": 43, "DOLocationID": 151}
    assert reader.read(named_as_in_the_course, datetime(2023, 1, 3)).pickup_zone == 43
