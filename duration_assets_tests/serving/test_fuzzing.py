from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duration_assets_tests.models import saved_model
from duration_assets_tests.serving.served import (
    COURSE_TRIP,
    Client,
    Told,
    application,
    champion,
    serving,
)

ANSWERS = {200, 400, 413, 422}
QUICK, LONG = 100, 2_500
"""Requests to each route in each way."""
ROUTES = ("/predict", "/invocations")

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
columns = [*COURSE_TRIP, "lpep_pickup_datetime", "VendorID", "passenger_count", "trip_type"]
plausible = st.one_of(
    anything,
    st.integers(1, 265),
    st.floats(0, 50),
    st.datetimes().map(lambda time: time.isoformat()),
)
trips = st.dictionaries(st.sampled_from(columns), plausible) | st.fixed_dictionaries(
    {name: st.integers(1, 265) for name in COURSE_TRIP}, optional={columns[3]: plausible}
)
tables = st.one_of(
    anything,
    st.dictionaries(
        st.sampled_from(["dataframe_records", "instances", "inputs", "dataframe_split", "params"]),
        st.lists(trips, max_size=3)
        | st.dictionaries(st.sampled_from(columns), st.lists(plausible)),
        max_size=2,
    ),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = saved_model(tmp_path_factory.mktemp("models") / "one")
    with serving(application(Told(champion(folder)))) as client:
        yield client


def repeat(send: Callable[[Any], None], made_up: st.SearchStrategy[Any], count: int) -> None:
    """Send that many that hypothesis makes up, however long each takes."""
    patient = settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    patient(given(made_up)(send))()


def send_made_up(client: Client, route: str, count: int) -> set[int]:
    """Send what hypothesis makes up; returns the statuses that came back."""
    seen: set[int] = set()

    def send(sent: Any) -> None:
        answer = client.post(route, data=json.dumps(sent))
        seen.add(answer.status_code)
        check(answer.status_code, answer.text)

    repeat(send, trips if route == ROUTES[0] else tables, count)
    return seen


def send_described(client: Client, route: str, count: int) -> set[int]:
    """Send what schemathesis makes of the server's own description, right and wrong."""
    schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    seen: set[int] = set()
    operation = schema[route]["POST"]
    kinds = [
        operation.as_strategy(generation_mode=mode)
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    ]

    def send(case: Any) -> None:
        answer = case.call(base_url=client.url, session=client.session)
        seen.add(answer.status_code)
        check(answer.status_code, answer.text)

    repeat(send, st.one_of(kinds), count)
    return seen


def check(status: int, text: str) -> None:
    assert status in ANSWERS, text
    assert "Traceback" not in text
    if status != 200:
        assert isinstance(json.loads(text)["detail"], str)


@pytest.mark.parametrize("route", ROUTES)
def test_whatever_is_sent_is_answered_or_refused(client: Client, route: str) -> None:
    assert {200, 422} <= send_made_up(client, route, QUICK)


@pytest.mark.parametrize("route", ROUTES)
def test_whatever_its_description_allows_is_answered_or_refused(client: Client, route: str) -> None:
    assert 200 in send_described(client, route, QUICK)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_ten_thousand_requests_are_answered_or_refused(client: Client) -> None:
    for route in ROUTES:
        send_made_up(client, route, LONG)
        send_described(client, route, LONG)
