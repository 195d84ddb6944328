"""The kept trips of a month, read from their file in batches, whole or as a sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from duration_assets.errors import BadFileError
from duration_assets.modelling.cleaning import DETAILS
from duration_assets.modelling.features import IntArray
from duration_assets.months import Month

BATCH = 250_000
"""Trips read and encoded at a time, so that memory does not grow with the month."""

COLUMNS = ("pickup_time", "pickup_zone", "dropoff_zone", "distance", "duration", *DETAILS)
"""What a matrix is made from: the features must not see the dropoff time."""

_SAMPLE_SEED = 42


@dataclass(frozen=True)
class MonthTrips:
    """The kept trips of one month.

    Attributes:
        month: the month of the file.
        path: the Parquet file, in the canonical schema.
        rows: how many trips it holds.
        chosen: the rows that belong to a sample, ascending; None for all.
    """

    month: Month
    path: Path
    rows: int
    chosen: IntArray | None = None

    def __len__(self) -> int:
        return self.rows if self.chosen is None else len(self.chosen)

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the trips in the order of the file, with the columns `COLUMNS`.

        Raises:
            BadFileError: if the file was made before there were all of these columns.
        """
        trips = pl.scan_parquet(self.path)
        if missing := set(COLUMNS) - set(trips.collect_schema()):
            raise BadFileError(
                f"The cleaned trips of {self.month} lack the columns {', '.join(sorted(missing))}: "
                "an earlier version of this project made them. Materialize cleaned_trips of that "
                "month again."
            )
        trips = trips.select(COLUMNS)
        for start in range(0, self.rows, BATCH):
            batch = trips.slice(start, BATCH).collect()
            if self.chosen is None:
                yield batch
            else:
                first, last = np.searchsorted(self.chosen, [start, start + BATCH])
                yield batch[self.chosen[first:last] - start]

    def sample(self, count: int) -> MonthTrips:
        """Return that many of the trips, the same ones each time."""
        generator = np.random.default_rng([_SAMPLE_SEED, self.month.year, self.month.month])
        picked = np.sort(generator.choice(len(self), count, replace=False))
        return replace(self, chosen=picked if self.chosen is None else self.chosen[picked])


def sample_window(window: Sequence[MonthTrips], most: int | None) -> list[MonthTrips]:
    """Take at most that many trips of a window, from each month its share.

    Args:
        window: the months.
        most: how many in all; None takes all.
    """
    total = sum(map(len, window))
    if most is None or total <= most:
        return list(window)
    return [month.sample(len(month) * most // total) for month in window]
