"""A server in a thread of the test's own process, and models that it is told of."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import uvicorn
from fastapi import FastAPI

from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.modelling.single_trips import Trip
from duration_assets.months import Month
from duration_assets.resources.registry import RegisteredModel, registered_name
from duration_assets.services import SERVICES
from duration_assets.serving.application import build_app
from duration_assets.serving.champions import Champion, ModelSource

START_WITHIN = 60.0
COURSE_TRIP = {"PULocationID": 43, "DOLocationID": 151, "trip_distance": 1.01}


class Told:
    """A source that a test tells what is champion."""

    def __init__(self, champion: Champion | None = None) -> None:
        self.champion = champion

    def current(self) -> Champion | None:
        return self.champion


def champion(folder: Path, version: int = 1, feature_set: str = "metered") -> Champion:
    """Return a champion whose files are in a folder."""
    name = registered_name("green", feature_set)
    registered = RegisteredModel(
        name, version, f"run{version}", "green", feature_set, Month(2023, 1), simulated=True
    )
    return Champion(registered, folder)


def application(source: ModelSource, feature_set: str = "metered", **options: Any) -> FastAPI:
    """Make the application for green trips."""
    return build_app(source, SERVICES["green"], FEATURE_SETS[feature_set], **options)


class Client:
    """Asks one server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        # A proxy for the internet cannot reach this machine.
        self.session.trust_env = False

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.url + path, timeout=60)

    def post(self, path: str, sent: Any = None, **options: Any) -> requests.Response:
        """Post something as JSON, or `data` as it is."""
        if "data" not in options:
            options["json"] = sent
        return self.session.post(self.url + path, timeout=60, **options)


@contextmanager
def serving(app: FastAPI) -> Iterator[Client]:
    """Serve an application in a thread, on a free port."""
    config = uvicorn.Config(app, port=0, access_log=False, log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + START_WITHIN
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < until
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        client = Client(f"http://127.0.0.1:{port}")
        with client.session:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def as_sent(trip: Trip) -> dict[str, Any]:
    """Return a trip in the service's own columns, as JSON holds it."""
    return {
        "lpep_pickup_datetime": trip.pickup_time.isoformat(),
        "PULocationID": trip.pickup_zone,
        "DOLocationID": trip.dropoff_zone,
        "trip_distance": trip.distance,
        "VendorID": trip.vendor,
        "passenger_count": trip.passengers,
        "trip_type": trip.trip_type,
    }
