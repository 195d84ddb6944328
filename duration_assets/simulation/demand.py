"""When trips start: by hour and weekday, each day a little different, over one month."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from duration_assets.months import Month
from duration_assets.simulation.character import Character

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

HOUR, DAY = 3600, 86400
"""In seconds."""
_DAILY_NOISE = 0.06
_DISORDER = 1800.0
"""Seconds that a row can stand before or after its place in time, as in the published files."""


class Demand:
    """The pickups of one month."""

    def __init__(
        self, character: Character, month: Month, rows: int, generator: np.random.Generator
    ) -> None:
        """Share a number of trips out over the hours of a month.

        Args:
            character: the service's.
            month: sets the number of days and the weekdays.
            rows: the trips of the whole month.
            generator: the source of chance, for what makes a day unlike others.
        """
        days = (month.end - month.start).days
        self.length = days * DAY
        self.first_weekday = month.start.weekday()
        weekday = (self.first_weekday + np.arange(days)) % 7
        hours = np.array([character.working_day, character.day_off])
        hours /= hours.sum(axis=1, keepdims=True)
        by_day = np.array(character.weekdays)[weekday]
        by_day *= np.exp(_DAILY_NOISE * generator.standard_normal(days))
        weight = (by_day[:, None] * hours[(weekday >= 5).astype(int)]).ravel()
        self._rows = rows
        self._filled = np.concatenate([[0.0], np.cumsum(weight / weight.sum())])
        self._edges = np.arange(days * 24 + 1) * float(HOUR)

    def pickups(self, start: int, count: int, generator: np.random.Generator) -> Integers:
        """Return the seconds since the month's start at which rows are picked up.

        Any row's place in the month follows from its number, so that rows drawn part by part
        are sorted like rows drawn at once: all but half an hour of disorder.

        Args:
            start: number of the first row, from 0.
            count: how many rows.
            generator: the source of chance.
        """
        place = (start + np.arange(count) + generator.random(count)) / self._rows
        second = np.interp(place, self._filled, self._edges)
        second += generator.uniform(-_DISORDER, _DISORDER, count)
        # What falls over the month's edge is folded back into it.
        second = np.abs(second)
        second = np.where(second < self.length, second, 2.0 * self.length - second)
        within: Integers = np.minimum(second.astype(np.int64), self.length - 1)
        return within
