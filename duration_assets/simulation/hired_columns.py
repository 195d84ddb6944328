"""The columns of fhv and fhvhv files: the trips themselves, their bases, and what was paid."""

from __future__ import annotations

import numpy as np

from duration_assets.months import Month
from duration_assets.services import Service
from duration_assets.simulation.character import CHARACTERS
from duration_assets.simulation.city import Flags, Floats, Trips
from duration_assets.simulation.values import Draws, Masked, Text, Values, cents

_SHARED_RIDES_UNTIL = Month(2019, 2)
_BASES = 240
_SURCHARGE_SINCE = Month(2019, 2)
_AIRPORTS = (1, 132, 138)
_LONGEST_FARE = 200.0
"""Miles and minutes above which the fare no longer grows."""

_UBER, _LYFT, _VIA = range(3)
_COMPANIES = {"HV0003": 0.715, "HV0005": 0.273, "HV0004": 0.012}
_COMPANIES_SINCE_VIA_LEFT = {"HV0003": 0.74, "HV0005": 0.26}
_VIA_LEFT = Month(2022, 1)
_UBER_BASES = (
    "B02764", "B02875", "B02872", "B02765", "B02878", "B02887", "B02883", "B02617", "B02682",
)  # fmt: skip
_ONE_UBER_BASE_SINCE = Month(2022, 11)
_LYFT_BASE, _VIA_BASE, _LATE_UBER_BASE, _LATE_LYFT_BASE = "B02510", "B02800", "B03404", "B03406"


def fhv_columns(
    trips: Trips, service: Service, month: Month, null_share: float, draws: Draws
) -> dict[str, Values]:
    """Return every column that fhv files ever had, by its name in small letters.

    Args:
        trips: what was driven.
        service: fhv.
        month: sets what the columns told at the time.
        null_share: unused: no columns of this service are null together.
        draws: for as many rows as there are trips.
    """
    character = CHARACTERS[service.name]
    names = tuple(f"B{number:05d}" for number in range(13, 13 + 13 * _BASES, 13))
    popularity = tuple(1.0 / (3 + rank) for rank in range(_BASES))
    base, other = draws.codes(popularity), draws.codes(popularity)
    affiliated = np.where(draws.chance(0.68), base, other)
    alone = ~draws.chance(0.1) if month <= _SHARED_RIDES_UNTIL else np.ones(draws.count, np.bool_)
    return {
        "dispatching_base_num": Text(names, base),
        "affiliated_base_number": Text(names, affiliated, draws.chance(0.006)),
        "sr_flag": Masked(np.ones(draws.count), alone),
        "pulocationid": Masked(trips.pickup_zone, draws.chance(character.missing_pickup_zone)),
        "dolocationid": Masked(trips.dropoff_zone, draws.chance(character.missing_dropoff_zone)),
    }


def fhvhv_columns(
    trips: Trips, service: Service, month: Month, null_share: float, draws: Draws
) -> dict[str, Values]:
    """Return every column that fhvhv files ever had, by its name in small letters.

    Args:
        trips: what was driven.
        service: fhvhv.
        month: sets companies and fees of its time.
        null_share: unused: no columns of this service are null together.
        draws: for as many rows as there are trips.
    """
    companies = _COMPANIES if month < _VIA_LEFT else _COMPANIES_SINCE_VIA_LEFT
    company = draws.text(companies)
    by_uber = company.codes == _UBER
    bases = _bases(company, month, draws)
    second = trips.pickup_second.astype("timedelta64[s]")
    pickup = np.datetime64(month.start, "us") + second
    waiting = np.exp(5.55 + 0.5 * draws.generator.standard_normal(draws.count))
    boarding = np.minimum(draws.generator.exponential(70.0, draws.count) + 25.0, waiting)
    return {
        "hvfhs_license_num": company,
        "dispatching_base_num": bases,
        "originating_base_num": Text(bases.words, bases.codes, ~by_uber),
        "request_datetime": pickup - waiting.astype("timedelta64[s]"),
        "on_scene_datetime": Masked(pickup - boarding.astype("timedelta64[s]"), ~by_uber),
        "trip_miles": np.rint(trips.distance * 1000) / 1000,
        "trip_time": np.abs(np.rint(trips.duration * 60)),
        **_amounts(trips, month, draws),
        "shared_request_flag": draws.text({"N": 0.98, "Y": 0.02}),
        "shared_match_flag": draws.text({"N": 0.993, "Y": 0.007}),
        # One of the companies leaves a blank where the others say no.
        "access_a_ride_flag": Text((" ", "N"), (~by_uber).astype(np.int64)),
        "wav_request_flag": draws.text({"N": 0.998, "Y": 0.002}),
        "wav_match_flag": draws.text({"N": 0.93, "Y": 0.07}),
    }


def _bases(company: Text, month: Month, draws: Draws) -> Text:
    """Return the base of each trip, which belongs to its company."""
    if month >= _ONE_UBER_BASE_SINCE:
        return Text((_LATE_UBER_BASE, _LATE_LYFT_BASE), company.codes)
    words = (*_UBER_BASES, _LYFT_BASE, _VIA_BASE)
    uber = draws.codes(tuple(1.0 / (1 + rank) for rank in range(len(_UBER_BASES))))
    others = len(_UBER_BASES) - 1 + company.codes
    return Text(words, np.where(company.codes == _UBER, uber, others))


def _amounts(trips: Trips, month: Month, draws: Draws) -> dict[str, Values]:
    """Return the dollars."""
    miles = np.minimum(trips.distance, _LONGEST_FARE)
    minutes = np.clip(trips.duration, 0.0, _LONGEST_FARE)
    demand = np.exp(0.15 * draws.generator.standard_normal(draws.count))
    fare = cents(np.maximum((2.6 + 1.6 * miles + 0.45 * minutes) * demand, 5.5))
    tolls = np.where((miles > 9.0) & draws.chance(0.5), 6.94, 0.0)
    at_airport = np.isin(trips.pickup_zone, _AIRPORTS) | np.isin(trips.dropoff_zone, _AIRPORTS)
    tipped = draws.chance(0.15)
    return {
        "base_passenger_fare": fare,
        "tolls": tolls,
        "bcf": cents(0.025 * (fare + tolls)),
        "sales_tax": cents(0.08875 * (fare + tolls)),
        "congestion_surcharge": _where(trips.central & (month >= _SURCHARGE_SINCE), 2.75),
        "airport_fee": _where(at_airport, 2.5),
        "tips": np.where(tipped, np.rint(draws.generator.exponential(3.0, draws.count)) + 1.0, 0.0),
        "driver_pay": cents(0.77 * fare),
        "cbd_congestion_fee": _where(trips.central & (month >= Month(2025, 1)), 1.5),
    }


def _where(flags: Flags, dollars: float) -> Floats:
    return np.where(flags, dollars, 0.0)
