"""The columns of green and yellow files: the trips themselves, and what the meter said."""

from __future__ import annotations

import numpy as np

from duration_assets.months import Month
from duration_assets.services import Service
from duration_assets.simulation.city import Flags, Floats, Trips
from duration_assets.simulation.demand import DAY, HOUR
from duration_assets.simulation.values import Draws, Masked, Values, cents

_CARD, _CASH = 1, 2
_NEGOTIATED = 5
_LONGEST_FARE = 60.0
"""Miles and minutes above which the fare no longer grows: nobody paid for absurd ones."""
_DEARER_SINCE = Month(2023, 1)
_SURCHARGE_SINCE = Month(2019, 2)
_AIRPORTS = (132, 138)
_PAYMENT_WITHOUT_METER = {"green": None, "yellow": 0.0}
"""What files say of the payment where other columns are null: green ones nothing either."""


def taxi_columns(
    trips: Trips, service: Service, month: Month, null_share: float, draws: Draws
) -> dict[str, Values]:
    """Return every column that green or yellow files ever had, by its name in small letters.

    Args:
        trips: what was driven.
        service: green or yellow.
        month: sets the fees of its time.
        null_share: share of the trips that lack what only the meter knows.
        draws: for as many rows as there are trips.
    """
    missing = draws.chance(null_share)
    rate = draws.numbers({1: 0.955, 2: 0.02, 5: 0.02, 4: 0.002, 3: 0.001, 99: 0.002})
    negotiated = rate == _NEGOTIATED
    payment = draws.numbers({_CARD: 0.68, _CASH: 0.3, 3: 0.01, 4: 0.01})
    passengers = draws.numbers({1: 0.78, 2: 0.12, 3: 0.03, 4: 0.02, 5: 0.02, 6: 0.015, 0: 0.015})
    return {
        "vendorid": draws.numbers(_vendors(month)),
        "store_and_fwd_flag": draws.text({"N": 0.995, "Y": 0.005}, missing),
        "ratecodeid": Masked(rate, missing),
        "passenger_count": Masked(passengers, missing),
        "payment_type": _payment_type(payment, missing, _PAYMENT_WITHOUT_METER[service.name]),
        "trip_type": Masked(np.where(negotiated, 2.0, 1.0), missing),
        "ehail_fee": None,
        "request_source": None,
        "trip_distance": cents(trips.distance),
        **_amounts(trips, month, payment == _CARD, missing, draws),
    }


def _payment_type(payment: Floats, missing: Flags, otherwise: float | None) -> Values:
    if otherwise is None:
        return Masked(payment, missing)
    return np.where(missing, otherwise, payment)


def _vendors(month: Month) -> dict[float, float]:
    vendors: dict[float, float] = {1: 0.2, 2: 0.8}
    return {**vendors, 6: 0.001, 7: 0.01} if month >= Month(2025, 1) else vendors


def _amounts(
    trips: Trips, month: Month, by_card: Flags, missing: Flags, draws: Draws
) -> dict[str, Values]:
    """Return the dollars, which add up to the total."""
    dearer = month >= _DEARER_SINCE
    fare = _fare(trips, dearer)
    extra = _extra(trips, month, 2.5 if dearer else 1.0)
    tolls = np.where((trips.distance > 8.0) & draws.chance(0.5), 6.94 if dearer else 6.12, 0.0)
    improvement = np.full(draws.count, 1.0 if dearer else 0.3)
    surcharge = np.where(trips.central & (month >= _SURCHARGE_SINCE), 2.5, 0.0)
    central_fee = np.where(trips.central & (month >= Month(2025, 1)), 0.75, 0.0)
    airport = np.where(np.isin(trips.pickup_zone, _AIRPORTS), 1.75 if dearer else 1.25, 0.0)
    generosity = draws.generator.uniform(0.1, 0.3, draws.count)
    tip = np.where(by_card, cents(fare * generosity), 0.0)
    tax = np.full(draws.count, 0.5)
    total = fare + extra + tax + tolls + improvement + central_fee + tip
    total += np.where(missing, 0.0, surcharge)
    return {
        "fare_amount": fare,
        "extra": extra,
        "mta_tax": tax,
        "tip_amount": tip,
        "tolls_amount": tolls,
        "improvement_surcharge": improvement,
        "total_amount": cents(total),
        "congestion_surcharge": Masked(surcharge, missing),
        "airport_fee": Masked(airport, missing),
        "cbd_congestion_fee": central_fee,
    }


def _fare(trips: Trips, dearer: bool) -> Floats:
    """Return the metered fare, in steps as meters count."""
    flag, step = (3.0, 0.7) if dearer else (2.5, 0.5)
    miles = np.minimum(trips.distance, _LONGEST_FARE)
    minutes = np.clip(trips.duration, 0.0, _LONGEST_FARE)
    fare: Floats = flag + step * np.rint(3.5 * miles + 0.35 * minutes)
    return cents(fare)


def _extra(trips: Trips, month: Month, rush_hour: float) -> Floats:
    """Return what the rush hour and the night cost more."""
    hour = trips.pickup_second % DAY // HOUR
    weekday = (month.start.weekday() + trips.pickup_second // DAY) % 7
    by_hour = np.where((hour >= 20) | (hour < 6), 1.0 if rush_hour > 1.0 else 0.5, 0.0)
    extra: Floats = np.where((hour >= 16) & (hour < 20) & (weekday < 5), rush_hour, by_hour)
    return extra
