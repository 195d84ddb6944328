"""What the OpenAPI page says: the shapes of requests and answers, of one service's trips."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from duration_assets.modelling.intervals import ASKED_BY
from duration_assets.months import Month
from duration_assets.services import FIRST_ZONE
from duration_assets.serving.invocations import CSV, FORMS
from duration_assets.serving.trip_reading import FARTHEST, HIGHEST_DETAIL, TripReader


class Predicted(BaseModel):
    """What is predicted of one trip."""

    duration: float = Field(description="Minutes.")
    model_version: int = Field(description="Version of the model in the registry.")
    low: float | None = Field(description="Minutes that nine trips of ten take longer than.")
    high: float | None = Field(description="Minutes that one trip of ten takes longer than.")


class Ends(BaseModel):
    """What is predicted of one trip of a table, with its interval."""

    minutes: float
    low: float | None
    high: float | None


class PredictedTable(BaseModel):
    """What is predicted of a table of trips, in their order."""

    predictions: list[float] | list[Ends]


class ModelVersion(BaseModel):
    """The model in use."""

    name: str = Field(description="Of the registered model.")
    version: int
    run_id: str = Field(description="The MLflow run of its training.")
    service: str
    feature_set: str
    training_month: str = Field(description=f"The last month it has seen, {Month(2023, 1)}.")
    simulated: bool = Field(description="Whether it was trained on simulated trips.")


class Refused(BaseModel):
    """Why a request was not answered."""

    detail: str


_REASONS = {
    400: "What was sent cannot be read.",
    413: "Too much was sent.",
    422: "Something is missing or wrong in what was sent.",
    503: "There is no model yet.",
}
REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"model": Refused, "description": reason} for status, reason in _REASONS.items()
}
NO_MODEL: dict[int | str, dict[str, Any]] = {503: REFUSED[503]}


def trip_body(reader: TripReader) -> dict[str, Any]:
    """Describe what `/predict` reads."""
    return _body({"application/json": {"schema": _trip(reader), "example": _example(reader)}})


def table_body(reader: TripReader) -> dict[str, Any]:
    """Describe what `/invocations` reads."""
    trips = {"type": "array", "items": _trip(reader)}
    columns = {"type": "object", "additionalProperties": {"type": "array"}}
    split = {
        "type": "object",
        "required": ["columns", "data"],
        "properties": {
            "columns": {"type": "array", "items": {"type": "string"}},
            "data": {"type": "array", "items": {"type": "array"}},
        },
    }
    tables = [split, *({"anyOf": [trips, columns]} for _ in FORMS[1:])]
    schema = {
        "type": "object",
        "properties": {
            **dict(zip(FORMS, tables, strict=True)),
            "params": {"type": "object", "properties": {ASKED_BY: {"type": "boolean"}}},
        },
        "oneOf": [{"required": [form]} for form in FORMS],
    }
    example = {FORMS[1]: [_example(reader)], "params": {ASKED_BY: True}}
    return _body(
        {
            "application/json": {"schema": schema, "example": example},
            CSV: {"schema": {"type": "string"}},
        }
    )


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


def _trip(reader: TripReader) -> dict[str, Any]:
    service = reader.service
    zone = {"type": "integer", "minimum": FIRST_ZONE, "maximum": service.last_zone}
    time = {
        "type": "string",
        "format": "date-time",
        "description": "In New York's own time if it has no time zone; absent means now.",
    }
    detail = {"type": ["integer", "null"], "minimum": 0, "maximum": HIGHEST_DETAIL}
    distance = {"type": "number", "minimum": 0, "maximum": FARTHEST, "description": "Miles."}
    properties = {
        service.pickup_zone: zone,
        service.dropoff_zone: zone,
        **({} if service.distance is None else {service.distance: distance}),
        service.pickup_time: time,
        **dict.fromkeys(service.detail_columns, detail),
    }
    return {"type": "object", "required": list(reader.required), "properties": properties}


def _example(reader: TripReader) -> dict[str, Any]:
    service = reader.service
    distance = {} if service.distance is None else {service.distance: 1.01}
    return {
        service.pickup_zone: 43,
        service.dropoff_zone: 151,
        **distance,
        service.pickup_time: "2023-03-01T08:30:00",
    }
