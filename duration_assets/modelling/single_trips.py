"""One trip at a time, without tables: the same predictions, to the last bit, at a small cost.

A table of one row takes Polars about a millisecond. Here everything that depends on the zones and
the time block is worked out for all of them when the model is loaded, by the functions that encode
tables; a trip then copies its parts into one row, which goes down the trees. That both ways give
the same is checked once as a model is made ready, and on thousands of trips in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import polars as pl

from duration_assets.errors import BadFileError
from duration_assets.modelling.cleaning import DETAILS, TRIP_SCHEMA
from duration_assets.modelling.features import (
    DIMENSIONS,
    LEVELS,
    LONGEST_FEATURE_DISTANCE,
    NOT_KNOWN,
    FloatArray,
    trip_features,
)
from duration_assets.modelling.intervals import Calibration, Predictions, moved
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.pair_preprocessor import PairPreprocessor
from duration_assets.modelling.public_holidays import is_on_holiday
from duration_assets.modelling.statistics import (
    BLOCKS,
    HOURS_IN_BLOCK,
    SUMS,
    UNKNOWN_ZONE,
    ZONES,
)
from duration_assets.modelling.tree_arrays import TreeArrays
from duration_assets.modelling.zone_preprocessor import LEAST_MEAN_DISTANCE, ZonePreprocessor

_WEEKEND = 5
_MEANS = len(LEVELS) * len(SUMS)
"""How many features are counts and means; the map's follow."""


@dataclass(frozen=True, slots=True)
class Trip:
    """A trip that is to be predicted, with the meanings of `cleaning.TRIP_SCHEMA`.

    Attributes:
        pickup_time: in the city's own time, without a time zone.
        pickup_zone: None where the service may lack it.
        dropoff_zone: likewise.
        distance: in miles; None where it is not known.
        vendor: None where the record does not say, or the service has none.
        passengers: likewise.
        trip_type: likewise.
    """

    pickup_time: datetime
    pickup_zone: int | None
    dropoff_zone: int | None
    distance: float | None
    vendor: int | None = None
    passengers: int | None = None
    trip_type: int | None = None


class Prediction(Protocol):
    """Predicts one trip: float32 minutes, and the ends of its interval if the model has them."""

    def __call__(self, trip: Trip) -> tuple[float, float | None, float | None]:
        """Return minutes, low and high."""


def single_trips(model: DurationModel) -> Prediction:
    """Make a model ready for trips that come one by one.

    Args:
        model: predicts in minutes, with intervals or without.

    Returns:
        A function for one thread at a time.

    Raises:
        BadFileError: if it does not predict what the model predicts from a table.
    """
    predict: Prediction
    if isinstance(model.preprocessor, PairPreprocessor):
        predict = _CoursePrediction(model, model.preprocessor)
    else:
        assert isinstance(model.preprocessor, ZonePreprocessor)
        predict = _ZonePrediction(model, model.preprocessor)
    _compare(model, predict)
    return predict


def trips_table(trips: list[Trip], service: str) -> pl.DataFrame:
    """Return n trips in the canonical schema; what is known after a trip only is null."""
    columns = zip(*map(_values, trips), strict=True) if trips else [()] * len(_NAMES)
    known = dict(zip(_NAMES, map(list, columns), strict=True))
    size = len(trips)
    return pl.DataFrame(
        {
            name: pl.Series(name, known.get(name, [None] * size), kind)
            for name, kind in TRIP_SCHEMA.items()
        }
    ).with_columns(row=pl.int_range(size, dtype=pl.UInt32), service=pl.lit(service))


_SAMPLES = (
    Trip(datetime(2023, 1, 2, 8, 30), 43, 151, 1.01, 2, 1, 1),
    Trip(datetime(2023, 6, 3, 23, 59), 264, 1, 250.0, None, None, None),
    Trip(datetime(2023, 11, 23, 4, 0), 75, 74, None, 1, 2, 2),
)
_NAMES = ("pickup_time", "pickup_zone", "dropoff_zone", "distance", *DETAILS)


def _values(trip: Trip) -> tuple[object, ...]:
    return tuple(getattr(trip, name) for name in _NAMES)


