from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from duration_assets.errors import BadTripError
from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.modelling.single_trips import Trip
from duration_assets.services import SERVICES
from duration_assets.serving import invocations
from duration_assets.serving.application import TABLES_AT_ONCE, TRIP_LIMIT
from duration_assets.serving.trip_reading import TripReader
from duration_assets_tests.models import saved_model
from duration_assets_tests.serving.served import (
    COURSE_TRIP,
    Client,
    Told,
    application,
    champion,
    serving,
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = saved_model(tmp_path_factory.mktemp("models") / "one")
    with serving(application(Told(champion(folder)))) as client:
        yield client


WRONG_TRIPS: list[tuple[dict[str, Any], str]] = [
    ({"PULocationID": 0}, "PULocationID is 0, which is no zone"),
    ({"DOLocationID": 266}, "DOLocationID is 266, which is no zone"),
    ({"PULocationID": -43}, "PULocationID is -43, which is no zone"),
    ({"PULocationID": 43.5}, "PULocationID is 43.5, which is no zone"),
    ({"PULocationID": "43"}, 'PULocationID is "43", which is no zone'),
    ({"PULocationID": True}, "PULocationID is true, which is no zone"),
    ({"PULocationID": 10**300}, "PULocationID is 1000"),
    ({"PULocationID": None}, "PULocationID is null"),
    ({"trip_distance": -0.1}, "trip_distance is -0.1: a distance is a number from 0"),
    ({"trip_distance": 1e300}, "trip_distance is 1e+300"),
    ({"trip_distance": float("nan")}, "trip_distance is NaN"),
    ({"trip_distance": float("inf")}, "trip_distance is Infinity"),
    ({"trip_distance": "1.01"}, 'trip_distance is "1.01"'),
    ({"trip_distance": None}, "trip_distance is null"),
    ({"trip_distance": [1]}, "trip_distance is a list"),
    ({"lpep_pickup_datetime": "2023-02-30T08:00:00"}, "which is no time: write it as"),
    ({"lpep_pickup_datetime": "yesterday"}, 'lpep_pickup_datetime is "yesterday"'),
    ({"lpep_pickup_datetime": 1672731000}, "lpep_pickup_datetime is 1672731000"),
    ({"lpep_pickup_datetime": None}, "lpep_pickup_datetime is null"),
    ({"lpep_pickup_datetime": "1969-07-20T20:17:40"}, "years are 2000 to 2099"),
    ({"lpep_pickup_datetime": "0001-01-01T00:00:00+05:00"}, "which is no time"),
    ({"lpep_pickup_datetime": "x" * 500}, "x…, which is no time"),
    ({"passenger_count": 1.5}, "passenger_count is 1.5: it is a whole number from 0 to 999"),
    ({"VendorID": -1}, "VendorID is -1"),
    ({"trip_type": "1"}, 'trip_type is "1"'),
]


@pytest.mark.parametrize(("wrong", "reason"), WRONG_TRIPS)
def test_a_trip_that_cannot_be_is_refused_with_the_reason(
    client: Client, wrong: dict[str, Any], reason: str
) -> None:
    trip = {**COURSE_TRIP, "lpep_pickup_datetime": "2023-01-03T08:00:00", **wrong}
    # As Python writes it: NaN and Infinity are no JSON, and many clients send them.
    alone = client.post("/predict", data=json.dumps(trip))
    assert (alone.status_code, reason in alone.json()["detail"]) == (422, True), alone.text
    table = {"dataframe_records": [{**trip, **COURSE_TRIP}, trip]}
    table["dataframe_records"][0]["lpep_pickup_datetime"] = "2023-01-03T08:00:00"
    for detail in ("passenger_count", "VendorID", "trip_type"):
        table["dataframe_records"][0].pop(detail, None)
    together = client.post("/invocations", data=json.dumps(table))
    assert together.status_code == 422
    assert together.json()["detail"].startswith("Trip 1, counted from 0: ")
    assert reason in together.json()["detail"]


@pytest.mark.parametrize("missing", COURSE_TRIP)
def test_a_trip_that_lacks_a_field_is_refused_by_its_name(client: Client, missing: str) -> None:
    trip = {name: value for name, value in COURSE_TRIP.items() if name != missing}
    answer = client.post("/predict", trip)
    assert (answer.status_code, answer.json()) == (422, {"detail": f"{missing} is missing."})


@pytest.mark.parametrize("sent", [[], None, 7, "trip", [COURSE_TRIP]])
def test_what_is_no_trip_is_told_what_one_has(client: Client, sent: Any) -> None:
    answer = client.post("/predict", data=json.dumps(sent))
    assert answer.status_code == 422
    assert "PULocationID, DOLocationID, trip_distance" in answer.json()["detail"]


@pytest.mark.parametrize("route", ["/predict", "/invocations"])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe\x00", b"{'a': 1}", b"[" * 50_000, b"9" * 5_000]
)
def test_what_is_no_json_is_refused(client: Client, route: str, body: bytes) -> None:
    answer = client.post(route, data=body)
    assert answer.status_code == 400
    assert answer.json()["detail"] == "The request carries no JSON that can be read."


@pytest.mark.parametrize("ends", ["[]", ('{"a":', "}")])
def test_what_is_nested_is_refused_at_any_depth(client: Client, ends: Sequence[str]) -> None:
    # Just below the depth that cannot be read is one that cannot be written.
    for depth in range(900, 1_000, 2):
        nested = f"{ends[0] * depth}1{ends[1] * depth}"
        trip = json.dumps(COURSE_TRIP)[:-1] + f', "VendorID": {nested}}}'
        assert client.post("/predict", data=trip).status_code in (400, 422)


@pytest.mark.parametrize("name", ["VendorID", "PULocationID", "trip_distance"])
def test_a_value_that_cannot_be_written_is_refused(name: str) -> None:
    reader = TripReader(SERVICES["green"], FEATURE_SETS["metered"])
    nested: Any = {}
    for _ in range(5_000):
        nested = [nested]
    for value, shown in ((nested, "a list"), ({"a": nested}, "an object")):
        with pytest.raises(BadTripError, match=f"{name} is {shown}"):
            reader.read({**COURSE_TRIP, name: value}, reader.now())


@pytest.mark.parametrize("announced", [True, False])
def test_what_is_too_large_is_refused(client: Client, announced: bool) -> None:
    body = b" " * (TRIP_LIMIT + 1)
    sent = client.post("/predict", data=body if announced else iter([body]))
    assert (sent.status_code, "more than 65,536 bytes" in sent.text) == (413, True)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"instances": [1] * 4}).encode(),
        json.dumps({"dataframe_records": [COURSE_TRIP] * 4}).encode(),
        json.dumps({"dataframe_split": {"columns": [], "data": [[]] * 4}}).encode(),
        json.dumps({"inputs": {"PULocationID": [43] * 4}}).encode(),
        b"PULocationID\n" + b"43\n" * 4,
    ],
)
def test_a_table_of_too_many_trips_is_refused(
    client: Client, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invocations, "ROW_LIMIT", 3)
    kind = "application/json" if body.startswith(b"{") else "text/csv"
    refused = client.post("/invocations", data=body, headers={"Content-Type": kind})
    assert refused.status_code == 413
    assert refused.json() == {"detail": "The table has more than 3 trips: send it in parts."}


