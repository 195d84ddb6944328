"""MLflow's protocol for tables of trips: JSON in four forms, or CSV; predictions out.

See "Deploy MLflow Model as a Local Inference Server" in MLflow's documentation.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from duration_assets.errors import BadTripError
from duration_assets.modelling.intervals import ASKED_BY
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.single_trips import Trip, trips_table
from duration_assets.serving.bodies import NOT_UNDERSTOOD, TOO_LARGE, parse_json
from duration_assets.serving.refusals import RequestError
from duration_assets.serving.trip_reading import TripReader

CSV = "text/csv"
FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
WRONG = 422
ROW_LIMIT = 500_000
"""Trips that a table may have."""

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Invocation:
    """What was asked.

    Attributes:
        records: trips, as they were sent.
        intervals: whether intervals are wanted, too.
    """

    records: list[Any]
    intervals: bool


def read_invocation(body: bytes, content_type: str) -> Invocation:
    """Read what was sent to `/invocations`.

    Raises:
        RequestError: if it does not follow the protocol.
    """
    if content_type.partition(";")[0].strip().lower() == CSV:
        return Invocation(_from_csv(body), intervals=False)
    asked = parse_json(body)
    if not isinstance(asked, dict):
        raise RequestError(WRONG, f"Send an object with one of {', '.join(FORMS)}.")
    forms = [form for form in FORMS if form in asked]
    if len(forms) != 1:
        raise RequestError(WRONG, f"Send exactly one of {', '.join(FORMS)}.")
    table = asked[forms[0]]
    records = _from_split(table) if forms[0] == FORMS[0] else _from_records(forms[0], table)
    return Invocation(records, _wants_intervals(asked.get("params")))


def answer(invocation: Invocation, model: DurationModel, reader: TripReader) -> dict[str, Any]:
    """Predict what was asked; an end of an interval that the model does not know is None.

    Raises:
        RequestError: if something is wrong with a trip, and with which.
    """
    trips = list(_read(invocation.records, reader))
    if not trips:
        return {"predictions": []}
    found = model.predict_intervals(trips_table(trips, reader.service.name))
    minutes = found.minutes.tolist()
    if not invocation.intervals:
        return {"predictions": minutes}
    ends = (
        [None if math.isnan(end) else end for end in e.tolist()] for e in (found.low, found.high)
    )
    rows = zip(minutes, *ends, strict=True)
    return {
        "predictions": [dict(zip(("minutes", "low", "high"), row, strict=True)) for row in rows]
    }


def _read(records: Iterable[Any], reader: TripReader) -> Iterable[Trip]:
    # `course` does not look at the time.
    absent_time = None if reader.feature_set.uses_zone_statistics else reader.now()
    for number, record in enumerate(records):
        try:
            yield reader.read(record, absent_time)
        except BadTripError as error:
            raise RequestError(WRONG, f"Trip {number}, counted from 0: {error}") from None


def _wants_intervals(params: Any) -> bool:
    if params is None:
        return False
    wanted = params.get(ASKED_BY, False) if isinstance(params, dict) else None
    if not isinstance(wanted, bool):
        raise RequestError(WRONG, f'params is an object such as {{"{ASKED_BY}": true}}.')
    return wanted


def _from_split(table: Any) -> list[Any]:
    columns, data = _split(table)
    _check_count(len(data))
    for number, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            raise RequestError(WRONG, f"Row {number} of data is no list of {len(columns)} values.")
    return [dict(zip(columns, row, strict=True)) for row in data]


def _split(table: Any) -> tuple[list[str], list[Any]]:
    """Return the columns and the rows of `dataframe_split`."""
    if isinstance(table, dict):
        columns, data = table.get("columns"), table.get("data")
        if isinstance(columns, list) and isinstance(data, list) and _are_names(columns):
            return columns, data
    raise RequestError(WRONG, "dataframe_split is an object with the lists columns and data.")


def _are_names(columns: list[Any]) -> bool:
    return all(isinstance(name, str) for name in columns)


def _from_records(form: str, table: Any) -> list[Any]:
    """Take a list of trips, or a list of values for each column."""
    if isinstance(table, list):
        _check_count(len(table))
        return table
    if not isinstance(table, dict) or not all(isinstance(each, list) for each in table.values()):
        raise RequestError(
            WRONG, f"{form} is a list of trips, or an object with a list for each column."
        )
    if len({len(values) for values in table.values()}) > 1:
        raise RequestError(WRONG, f"The columns of {form} are not all of the same length.")
    _check_count(max(map(len, table.values()), default=0))
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def _from_csv(body: bytes) -> list[Any]:
    try:
        # Spreadsheets begin with a mark that is no part of the first name.
        text = body.decode("utf-8-sig")
        # One more than there may be, after the line of names, shows that there are too many.
        lines = filter(None, csv.reader(io.StringIO(text, newline=""), strict=True))
        rows = list(islice(lines, ROW_LIMIT + 2))
    except (UnicodeDecodeError, csv.Error):
        raise RequestError(NOT_UNDERSTOOD, "The request carries no CSV that can be read.") from None
    if not rows:
        raise RequestError(NOT_UNDERSTOOD, "The first line of CSV names the columns.")
    columns, *data = rows
    _check_count(len(data))
    return _from_split({"columns": columns, "data": [list(map(_cell, row)) for row in data]})


def _check_count(count: int) -> None:
    """Refuse a table before objects are made of its rows."""
    if count > ROW_LIMIT:
        raise RequestError(
            TOO_LARGE, f"The table has more than {ROW_LIMIT:,} trips: send it in parts."
        )


def _cell(text: str) -> float | str | None:
    """Return what a cell of CSV holds: nothing is null, and what can be read as a number is one."""
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return text