class _ZonePrediction:
    """Predicts with zone statistics: `metered` and `request`."""

    def __init__(self, model: DurationModel, preprocessor: ZonePreprocessor) -> None:
        names = preprocessor.feature_names
        self._row = row = np.zeros(len(names), dtype=np.float32)
        self._means = preprocessor.means_by_level()
        self._slots = [row[start : start + len(SUMS)] for start in range(0, _MEANS, len(SUMS))]
        self._places = preprocessor.zone_map
        self._pickup_place = row[_MEANS : _MEANS + DIMENSIONS]
        self._dropoff_place = row[_MEANS + DIMENSIONS : _MEANS + 2 * DIMENSIONS]
        self._distances = preprocessor.map_distances()
        self._own_names = names[-len(trip_features(preprocessor.feature_set)) :]
        self._own = row[-len(self._own_names) :]
        _check_own(self._own_names)
        self._paces = _Paces(row, names) if preprocessor.feature_set.uses_distance else None
        self._intervals = model.intervals
        self._trees = TreeArrays(
            [model.booster, *([model.intervals.booster] if model.intervals else [])]
        )

    def __call__(self, trip: Trip) -> tuple[float, float | None, float | None]:
        self._fill(trip)
        minutes, *percentiles = self._trees.predict(self._row)
        if self._intervals is None:
            return minutes, None, None
        return (minutes, *_ends_around(minutes, percentiles, self._intervals.calibration))

    def _fill(self, trip: Trip) -> None:
        """Put the features of a trip into the row."""
        time = trip.pickup_time
        weekend = time.weekday() >= _WEEKEND
        block = (BLOCKS // 2 if weekend else 0) + time.hour // HOURS_IN_BLOCK
        pickup, dropoff = _known(trip.pickup_zone), _known(trip.dropoff_zone)
        pair = pickup * ZONES + dropoff
        # In the order of `LEVELS`.
        codes = [pair, pickup, dropoff]
        codes += [code * BLOCKS + block for code in codes]
        for slot, means, code in zip(self._slots, self._means, codes, strict=True):
            slot[:] = means[code]
        self._pickup_place[:] = self._places[pickup]
        self._dropoff_place[:] = self._places[dropoff]
        self._row[_MEANS + 2 * DIMENSIONS] = self._distances[pair]
        own = _own_features(trip)
        self._own[:] = [own[name] for name in self._own_names]
        if self._paces is not None:
            self._paces.fill()


class _Paces:
    """Puts the trip's own distance beside those of past trips, for all levels at once."""

    def __init__(self, row: FloatArray, names: list[str]) -> None:
        def of_levels(what: str, step: int) -> FloatArray:
            start = names.index(f"{next(iter(LEVELS))}_{what}")
            return row[start : start + step * len(LEVELS) : step]

        self._distance = row[-1:]
        self._mean_distances = of_levels("distance", len(SUMS))
        self._mean_minutes = of_levels("duration", len(SUMS))
        self._ratios = of_levels("distance_ratio", 2)
        self._minutes_at_pace = of_levels("minutes_at_pace", 2)

    def fill(self) -> None:
        means = np.maximum(self._mean_distances, LEAST_MEAN_DISTANCE)
        np.divide(self._distance, means, out=self._ratios)
        np.multiply(self._ratios, self._mean_minutes, out=self._minutes_at_pace)


class _CoursePrediction:
    """Predicts as `course` does: the zone pair's column, and the distance."""

    def __init__(self, model: DurationModel, preprocessor: PairPreprocessor) -> None:
        self._columns = {pair: column for column, pair in enumerate(preprocessor.pairs)}
        # What a sparse matrix does not have is missing.
        self._row = np.full(len(preprocessor.feature_names), np.nan, dtype=np.float32)
        self._trees = TreeArrays([model.booster])

    def __call__(self, trip: Trip) -> tuple[float, float | None, float | None]:
        zones = (trip.pickup_zone, trip.dropoff_zone)
        pair = "_".join("nan" if zone is None else str(zone) for zone in zones)
        column = self._columns.get(pair)
        self._row[-1] = np.nan if trip.distance is None else trip.distance
        if column is not None:
            self._row[column] = 1.0
        (minutes,) = self._trees.predict(self._row)
        if column is not None:
            self._row[column] = np.nan
        return minutes, None, None


def _ends_around(
    minutes: float, percentiles: list[float], calibration: Calibration
) -> tuple[float, float]:
    """Return both ends of an interval, as `intervals.moved` finds them for n trips."""
    low, high = sorted(percentiles)
    one, other, mean = (np.array([value], dtype=np.float32) for value in (low, high, minutes))
    found = moved(one, other, mean, calibration)
    return float(found.low[0]), float(found.high[0])


def _known(zone: int | None) -> int:
    return zone if zone is not None and 0 < zone < ZONES else UNKNOWN_ZONE


def _clipped(distance: float) -> float:
    return min(max(distance, 0.0), LONGEST_FEATURE_DISTANCE)


def _own_features(trip: Trip) -> dict[str, float]:
    """Return what `features.own_features` computes for tables, with the same names."""
    time = trip.pickup_time
    hour, weekday = time.hour, time.weekday()
    return {
        "hour": hour,
        "weekday": weekday,
        "hour_of_week": weekday * 24 + hour,
        "minute_of_day": hour * 60 + time.minute,
        "day_of_year": time.timetuple().tm_yday,
        "holiday": is_on_holiday(time.date()),
        "vendor": NOT_KNOWN if trip.vendor is None else trip.vendor,
        "passengers": NOT_KNOWN if trip.passengers is None else trip.passengers,
        "trip_type": NOT_KNOWN if trip.trip_type is None else trip.trip_type,
        "trip_distance": np.nan if trip.distance is None else _clipped(trip.distance),
    }


def _check_own(names: list[str]) -> None:
    """Refuse a model with a feature that is computed for tables alone.

    Raises:
        BadFileError: naming it.
    """
    known = _own_features(_SAMPLES[0])
    missing = [name for name in names if name not in known]
    if missing:
        raise BadFileError(
            f"The model needs {', '.join(missing)}, which is not known of a trip alone: compute it "
            "in modelling/single_trips.py as modelling/features.py does for tables."
        )


def _compare(model: DurationModel, predict: Prediction) -> None:
    """Make sure that a few trips are predicted as the model predicts them from a table."""
    for trip in _SAMPLES:
        found = model.predict_intervals(trips_table([trip], model.service.name))
        expected = (float(found.minutes[0]), *_ends(found))
        if predict(trip) != expected:
            raise BadFileError(
                f"One trip alone is predicted as {predict(trip)} and in a table as {expected}: "
                "the installed XGBoost keeps or adds up its trees in another way than this project "
                "knows. Install the version that requirements.txt names."
            )


def _ends(found: Predictions) -> tuple[float | None, float | None]:
    low, high = float(found.low[0]), float(found.high[0])
    return (None, None) if np.isnan(low) else (low, high)
