"""The simulated city: where its zones lie, where trips go, and how fast traffic is.

A made-up city, not New York: it has what the models look for (near and far zones, rush hours,
weekends, a slow drift from month to month), and nothing in it says how well real trips can be
predicted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from duration_assets.months import Month
from duration_assets.services import FIRST_ZONE, LAST_ZONE

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_CITY_SEED = 265
_WIDTH = 14.0
"""Miles from one end of the city to the other."""


@dataclass(frozen=True)
class Trips:
    """n simulated trips: seconds since the month's start, zone ids, miles, and minutes."""

    pickup_second: Integers
    pickup_zone: Integers
    dropoff_zone: Integers
    distance: Floats
    duration: Floats


class City:
    """The same city whenever it is made."""

    def __init__(self) -> None:
        """Lay out the zones."""
        generator = np.random.default_rng(_CITY_SEED)
        zones = LAST_ZONE - FIRST_ZONE + 1
        self._place = generator.uniform(0, _WIDTH, (zones, 2))
        self._popularity = generator.pareto(1.5, zones) + 0.05
        self._slowness = generator.lognormal(0.0, 0.15, zones)
        gap = np.linalg.norm(self._place[:, None] - self._place[None], axis=2)
        self._road = 0.3 + 1.25 * gap
        attraction = self._popularity[None] * np.exp(-gap / 2.5)
        self._destinations = np.cumsum(attraction / attraction.sum(1, keepdims=True), axis=1)
        self._origins = np.cumsum(self._popularity / self._popularity.sum())

    def trips(self, month: Month, count: int, generator: np.random.Generator) -> Trips:
        """Draw trips of a month, ordered by pickup.

        Args:
            month: sets the number of days, the weekdays and the drift.
            count: how many.
            generator: the source of chance.
        """
        days = (month.end - month.start).days
        second = np.sort(self._pickup_seconds(days, count, generator))
        hour = second % 86400 / 3600
        weekend = (month.start.weekday() + second // 86400) % 7 >= 5
        origin = np.searchsorted(self._origins, generator.random(count)).clip(0, LAST_ZONE - 1)
        chance = generator.random(count)
        # All destinations' cumulative shares stacked: one search serves every origin.
        stacked = (self._destinations + np.arange(LAST_ZONE)[:, None]).ravel()
        destination = np.searchsorted(stacked, chance + origin).clip(0, stacked.size - 1)
        destination = (destination - origin * LAST_ZONE).clip(0, LAST_ZONE - 1)
        distance = self._road[origin, destination] * generator.lognormal(0.0, 0.12, count)
        speed = self._speed(month, hour, weekend) / np.sqrt(
            self._slowness[origin] * self._slowness[destination]
        )
        duration = 2.0 + 60 * distance / speed * generator.lognormal(0.0, 0.18, count)
        return Trips(second, origin + FIRST_ZONE, destination + FIRST_ZONE, distance, duration)

    def _pickup_seconds(self, days: int, count: int, generator: np.random.Generator) -> Integers:
        demand = 1.2 + np.sin((np.arange(24) - 11) / 24 * 2 * np.pi)
        hour = generator.choice(24, count, p=demand / demand.sum())
        day = generator.integers(0, days, count)
        return day * 86400 + hour * 3600 + generator.integers(0, 3600, count)

    def _speed(self, month: Month, hour: Floats, weekend: npt.NDArray[np.bool_]) -> Floats:
        """Return miles an hour: slow in two rush hours, faster at night and at weekends."""
        rush = np.exp(-(((hour - 8.5) / 1.8) ** 2)) + np.exp(-(((hour - 17.5) / 2.2) ** 2))
        season = 1 + 0.04 * np.sin((month.year * 12 + month.month) / 12 * 2 * np.pi)
        speed: Floats = season * (19.0 - 8.0 * rush * np.where(weekend, 0.3, 1.0))
        return speed
