"""Histograms of a month's trips by feature, kept so that distributions can be compared later.

Their bins are fixed, so that the histograms of months add up to that of a window. They are a few
hundred kilobytes where the trips are gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np
import polars as pl

from duration_assets.modelling.cleaning import DETAILS
from duration_assets.modelling.features import FloatArray
from duration_assets.modelling.slices import WEEKDAYS
from duration_assets.services import Service

HISTOGRAMS_FILE = "histograms.parquet"

PICKUP_ZONE, DROPOFF_ZONE, ZONE_PAIR = "pickup_zone", "dropoff_zone", "zone_pair"
HOUR, WEEKDAY, DISTANCE = "hour", "weekday", "distance"
PREDICTION = "prediction"
"""Predicted minutes: no column of a month's trips, but of what a model makes of them."""

SCHEMA = pl.Schema({"feature": pl.String(), "bin": pl.Int64(), "trips": pl.Int64()})
"""The columns of a table of histograms; the bin is null for trips without the value."""

_PAIR_FACTOR = 100_000
_EDGES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0)
"""Miles at which distance bands end; a band holds its end, and not its beginning."""
_MOST_OF_A_DETAIL = 9
"""Details are small numbers; what is above counts as this one."""
_LAST_MINUTE = 59
"""What is longer counts as this one, as in the cells of a `Judgement`."""
_MISSING = "missing"


def month_histograms(trips: pl.LazyFrame, service: Service) -> pl.DataFrame:
    """Count the kept trips of a month by the bins of every feature.

    Args:
        trips: n rows in the canonical schema.
        service: says what is known of its trips.

    Returns:
        A row for each bin that has trips, with the columns of `SCHEMA`, in order. The `trips` of a
        feature add up to n.
    """
    bins = _bins(service)
    counted = [
        trips.group_by(bin=bin_of.cast(pl.Int64)).agg(trips=pl.len()) for bin_of in bins.values()
    ]
    found = zip(bins, pl.collect_all(counted, engine="streaming"), strict=True)
    return _in_order(_named(name, counts) for name, counts in found)


def minute_histogram(minutes: FloatArray) -> pl.DataFrame:
    """Count n predictions by whole minutes, up to 59; returns a table of `SCHEMA`."""
    places = np.clip(np.floor(minutes), 0, _LAST_MINUTE).astype(np.int64)
    found, trips = np.unique(places, return_counts=True)
    return _named(PREDICTION, pl.DataFrame({"bin": found, "trips": trips}))


def judged_histogram(cells: pl.DataFrame) -> pl.DataFrame:
    """Return what `minute_histogram` makes of the predictions of judged trips.

    Args:
        cells: as of `Judgement`.
    """
    return _in_order([_named(PREDICTION, cells.group_by(bin="predicted").agg(pl.sum("trips")))])


def add_up(histograms: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return the histograms of all trips together, from those of parts of them."""
    together = pl.concat([SCHEMA.to_frame(), *histograms])
    return _in_order([together.group_by("feature", "bin").agg(pl.col("trips").sum())])


def histogram_of(histograms: pl.DataFrame, feature: str) -> pl.DataFrame:
    """Return the bins of one feature: `bin` and `trips`; none if it has no histogram."""
    return histograms.filter(pl.col("feature") == feature).select("bin", "trips")


def missing_share(histograms: pl.DataFrame, feature: str) -> float:
    """Return which share of the trips, 0 to 1, lacks a feature's value."""
    bins = histogram_of(histograms, feature)
    missing = bins.filter(pl.col("bin").is_null())["trips"].sum()
    return float(missing) / max(int(bins["trips"].sum()), 1)


def bin_names(feature: str) -> Mapping[int | None, str]:
    """Return what the bins of a feature are called, where that is not their number."""
    if feature == WEEKDAY:
        return {**dict(enumerate(WEEKDAYS)), None: _MISSING}
    if feature == DISTANCE:
        inner: dict[int | None, str] = {
            place: f"{low:g} to {high:g}" for place, (low, high) in enumerate(_BANDS, 1)
        }
        return {0: "0", **inner, len(_EDGES): f"over {_EDGES[-1]:g}", None: _MISSING}
    return {None: _MISSING}


_BANDS = tuple(pairwise(_EDGES))


def _bins(service: Service) -> dict[str, pl.Expr]:
    """Return the bin of a trip by feature."""
    pickup, dropoff, distance = pl.col(PICKUP_ZONE), pl.col(DROPOFF_ZONE), pl.col(DISTANCE)
    bins = {
        PICKUP_ZONE: pickup,
        DROPOFF_ZONE: dropoff,
        ZONE_PAIR: pickup.cast(pl.Int64) * _PAIR_FACTOR + dropoff,
        HOUR: pl.col("pickup_time").dt.hour(),
        WEEKDAY: pl.col("pickup_time").dt.weekday() - 1,
    }
    if service.distance is not None:
        band = pl.sum_horizontal((distance > edge).cast(pl.Int64) for edge in _EDGES)
        bins[DISTANCE] = pl.when(distance.is_not_null()).then(band)
    for name in DETAILS:
        if name in service.details:
            bins[name] = pl.col(name).clip(0, _MOST_OF_A_DETAIL)
    return bins


def _named(feature: str, counts: pl.DataFrame) -> pl.DataFrame:
    return counts.select(pl.lit(feature).alias("feature"), "bin", "trips").cast(
        {"bin": pl.Int64(), "trips": pl.Int64()}
    )


def _in_order(histograms: Iterable[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(histograms).sort("feature", "bin", nulls_last=True)
