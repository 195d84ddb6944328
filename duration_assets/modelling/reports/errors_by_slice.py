"""What a report says of a model's errors in parts of the trips: where, when, and how far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from duration_assets.modelling import plots
from duration_assets.modelling.judging import Judgement
from duration_assets.modelling.reports.report import (
    Block,
    Picture,
    Table,
    counts,
    minutes,
    shares,
    signed_minutes,
    texts,
)
from duration_assets.modelling.slices import (
    BOROUGH_PAIR,
    DISTANCE,
    HOUR,
    PAIR_SEEN,
    WEEKDAY,
    enough_trips,
    part_of,
    worst_zones,
)

SLICES_FILE = "slices.parquet"

RMSE, MAE, BIAS = minutes("RMSE"), minutes("MAE"), signed_minutes("bias")
"""Columns."""

_MOST_PAIRS, _MOST_ZONES = 20, 10


@dataclass(frozen=True)
class Zones:
    """The zone lookup, or why there is none.

    Attributes:
        table: as of `zones.read_zones`; None if there is none.
        note: where it came from, or where it was looked for and what to do.
    """

    table: pl.DataFrame | None
    note: str


def slice_blocks(judgement: Judgement, zones: Zones) -> Iterator[Block]:
    """Say how far predictions are off, by zone pair, boroughs, distance, hour and weekday."""
    slices = judgement.slices
    yield f"The kept trips in parts; the file {SLICES_FILE} of the partition holds all of them."
    yield _slice_table("zone pair", part_of(slices, PAIR_SEEN))
    yield zones.note
    pairs = part_of(slices, BOROUGH_PAIR)
    if len(pairs):
        yield _slice_table("boroughs", pairs[:_MOST_PAIRS])
    if len(pairs) > _MOST_PAIRS:
        yield f"{len(pairs) - _MOST_PAIRS} further pairs of boroughs have fewer trips."
    distances = part_of(slices, DISTANCE)
    if len(distances):
        yield _slice_table("miles", distances)
        yield _picture_of("error_by_distance", distances, "distance, miles")
    else:
        yield "The service publishes no distances: the errors stand by what was predicted instead."
        yield _by_prediction(judgement.calibration)
    hours = part_of(slices, HOUR)
    yield _picture_of("error_by_hour", hours, "hour of pickup")
    yield _slice_table("hour of pickup", hours)
    yield _slice_table("weekday of pickup", part_of(slices, WEEKDAY))


def worst_zone_blocks(judgement: Judgement, zones: Zones) -> Iterator[Block]:
    """Say where predictions are off most."""
    least = enough_trips(judgement.slices)
    worst = worst_zones(judgement.slices, _MOST_ZONES)
    if not len(worst):
        yield f"No pickup zone has {least:,} trips or more, which it takes to tell."
        return
    yield f"The pickup zones with the largest RMSE, of those with {least:,} trips or more:"
    names: dict[str, tuple[str, str]] = {}
    if zones.table is not None:
        names = {str(zone): (borough, name) for zone, borough, name in zones.table.iter_rows()}
    rows = [
        [row["part"], *names.get(row["part"], (None, None)), *_figures(row)]
        for row in worst.rows(named=True)
    ]
    titles = (texts("zone"), texts("borough"), texts("name"), counts("trips"), RMSE, MAE, BIAS)
    yield Table(titles, rows)


def _slice_table(title: str, parts: pl.DataFrame) -> Table:
    columns = ("part", "trips", "share", "rmse", "mae", "bias")
    titles = (texts(title), counts("trips"), shares("share"), RMSE, MAE, BIAS)
    return Table(titles, parts.select(columns).rows())


def _picture_of(name: str, parts: pl.DataFrame, what: str) -> Picture:
    content = plots.errors_by(parts["part"].to_list(), parts["mae"].to_list(), what)
    return Picture(name, content, f"Mean absolute error by {what}")


def _by_prediction(groups: pl.DataFrame) -> Picture:
    parts = [f"{value:.0f}" for value in groups["mean_predicted"]]
    what = "predicted duration, minutes"
    content = plots.errors_by(parts, groups["mae"].to_list(), what)
    return Picture("error_by_prediction", content, f"Mean absolute error by {what}")


def _figures(row: Mapping[str, Any]) -> list[Any]:
    return [row[name] for name in ("trips", "rmse", "mae", "bias")]
