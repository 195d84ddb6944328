"""Cleaning: a published file of any year and service becomes trips in one schema.

Kept is exactly what the course keeps: trips of 1 to 60 minutes, both ends included, and no other
rule. Every other row is rejected for one reason, counted, and kept in a file beside the trips.
Everything streams through Polars: memory does not grow with the month.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from duration_assets.errors import BadTripError
from duration_assets.months import Month
from duration_assets.services import FIRST_ZONE, Service

CITY_TIME_ZONE = "America/New_York"
"""Where TLC's times are told, without a zone."""

KEPT_FILE, REJECTED_FILE = "trips.parquet", "rejected.parquet"
"""The files of a cleaned month."""

SHORTEST = 1.0
"""The shortest trip that is kept, in minutes."""
LONGEST = 60.0
"""The longest trip that is kept, in minutes."""

TRIP_SCHEMA = pl.Schema(
    {
        "row": pl.UInt32(),
        "pickup_time": pl.Datetime("us"),
        "dropoff_time": pl.Datetime("us"),
        "pickup_zone": pl.Int32(),
        "dropoff_zone": pl.Int32(),
        "distance": pl.Float64(),
        "duration": pl.Float64(),
        "service": pl.String(),
        "vendor": pl.Int32(),
        "passengers": pl.Int32(),
        "trip_type": pl.Int32(),
    }
)
"""The canonical columns: distance in miles or null, duration in minutes, the row of the published
file, counted from 0, that the trip stands in, and what `Service.details` name."""

DETAILS = ("vendor", "passengers", "trip_type")
"""The columns of `TRIP_SCHEMA` that `Service.details` name; null where a service has none."""

COLUMN_DESCRIPTIONS = {
    "row": "Row of the published file, counted from 0",
    "pickup_time": "Pickup, the city's own time",
    "dropoff_time": "Dropoff, the city's own time",
    "pickup_zone": "Zone of the pickup; TLC's are 1 to 265",
    "dropoff_zone": "Zone of the dropoff; TLC's are 1 to 265",
    "distance": "Metered distance in miles; null where the service publishes none",
    "duration": "Minutes from pickup to dropoff",
    "service": "TLC's service",
    "vendor": "Who supplied the record",
    "passengers": "Passengers, as the driver entered them; null for trips of some systems",
    "trip_type": "1 was hailed in the street, 2 was sent",
    "reason": "Why the row was rejected",
}

REASONS = {
    "time missing": pl.col("duration").is_null(),
    "ends before it starts": pl.col("duration") < 0,
    "under 1 minute": pl.col("duration") < SHORTEST,
    "over 60 minutes": pl.col("duration") > LONGEST,
}
"""Why a row is rejected, the first that applies."""

_TIME_AS_TEXT = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$"


@dataclass(frozen=True)
class CleaningSummary:
    """What cleaning one month found, all counts of rows.

    Attributes:
        rows: rows in the published file.
        kept: rows kept.
        rejected: rows rejected, by reason.
        picked_up_in_month: kept rows whose pickup lies in the month of the file.
        unknown_zones: kept rows with a zone id that the service does not have.
        missing_zones: kept rows with a zone that is null.
        missing_distance: kept rows whose distance is null.
        mean_duration: mean of the kept rows in minutes; None if none was kept.
        mean_distance: mean of the kept rows in miles; None if no distance is known.
    """

    rows: int
    kept: int
    rejected: dict[str, int] = field(default_factory=dict)
    picked_up_in_month: int = 0
    unknown_zones: int = 0
    missing_zones: int = 0
    missing_distance: int = 0
    mean_duration: float | None = None
    mean_distance: float | None = None


def canonical_trips(published: pl.LazyFrame, service: Service) -> pl.LazyFrame:
    """Rename, cast and compute the canonical columns of `TRIP_SCHEMA`.

    Args:
        published: rows in TLC's schema of any year, with a column `row`. Without a dropoff time,
            as for a trip that is yet to happen, dropoff and duration are null; likewise distance.
            Without the column of one of the service's details, it is the usual one throughout.
        service: says what the columns are called.

    Returns:
        As many rows, in the same order, with the columns of `TRIP_SCHEMA`.
    """
    return _with_canonical_columns(published, service).select(TRIP_SCHEMA.names())


def published_columns(names: Iterable[str], service: Service) -> tuple[str, ...]:
    """Return those names of published columns that `canonical_trips` looks at."""
    known = {name.lower() for name in (*service.columns, *service.detail_columns)}
    return tuple(name for name in names if name.lower() in known)


def trips_of_rows(rows: pl.DataFrame, service: Service, first_row: int = 0) -> pl.DataFrame:
    """Bring n published rows that are in memory into the canonical schema.

    Args:
        rows: see `canonical_trips`; its times may be text, as in JSON and CSV.
        service: says what the columns are called.
        first_row: the row of the published file that the first of them stands in.

    Returns:
        n trips in the same order, with the columns of `TRIP_SCHEMA`.

    Raises:
        BadTripError: if the text of a time does not begin with year, month and day, says more than
            the time, or is none.
    """
    times = {name.lower() for name in service.times}
    texts = [
        name for name, kind in rows.schema.items() if name.lower() in times and kind == pl.String
    ]
    for name in texts:
        _check_times(rows[name])
    published = (
        rows.lazy()
        .select(published_columns(rows.columns, service))
        .with_row_index("row", first_row)
        .with_columns(pl.col(texts).str.to_datetime(time_unit="us"))
    )
    try:
        return canonical_trips(published, service).collect()
    except pl.exceptions.PolarsError:
        for name in texts:
            _find_no_time(rows[name])
        raise


