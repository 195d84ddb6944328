"""What differs between TLC's four services, as data: columns, units, first month.

A new service, or another city's monthly files, is one more `Service` here. No other module asks
which service it has; what it needs to know is a field of `Service`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from duration_assets.errors import SettingsError
from duration_assets.months import Month

FIRST_ZONE = 1
"""The lowest taxi zone id, Newark Airport."""
LAST_ZONE = 265
"""TLC's highest taxi zone id, 'Outside of NYC'."""


NO_PLACES = frozenset({264, 265})
"""TLC's zones that are no places: 'Unknown' and 'Outside of NYC'."""


@dataclass(frozen=True)
class Detail:
    """What else is known of a trip before it starts, as whole numbers.

    Attributes:
        column: the published column.
        usual: the most frequent value, which stands for all trips of a table without the column.
    """

    column: str
    usual: int


@dataclass(frozen=True)
class Service:
    """One of TLC's services, by the names that its published files use.

    Column names are matched without regard to case: TLC's spelling changes from year to year.

    Attributes:
        name: the name in file names and asset keys.
        title: the name for people.
        first_month: the first month published with taxi zones, which is the first that can be used.
        pickup_time: column of the pickup, a timestamp without zone in the city's own time.
        dropoff_time: column of the dropoff, likewise.
        pickup_zone: column of the zone id of the pickup.
        dropoff_zone: column of the zone id of the dropoff.
        distance: column of the metered distance; None where the service publishes none.
        miles: how many miles one unit of that column is: 0.621371 for kilometres.
        details: what else is known before a trip starts, by its name in `cleaning.TRIP_SCHEMA`.
        last_zone: the highest zone id; the lowest is 1.
        zones_can_be_null: whether trips without zones are normal.
        note: what a user should know before trusting a model of this service.
    """

    name: str
    title: str
    first_month: Month
    pickup_time: str
    dropoff_time: str
    pickup_zone: str = "PULocationID"
    dropoff_zone: str = "DOLocationID"
    distance: str | None = "trip_distance"
    miles: float = 1.0
    details: Mapping[str, Detail] = field(default_factory=dict)
    last_zone: int = LAST_ZONE
    zones_can_be_null: bool = False
    note: str = ""

    @property
    def times(self) -> tuple[str, str]:
        """The columns that hold times."""
        return self.pickup_time, self.dropoff_time

    @property
    def detail_columns(self) -> tuple[str, ...]:
        """The columns that a published file may have, for the details of a trip."""
        return tuple(detail.column for detail in self.details.values())

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a published file must have."""
        required = (self.pickup_time, self.dropoff_time, self.pickup_zone, self.dropoff_zone)
        return required if self.distance is None else (*required, self.distance)


SERVICES: dict[str, Service] = {
    service.name: service
    for service in (
        Service(
            name="green",
            title="Green taxi",
            first_month=Month(2013, 8),
            pickup_time="lpep_pickup_datetime",
            dropoff_time="lpep_dropoff_datetime",
            details={
                "vendor": Detail("VendorID", usual=2),
                "passengers": Detail("passenger_count", usual=1),
                # 1 was hailed in the street, 2 was sent.
                "trip_type": Detail("trip_type", usual=1),
            },
        ),
        Service(
            name="yellow",
            title="Yellow taxi",
            # 2009 and 2010 have coordinates in place of zones.
            first_month=Month(2011, 1),
            pickup_time="tpep_pickup_datetime",
            dropoff_time="tpep_dropoff_datetime",
            details={
                "vendor": Detail("VendorID", usual=2),
                "passengers": Detail("passenger_count", usual=1),
            },
            note="The accuracy of yellow models has not been tested on whole real months.",
        ),
        Service(
            name="fhv",
            title="For-hire vehicle",
            first_month=Month(2015, 1),
            pickup_time="pickup_datetime",
            dropoff_time="dropOff_datetime",
            pickup_zone="PUlocationID",
            dropoff_zone="DOlocationID",
            distance=None,
            zones_can_be_null=True,
            note="Publishes no distance, and many trips without zones.",
        ),
        Service(
            name="fhvhv",
            title="High-volume for-hire vehicle",
            first_month=Month(2019, 2),
            pickup_time="pickup_datetime",
            dropoff_time="dropoff_datetime",
            distance="trip_miles",
        ),
    )
}


def service_named(name: str) -> Service:
    """Return the service with this name.

    Raises:
        SettingsError: if there is none.
    """
    try:
        return SERVICES[name]
    except KeyError:
        known = ", ".join(SERVICES)
        raise SettingsError(f"There is no service '{name}': choose one of {known}.") from None
