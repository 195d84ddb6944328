"""A table of trips in a published layout: picks each column of the layout from its service's."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from duration_assets.months import Month
from duration_assets.services import Service
from duration_assets.simulation.city import Trips
from duration_assets.simulation.hired_columns import fhv_columns, fhvhv_columns
from duration_assets.simulation.schemas import Layout
from duration_assets.simulation.taxi_columns import taxi_columns
from duration_assets.simulation.values import Draws, Values, to_arrow

_COLUMNS_OF = {
    "green": taxi_columns,
    "yellow": taxi_columns,
    "fhv": fhv_columns,
    "fhvhv": fhvhv_columns,
}


def table_of(
    trips: Trips,
    service: Service,
    month: Month,
    layout: Layout,
    null_share: float,
    generator: np.random.Generator,
) -> pa.Table:
    """Return the trips as rows of a published file.

    Args:
        trips: what was driven.
        service: the service.
        month: the month of the file.
        layout: the file's.
        null_share: share of the trips that lack several columns together.
        generator: the source of chance.
    """
    count = len(trips.duration)
    start = np.datetime64(month.start, "us")
    pickup = start + trips.pickup_second.astype("timedelta64[s]")
    dropoff = pickup + np.rint(trips.duration * 60).astype("timedelta64[s]")
    values: dict[str, Values] = {
        service.pickup_time.lower(): pickup,
        service.dropoff_time.lower(): dropoff,
        service.pickup_zone.lower(): trips.pickup_zone,
        service.dropoff_zone.lower(): trips.dropoff_zone,
    }
    draws = Draws(count, generator)
    values.update(_COLUMNS_OF[service.name](trips, service, month, null_share, draws))
    columns = [
        to_arrow(values[field.name.lower()], field.type, count, layout.nullable_integers)
        for field in layout.schema
    ]
    return pa.Table.from_arrays(columns, schema=layout.schema)
