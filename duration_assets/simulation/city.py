"""The simulated city: where its zones lie, where trips go, and how fast traffic is.

A made-up city, not New York: it has what the models look for (near and far zones, rush hours
that are worse in some zones, weekends, bad days, a slow drift from month to month), and nothing
in it says how well real trips can be predicted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from duration_assets.months import Month
from duration_assets.services import FIRST_ZONE, LAST_ZONE
from duration_assets.simulation.character import Character
from duration_assets.simulation.demand import DAY, Demand

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

UNKNOWN_ZONE = 264
_NOWHERE = (UNKNOWN_ZONE, LAST_ZONE)
"""Zone ids that stand for no place in the city: few trips, but for those of bad records."""

_ZONES = LAST_ZONE - FIRST_ZONE + 1
_CITY_SEED = 265
_WIDTH = 14.0
"""Miles from one end of the city to the other."""
_CENTRE_WIDTH = 2.5
"""Miles from the middle to where the centre ends."""
_SLOT = 900
"""Traffic changes every so many seconds."""
_SLOTS_A_DAY = DAY // _SLOT


@dataclass(frozen=True)
class Trips:
    """n simulated trips.

    Attributes:
        pickup_second: seconds since the month's start.
        pickup_zone: zone ids.
        dropoff_zone: zone ids.
        distance: miles.
        duration: minutes.
        central: whether a trip touches the city's centre.
    """

    pickup_second: Integers
    pickup_zone: Integers
    dropoff_zone: Integers
    distance: Floats
    duration: Floats
    central: Flags


class City:
    """The city as one service sees it in one month: the same whenever it is made."""

    def __init__(self, character: Character, month: Month) -> None:
        """Lay out the zones and the roads.

        Args:
            character: sets how popular zones are, how far trips go, and how fast.
            month: sets season and drift.
        """
        layout = np.random.default_rng(_CITY_SEED)
        place = layout.uniform(0, _WIDTH, (_ZONES, 2))
        slowness = layout.lognormal(0.0, 0.15, _ZONES)
        from_centre = np.linalg.norm(place - _WIDTH / 2, axis=1)
        central = from_centre < _CENTRE_WIDTH
        congestion = (
            0.25 + 0.35 * np.exp(-from_centre / _CENTRE_WIDTH) + layout.uniform(-0.08, 0.08, _ZONES)
        )
        age = month.year * 12 + month.month
        popularity = _popularity(character, from_centre, age)
        gap = np.linalg.norm(place[:, None] - place[None], axis=2)
        road = 0.7 + 1.3 * gap + np.diag(layout.uniform(0.0, 0.4, _ZONES))
        attraction = popularity[None] * np.exp(-gap / character.reach)
        share = popularity[:, None] * attraction / attraction.sum(axis=1, keepdims=True)
        self._pairs = np.cumsum(share.ravel() / share.sum())
        self._road = road.ravel()
        # Longer trips find faster roads.
        speed = _season(age) * character.speed * (road / 2.5) ** 0.3
        slow = np.sqrt(slowness[:, None] * slowness[None])
        self._minutes_a_mile = (60.0 / speed * slow).ravel()
        self._congestion = ((congestion[:, None] + congestion[None]) / 2).ravel()
        self._central = (central[:, None] | central[None]).ravel()

    def trips(self, pickups: Integers, traffic: Floats, generator: np.random.Generator) -> Trips:
        """Draw a trip for each pickup.

        Args:
            pickups: seconds since the month's start.
            traffic: what `traffic_of` gave for the month.
            generator: the source of chance.
        """
        count = len(pickups)
        pair = np.searchsorted(self._pairs, generator.random(count))
        np.minimum(pair, self._pairs.size - 1, out=pair)
        distance = self._road[pair] * np.exp(0.15 * generator.standard_normal(count))
        flow = 1.0 - self._congestion[pair] * traffic[pickups // _SLOT]
        minutes = self._minutes_a_mile[pair] * distance / flow
        minutes *= np.exp(0.3 * generator.standard_normal(count))
        origin, destination = np.divmod(pair, _ZONES)
        return Trips(
            pickups,
            origin + FIRST_ZONE,
            destination + FIRST_ZONE,
            distance,
            minutes + 1.5,
            self._central[pair],
        )


def traffic_of(demand: Demand, generator: np.random.Generator) -> Floats:
    """Return how thick traffic is in each quarter of an hour of a month: 0 empty, 1 rush hour.

    Days differ: rain and accidents make some worse.
    """
    days = demand.length // DAY
    hour = np.arange(_SLOTS_A_DAY) * 24 / _SLOTS_A_DAY
    daytime = 0.55 / (1 + np.exp(-(hour - 7) * 1.5)) / (1 + np.exp((hour - 20.5) * 0.8))
    morning, evening = (_bump(hour, at, width) for at, width in ((8.5, 1.6), (16.8, 2.4)))
    working_day = daytime + 0.3 * morning + 0.45 * evening
    weekend = 0.75 * daytime + 0.1 * evening
    off = (demand.first_weekday + np.arange(days)) % 7 >= 5
    badness = np.exp(0.08 * generator.standard_normal(days))
    traffic = np.where(off[:, None], weekend, working_day) * badness[:, None]
    slots: Floats = np.minimum(traffic, 1.2).ravel()
    return slots


def _bump(hour: Floats, at: float, width: float) -> Floats:
    bump: Floats = np.exp(-(((hour - at) / width) ** 2))
    return bump


def _season(age: int) -> float:
    """Return the factor on speed of a month: better in summer, and drifting over five years."""
    return float(1 + 0.03 * np.cos((age - 7) / 6 * np.pi) + 0.04 * np.sin(age / 30 * np.pi))


def _popularity(character: Character, from_centre: Floats, age: int) -> Floats:
    """Return each zone's popularity, which drifts over the years."""
    taste = np.random.default_rng([_CITY_SEED, character.seed])
    popularity = taste.pareto(2.2, _ZONES) + 0.1
    popularity *= np.exp(character.centre * np.exp(-from_centre / _CENTRE_WIDTH))
    popularity *= np.exp(0.25 * np.sin(age / 24 * np.pi + taste.uniform(0, 2 * np.pi, _ZONES)))
    popularity[[zone - FIRST_ZONE for zone in _NOWHERE]] = popularity.sum() / 1000
    drifted: Floats = popularity
    return drifted
