"""What each service's trips are like, as data: when, where, how fast, and how often flawed.

The shares of flaws were counted in TLC's files: green from whole months, the others from samples
of 1,000 to 5,000 rows, so theirs are rough.
"""

from __future__ import annotations

from dataclasses import dataclass

_Hours = tuple[float, ...]

# fmt: off
_WORKING_DAY: _Hours = (
    0.9, 0.6, 0.4, 0.4, 0.4, 0.6, 1.6, 3.4, 4.6, 4.9, 4.7, 4.9,
    4.9, 4.9, 5.5, 6.2, 6.5, 6.7, 6.4, 5.1, 3.9, 3.0, 2.4, 1.7,
)
_DAY_OFF: _Hours = (
    3.4, 3.0, 2.4, 1.9, 1.4, 0.8, 0.9, 1.4, 2.2, 3.1, 4.0, 4.7,
    5.2, 5.4, 5.6, 5.7, 5.7, 5.8, 5.7, 5.2, 4.6, 4.4, 4.2, 3.9,
)
_NIGHT_OUT: _Hours = (
    4.8, 4.4, 3.6, 2.6, 1.8, 1.2, 1.2, 1.7, 2.4, 3.1, 3.7, 4.2,
    4.6, 4.8, 4.9, 5.0, 5.1, 5.4, 5.7, 5.6, 5.2, 5.0, 5.2, 5.4,
)
# fmt: on


@dataclass(frozen=True)
class Character:
    """What one service's trips are like.

    Attributes:
        working_day: trips by hour from Monday to Friday, in any unit.
        day_off: the same at weekends.
        weekdays: trips of each day of the week, Monday first, in any unit.
        seed: of the popularity of its zones.
        centre: how much more popular a zone is for being in the city's centre; negative if less.
        reach: miles after which a destination is drawn a third as often.
        speed: miles an hour of a trip of two and a half miles in an empty city.
        under_a_minute: share of trips of less than a minute.
        over_an_hour: share of trips that say an hour or more too much.
        zero_distance: share of trips of 0 miles.
        absurd_distance: share of trips of 100 to 300,000 miles.
        elsewhen: share of trips picked up in another month.
        backwards: share of trips that end before they start, once there are such trips.
        together_null: lowest and highest share of a month's trips that lack several columns.
        missing_pickup_zone: share of pickup zones that are null.
        missing_dropoff_zone: likewise of dropoff zones.
        unknown_pickup_zone: share of pickup zones that are 264, 'Unknown'.
        unknown_dropoff_zone: likewise of dropoff zones.
    """

    working_day: _Hours
    day_off: _Hours
    weekdays: tuple[float, ...]
    seed: int
    centre: float
    reach: float
    speed: float
    under_a_minute: float
    over_an_hour: float
    zero_distance: float
    absurd_distance: float
    elsewhen: float
    backwards: float
    together_null: tuple[float, float] = (0.0, 0.0)
    missing_pickup_zone: float = 0.0
    missing_dropoff_zone: float = 0.0
    unknown_pickup_zone: float = 0.0
    unknown_dropoff_zone: float = 0.0


CHARACTERS = {
    "green": Character(
        working_day=_WORKING_DAY,
        day_off=_DAY_OFF,
        weekdays=(0.98, 1.0, 1.08, 1.1, 1.12, 0.9, 0.75),
        seed=1,
        centre=-1.0,
        reach=1.1,
        speed=19.0,
        under_a_minute=0.027,
        over_an_hour=0.014,
        zero_distance=0.035,
        absurd_distance=0.0008,
        elsewhen=0.0002,
        backwards=0.005,
        together_null=(0.03, 0.48),
        unknown_pickup_zone=0.002,
        unknown_dropoff_zone=0.003,
    ),
    "yellow": Character(
        working_day=_WORKING_DAY,
        day_off=_DAY_OFF,
        weekdays=(0.88, 1.0, 1.05, 1.08, 1.06, 1.04, 0.89),
        seed=2,
        centre=3.0,
        reach=1.0,
        speed=16.0,
        under_a_minute=0.012,
        over_an_hour=0.008,
        zero_distance=0.015,
        absurd_distance=0.0001,
        elsewhen=0.00001,
        backwards=0.0001,
        together_null=(0.03, 0.25),
        unknown_pickup_zone=0.004,
        unknown_dropoff_zone=0.004,
    ),
    "fhv": Character(
        working_day=_WORKING_DAY,
        day_off=_DAY_OFF,
        weekdays=(1.0, 1.02, 1.05, 1.06, 1.08, 0.95, 0.84),
        seed=3,
        centre=-0.6,
        reach=1.5,
        speed=20.0,
        under_a_minute=0.02,
        over_an_hour=0.02,
        zero_distance=0.0,
        absurd_distance=0.0,
        elsewhen=0.00001,
        backwards=0.0002,
        missing_pickup_zone=0.32,
        missing_dropoff_zone=0.055,
        unknown_pickup_zone=0.52,
        unknown_dropoff_zone=0.064,
    ),
    "fhvhv": Character(
        working_day=_WORKING_DAY,
        day_off=_NIGHT_OUT,
        weekdays=(0.86, 0.9, 0.95, 1.0, 1.12, 1.18, 0.99),
        seed=4,
        centre=0.8,
        reach=1.6,
        speed=20.0,
        under_a_minute=0.0005,
        over_an_hour=0.001,
        zero_distance=0.0005,
        absurd_distance=0.00001,
        elsewhen=0.000002,
        backwards=0.00001,
    ),
}
"""By the name of the service."""
