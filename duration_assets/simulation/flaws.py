"""The flaws that published files have, put into simulated trips about as often as in real ones."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from duration_assets.months import Month
from duration_assets.simulation.character import Character
from duration_assets.simulation.city import UNKNOWN_ZONE, Integers, Trips
from duration_assets.simulation.demand import DAY

_BACKWARDS_SINCE = Month(2025, 2)
_WRONG_CLOCKS = (datetime(2008, 12, 31, 22), datetime(2009, 1, 1), datetime(2041, 11, 15))
_A_FULL_DAY = 1440.0
"""In minutes: many trips that are far too long are a little shorter than a day."""


def put_flaws(
    trips: Trips, character: Character, month: Month, generator: np.random.Generator
) -> Trips:
    """Return the trips with some of them made unusable or strange; those given may be changed."""
    _spoil_durations(trips, character, month, generator)
    _spoil_distances(trips, character, generator)
    _spoil_pickups(trips, character, month, generator)
    for zones, share in (
        (trips.pickup_zone, character.unknown_pickup_zone),
        (trips.dropoff_zone, character.unknown_dropoff_zone),
    ):
        zones[generator.random(len(zones)) < share] = UNKNOWN_ZONE
    return trips


def _some(trips: Trips, share: float, generator: np.random.Generator) -> Integers:
    """Choose about a share of the rows."""
    count = len(trips.duration)
    return generator.integers(0, count, generator.binomial(count, share))


def _spoil_durations(
    trips: Trips, character: Character, month: Month, generator: np.random.Generator
) -> None:
    short = _some(trips, character.under_a_minute, generator)
    trips.duration[short] = generator.uniform(0.0, 0.99, short.size)
    long = _some(trips, character.over_an_hour, generator)
    somewhat = 61.0 + generator.exponential(25.0, long.size)
    nearly_a_day = _A_FULL_DAY - generator.exponential(20.0, long.size)
    is_somewhat = generator.random(long.size) < 0.7
    trips.duration[long] = np.where(is_somewhat, somewhat, np.maximum(nearly_a_day, 61.0))
    if month >= _BACKWARDS_SINCE:
        backwards = _some(trips, character.backwards, generator)
        trips.duration[backwards] = -generator.uniform(0.1, 50.0, backwards.size)


def _spoil_distances(trips: Trips, character: Character, generator: np.random.Generator) -> None:
    trips.distance[_some(trips, character.zero_distance, generator)] = 0.0
    absurd = _some(trips, character.absurd_distance, generator)
    trips.distance[absurd] = np.exp(generator.uniform(np.log(100), np.log(300_000), absurd.size))


def _spoil_pickups(
    trips: Trips, character: Character, month: Month, generator: np.random.Generator
) -> None:
    """Move pickups into neighbouring months, or to where a wrong clock puts them."""
    moved = _some(trips, character.elsewhen, generator)
    length = int((month.end - month.start).total_seconds())
    before = -generator.integers(1, 8 * DAY, moved.size)
    after = length + generator.integers(0, DAY, moved.size)
    clocks = [int((clock - month.start).total_seconds()) for clock in _WRONG_CLOCKS]
    wrong = generator.choice(clocks, moved.size) + generator.integers(0, 3600, moved.size)
    kind = generator.random(moved.size)
    trips.pickup_second[moved] = np.select([kind < 0.55, kind < 0.7], [before, after], wrong)