def _find_no_time(texts: pl.Series) -> None:
    """Refuse what looks like a time and is none: Polars does not say which it was.

    Raises:
        BadTripError: with the first of them.
    """
    for text in texts.drop_nulls().unique(maintain_order=True):
        try:
            datetime.fromisoformat(text)
        except ValueError:
            raise BadTripError(f"{texts.name} is '{text}', and there is no such time") from None


def _check_times(texts: pl.Series) -> None:
    """Refuse what Polars would take for the time of another day, or another hour.

    It infers the format from the texts, and takes 03/01/2023 for the third of January.

    Raises:
        BadTripError: with the first of them.
    """
    others = texts.filter(~texts.str.contains(_TIME_AS_TEXT))
    if len(others):
        raise BadTripError(
            f"{texts.name} is '{others[0]}', of which it is not certain what time it means: write "
            "it as 2023-03-01T08:30:00, in New York's own time and without a zone."
        )


def _with_canonical_columns(published: pl.LazyFrame, service: Service) -> pl.LazyFrame:
    """Add the canonical columns to the published ones."""
    schema = published.collect_schema()
    names = {name.lower(): name for name in schema.names()}

    def column(name: str, wanted: str | None, usual: int | None = None) -> pl.Expr:
        found = None if wanted is None else names.get(wanted.lower())
        kind = TRIP_SCHEMA[name]
        if found is None:
            return pl.lit(usual, kind).alias(name)
        meant = _as_meant(pl.col(found), schema[found], kind)
        # A number that no zone has, such as NaN, is no zone; text that is no number is an error.
        return meant.cast(kind, strict=not schema[found].is_numeric()).alias(name)

    def detail(name: str) -> pl.Expr:
        known = service.details.get(name)
        return column(name, None) if known is None else column(name, known.column, known.usual)

    minutes = (pl.col("dropoff_time") - pl.col("pickup_time")).dt.total_microseconds() / 1e6 / 60
    return published.with_columns(
        pl.col("row").cast(TRIP_SCHEMA["row"]),
        column("pickup_time", service.pickup_time),
        column("dropoff_time", service.dropoff_time),
        column("pickup_zone", service.pickup_zone),
        column("dropoff_zone", service.dropoff_zone),
        column("distance", service.distance) * service.miles,
        *map(detail, DETAILS),
        service=pl.lit(service.name),
    ).with_columns(duration=minutes)


def _as_meant(values: pl.Expr, found: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    """Return what values mean, where a cast alone would make something else of them."""
    if isinstance(found, pl.Datetime) and found.time_zone is not None:
        return values.dt.convert_time_zone(CITY_TIME_ZONE).dt.replace_time_zone(None)
    if found.is_float() and wanted.is_integer():
        # There is no zone 43.5, and it is not zone 43 either.
        return pl.when(values == values.floor()).then(values)
    if found.is_float():
        return values.fill_nan(None)
    return values


def clean_month(
    published: Path, service: Service, month: Month, kept: Path, rejected: Path
) -> CleaningSummary:
    """Write the kept and the rejected trips of a published file, and count them.

    Args:
        published: TLC's file.
        service: the service it belongs to.
        month: the month in its name.
        kept: the Parquet file to write the kept trips to, with the columns of `TRIP_SCHEMA`.
        rejected: the Parquet file for the others: the `reason`, the canonical columns, and every
            column as it was published.

    Returns:
        The counts.
    """
    trips = _with_canonical_columns(pl.scan_parquet(published, row_index_name="row"), service)
    reason = pl.coalesce(
        *(pl.when(applies).then(pl.lit(name)) for name, applies in REASONS.items()),
    )
    judged = trips.with_columns(reason=reason)
    canonical = pl.col(TRIP_SCHEMA.names())
    # One after the other: together they would keep what is read for both in memory.
    judged.filter(pl.col("reason").is_null()).select(canonical).sink_parquet(kept)
    others = judged.filter(pl.col("reason").is_not_null())
    others.select("reason", canonical, pl.exclude("reason", *TRIP_SCHEMA)).sink_parquet(rejected)
    return _summarize(kept, rejected, service, month)


def _summarize(kept: Path, rejected: Path, service: Service, month: Month) -> CleaningSummary:
    """Count from the written files, so that the counts are those of what was written."""
    zones = (pl.col("pickup_zone"), pl.col("dropoff_zone"))
    out_of_range = pl.any_horizontal(
        ~zone.is_between(FIRST_ZONE, service.last_zone) for zone in zones
    )
    counts = (
        pl.scan_parquet(kept)
        .select(
            kept=pl.len(),
            picked_up_in_month=pl.col("pickup_time")
            .is_between(month.start, month.end, closed="left")
            .sum(),
            unknown_zones=out_of_range.sum(),
            missing_zones=pl.any_horizontal(zone.is_null() for zone in zones).sum(),
            missing_distance=pl.col("distance").is_null().sum(),
            mean_duration=pl.col("duration").mean(),
            mean_distance=pl.col("distance").mean(),
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )
    found = pl.scan_parquet(rejected).group_by("reason").len().collect(engine="streaming")
    by_reason = dict(zip(found["reason"], found["len"], strict=True))
    return CleaningSummary(
        rows=counts["kept"] + sum(by_reason.values()),
        rejected={reason: by_reason.get(reason, 0) for reason in REASONS},
        **counts,
    )
