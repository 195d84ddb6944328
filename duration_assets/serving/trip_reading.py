"""What somebody sends about a trip becomes a `Trip`, or an error that says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from duration_assets.errors import BadTripError
from duration_assets.modelling.cleaning import CITY_TIME_ZONE, DETAILS
from duration_assets.modelling.features import FeatureSet
from duration_assets.modelling.single_trips import Trip
from duration_assets.services import FIRST_ZONE, Service

COURSE_PICKUP, COURSE_DROPOFF, COURSE_DISTANCE = "PULocationID", "DOLocationID", "trip_distance"
"""What the course's users call them, whatever the service does."""
FARTHEST = 1_000_000.0
"""The longest distance that is taken for one: broken meters reach some hundred thousand miles."""
FIRST_YEAR, LAST_YEAR = 2000, 2099
HIGHEST_DETAIL = 999

_ABSENT = object()
_SHOWN = 40


class TripReader:
    """Reads trips of one service for models of one feature set."""

    def __init__(self, service: Service, feature_set: FeatureSet) -> None:
        """Take both, which decide what has to be said of a trip."""
        self.service = service
        self.feature_set = feature_set
        self._pickup = _names(service.pickup_zone, COURSE_PICKUP)
        self._dropoff = _names(service.dropoff_zone, COURSE_DROPOFF)
        self._distance = _names(service.distance, COURSE_DISTANCE)

    @cached_property
    def _new_york(self) -> ZoneInfo:
        return ZoneInfo(CITY_TIME_ZONE)

    def now(self) -> datetime:
        """Return the time in New York, without a time zone, as TLC writes times."""
        return datetime.now(self._new_york).replace(tzinfo=None)

    def read(self, record: Any, absent_time: datetime | None = None) -> Trip:
        """Read one trip.

        Args:
            record: the service's columns, or the course's names of them; others are not looked at.
            absent_time: the pickup time of a trip that has none; None if it must have one.

        Raises:
            BadTripError: if something is missing or wrong, and what.
        """
        if not isinstance(record, Mapping):
            raise BadTripError(f"A trip is an object with {', '.join(self.required)}.")
        pickup_name, pickup = _first(record, self._pickup)
        dropoff_name, dropoff = _first(record, self._dropoff)
        return Trip(
            self._time(record.get(self.service.pickup_time, _ABSENT), absent_time),
            self._zone(pickup_name, pickup),
            self._zone(dropoff_name, dropoff),
            self._miles(*_first(record, self._distance)),
            *(self._detail(name, record) for name in DETAILS),
        )

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that a trip must have."""
        distance = self._distance[:1] if self.feature_set.uses_distance else ()
        return (self._pickup[0], self._dropoff[0], *distance)

    def _time(self, value: Any, absent_time: datetime | None) -> datetime:
        name = self.service.pickup_time
        if value is _ABSENT:
            if absent_time is None:
                raise BadTripError(f"{name} is missing.")
            return absent_time
        try:
            time = datetime.fromisoformat(value)
            if time.tzinfo is not None:
                time = time.astimezone(self._new_york).replace(tzinfo=None)
        except (TypeError, ValueError, OverflowError):
            raise BadTripError(
                f"{name} is {_shown(value)}, which is no time: write it as 2023-03-01T08:30:00, in "
                "New York's own time."
            ) from None
        if not FIRST_YEAR <= time.year <= LAST_YEAR:
            raise BadTripError(
                f"{name} is {_shown(value)}: years are {FIRST_YEAR} to {LAST_YEAR} here."
            )
        return time

    def _zone(self, name: str, value: Any) -> int | None:
        if value is _ABSENT or value is None:
            if self.service.zones_can_be_null:
                return None
            raise BadTripError(f"{name} is {'missing' if value is _ABSENT else 'null'}.")
        zone = _whole(value)
        if zone is None or not FIRST_ZONE <= zone <= self.service.last_zone:
            raise BadTripError(
                f"{name} is {_shown(value)}, which is no zone: zones are whole numbers from "
                f"{FIRST_ZONE} to {self.service.last_zone}."
            )
        return zone

    def _miles(self, name: str, value: Any) -> float | None:
        if value is _ABSENT or value is None:
            if not self.feature_set.uses_distance:
                return None
            raise BadTripError(f"{name} is {'missing' if value is _ABSENT else 'null'}.")
        # False of what is no number as well.
        if type(value) not in (int, float) or not 0 <= value <= FARTHEST:
            raise BadTripError(
                f"{name} is {_shown(value)}: a distance is a number from 0 to {FARTHEST:.0f}."
            )
        # Without the sign of a negative zero.
        return (float(value) + 0.0) * self.service.miles

    def _detail(self, name: str, record: Mapping[str, Any]) -> int | None:
        detail = self.service.details.get(name)
        if detail is None:
            return None
        value = record.get(detail.column, detail.usual)
        if value is None:
            return None
        whole = _whole(value)
        if whole is None or not 0 <= whole <= HIGHEST_DETAIL:
            raise BadTripError(
                f"{detail.column} is {_shown(value)}: it is a whole number from 0 to "
                f"{HIGHEST_DETAIL}, or null."
            )
        return whole


def _names(own: str | None, of_course: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in (own, of_course) if name is not None))


def _first(record: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, Any]:
    """Return the first column that is there with its value, or the first name and `_ABSENT`."""
    for name in names:
        if name in record:
            return name, record[name]
    return names[0], _ABSENT


def _whole(value: Any) -> int | None:
    """Return a whole number, also one that a column with nulls has turned into a float."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    return None


def _shown(value: Any) -> str:
    """Write a value as it was sent, and not more of it than a person reads."""
    # These may be nested deeper than they can be written.
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
