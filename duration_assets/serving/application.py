"""The application: which route is answered by what. It knows nothing of processes and ports."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from duration_assets.errors import BadTripError
from duration_assets.modelling.features import FeatureSet
from duration_assets.resources.registry import registered_name
from duration_assets.services import Service
from duration_assets.serving import descriptions
from duration_assets.serving.bodies import parse_json, read_body
from duration_assets.serving.champions import ModelSource, described
from duration_assets.serving.invocations import WRONG, answer, read_invocation
from duration_assets.serving.looking import Looking
from duration_assets.serving.metrics import CONTENT_TYPE, ServingMetrics
from duration_assets.serving.model_keeper import LoadedModel, ModelKeeper
from duration_assets.serving.refusals import RequestError
from duration_assets.serving.trip_reading import TripReader

TRIP_LIMIT = 1 << 16
"""Bytes that a single trip may have."""
TABLE_LIMIT = 1 << 23
"""Bytes that a table of trips may have: as Python's objects they take many times that."""
TABLES_AT_ONCE = 2
"""How many tables a worker reads and predicts at the same time; others wait for them."""
PREDICT, INVOCATIONS, PING, VERSION, METRICS = (
    "/predict",
    "/invocations",
    "/ping",
    "/version",
    "/metrics",
)
ROUTES = frozenset({PREDICT, INVOCATIONS, PING, VERSION, METRICS})

_LOG = logging.getLogger(__name__)
_FAILED = "The server failed at this request; its log says why."
_JSON = "application/json"
_LOOK_EVERY = 1.0


def build_app(
    source: ModelSource,
    service: Service,
    feature_set: FeatureSet,
    *,
    look_every: float = _LOOK_EVERY,
    metrics_folder: Path | None = None,
) -> FastAPI:
    """Make the application.

    Args:
        source: names the model; it is asked as the application starts, and then again and again.
        service: whose trips are asked about.
        feature_set: what has to be said of them.
        look_every: seconds between two looks for another model.
        metrics_folder: holds the figures of all workers; None if there is one.
    """
    metrics = ServingMetrics(ROUTES, metrics_folder)
    keeper = ModelKeeper(source, metrics)
    reader = TripReader(service, feature_set)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(keeper.look)
        looking = Looking(keeper.look, look_every, "champion")
        looking.start()
        yield
        await run_in_threadpool(looking.stop)

    app = FastAPI(
        title=f"Durations of {service.title} trips",
        description=f"Models of the feature set '{feature_set.name}': {feature_set.description}.",
        lifespan=life,
    )
    app.add_middleware(_Observed, metrics=metrics)
    app.add_exception_handler(RequestError, _refuse)
    _add_predictions(app, keeper, reader)
    _add_state(app, keeper, reader, metrics)
    return app


def _add_predictions(app: FastAPI, keeper: ModelKeeper, reader: TripReader) -> None:
    """Add the routes that predict. Bodies are read by hand: a trip takes less than a model does."""
    tables = asyncio.Semaphore(TABLES_AT_ONCE)

    @app.post(
        PREDICT,
        response_model=descriptions.Predicted,
        responses=descriptions.REFUSED,
        openapi_extra=descriptions.trip_body(reader),
    )
    async def predict(request: Request) -> Response:
        """Predict one trip."""
        record = parse_json(await read_body(request, TRIP_LIMIT))
        model = _model(keeper, reader)
        try:
            trip = reader.read(record, reader.now())
        except BadTripError as error:
            raise RequestError(WRONG, str(error)) from None
        minutes, low, high = model.predict(trip)
        version = model.registered.version
        found = {"duration": minutes, "model_version": version, "low": low, "high": high}
        return Response(json.dumps(found), media_type=_JSON)

    @app.post(
        INVOCATIONS,
        response_model=descriptions.PredictedTable,
        responses=descriptions.REFUSED,
        openapi_extra=descriptions.table_body(reader),
    )
    async def invocations(request: Request) -> Response:
        """Predict a table of trips, by MLflow's protocol."""
        body = await read_body(request, TABLE_LIMIT)
        kind = request.headers.get("content-type", "")

        def answered() -> str:
            invocation = read_invocation(body, kind)
            return json.dumps(answer(invocation, _model(keeper, reader).model, reader))

        # Large tables take a while, in which trips are to be answered.
        async with tables:
            return Response(await run_in_threadpool(answered), media_type=_JSON)


def _add_state(
    app: FastAPI, keeper: ModelKeeper, reader: TripReader, metrics: ServingMetrics
) -> None:
    """Add the routes that say how the server is."""

    @app.get(PING, responses=descriptions.NO_MODEL)
    async def ping() -> Response:
        """Say whether there is a model to predict with."""
        _model(keeper, reader)
        return Response("\n", media_type=_JSON)

    @app.get(VERSION, response_model=descriptions.ModelVersion, responses=descriptions.NO_MODEL)
    async def version() -> Response:
        """Say which model is in use."""
        return JSONResponse(described(_model(keeper, reader).registered))

    @app.get(METRICS, response_class=Response)
    async def figures() -> Response:
        """Tell Prometheus."""
        return Response(await run_in_threadpool(metrics.page), media_type=CONTENT_TYPE)


def no_champion(service: str, feature_set: str) -> str:
    """Say that there is no model, and what to do."""
    return (
        f"There is no champion of {registered_name(service, feature_set)} yet: train models and "
        "let one be decided on, or promote one with `duration-prediction promote`. It is served as "
        "soon as it is there."
    )


def _model(keeper: ModelKeeper, reader: TripReader) -> LoadedModel:
    model = keeper.current
    if model is None:
        raise RequestError(503, no_champion(reader.service.name, reader.feature_set.name))
    return model


def _refuse(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, RequestError)
    return JSONResponse({"detail": refusal.reason}, refusal.status)


class _Observed:
    """Counts requests and takes their time, and answers for bugs.

    FastAPI's own handler of unexpected errors lets them go on to uvicorn, which then closes the
    connection, and the client's next request with it.
    """

    def __init__(self, app: ASGIApp, metrics: ServingMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, answering = time.perf_counter(), 500, False

        async def sending(message: Message) -> None:
            nonlocal status, answering
            if message["type"] == "http.response.start":
                status, answering = message["status"], True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            if answering:
                raise
            # The log has the trace, and who asked is told nothing of it.
            _LOG.exception("A request to %s failed.", scope["path"])
            failed = JSONResponse({"detail": _FAILED}, 500)
            await failed(scope, receive, send)
        finally:
            self._metrics.answered(scope["path"], status, time.perf_counter() - began)