def test_no_more_than_some_tables_are_predicted_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way, most, lock = 0, 0, threading.Lock()
    full = threading.Event()

    def slow(*_: object) -> dict[str, Any]:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        if most == TABLES_AT_ONCE:
            full.set()
        full.wait(60)
        with lock:
            under_way -= 1
        return {"predictions": []}

    monkeypatch.setattr("duration_assets.serving.application.answer", slow)
    askers = [Client(client.url) for _ in range(4 * TABLES_AT_ONCE)]
    with ThreadPoolExecutor(len(askers)) as pool:
        answers = list(pool.map(lambda asker: asker.post("/invocations", {"inputs": []}), askers))
    for asker in askers:
        asker.session.close()
    assert {answer.status_code for answer in answers} == {200}
    assert most == TABLES_AT_ONCE


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ([], "Send an object with one of"),
        ({}, "Send exactly one of"),
        ({"inputs": [], "instances": []}, "Send exactly one of"),
        ({"dataframe_split": []}, "dataframe_split is an object"),
        ({"dataframe_split": {"columns": [1], "data": []}}, "dataframe_split is an object"),
        ({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, "Row 0 of data is no list"),
        ({"dataframe_split": {"columns": ["a"], "data": [7]}}, "Row 0 of data is no list"),
        ({"dataframe_records": 7}, "dataframe_records is a list of trips"),
        ({"inputs": {"a": [1], "b": []}}, "not all of the same length"),
        ({"inputs": {"a": 1}}, "inputs is a list of trips"),
        ({"instances": [7]}, "Trip 0, counted from 0: A trip is an object"),
        ({"instances": [COURSE_TRIP]}, "Trip 0, counted from 0: lpep_pickup_datetime is missing"),
        ({"instances": [], "params": []}, "params is an object"),
        ({"instances": [], "params": {"intervals": "yes"}}, "params is an object"),
    ],
)
def test_a_table_that_is_none_is_refused_with_the_reason(
    client: Client, sent: Any, reason: str
) -> None:
    answer = client.post("/invocations", sent)
    assert (answer.status_code, reason in answer.json()["detail"]) == (422, True), answer.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff\xfe", 400),
        (b'"a\n', 400),
        (b"PULocationID,DOLocationID\n1", 422),
        (b"PULocationID,DOLocationID\n1,2\n", 422),
        (b"PULocationID\n" + b"9" * 400, 422),
        (b"PULocationID\nnan", 422),
    ],
)
def test_csv_that_is_none_or_lacks_columns_is_refused(
    client: Client, body: bytes, status: int
) -> None:
    answer = client.post("/invocations", data=body, headers={"Content-Type": "text/csv"})
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_other_paths_and_methods_are_refused(client: Client) -> None:
    assert client.get("/other").status_code == 404
    assert client.get("/predict").status_code == 405


def test_a_bug_is_in_the_log_and_not_in_the_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> Trip:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(TripReader, "read", broken)
    with caplog.at_level(logging.ERROR):
        answers = [client.post("/predict", COURSE_TRIP)]
        answers.append(client.post("/invocations", {"instances": [COURSE_TRIP]}))
    assert caplog.text.count("ZeroDivisionError: secret") == 2
    for answer in answers:
        assert answer.status_code == 500
        expected = {"detail": "The server failed at this request; its log says why."}
        assert answer.json() == expected
    monkeypatch.undo()
    assert client.post("/predict", COURSE_TRIP).status_code == 200
    assert (
        'duration_requests_total{route="/predict",status="500"} 1.0' in client.get("/metrics").text
    )


def test_paths_that_there_are_not_count_together(client: Client) -> None:
    client.get("/one")
    client.get("/two")
    page = client.get("/metrics").text
    assert 'duration_requests_total{route="other",status="404"}' in page
    assert "/one" not in page
