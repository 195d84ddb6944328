"""Broken months: what has changed in them, and what has not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from duration_assets.modelling.cleaning import clean_month
from duration_assets.modelling.trip_files import read_trip_file
from duration_assets.services import SERVICES
from duration_assets.simulation.breaks import (
    BREAKS,
    busiest_zone,
    slower,
    without_busiest_zone,
    write_broken,
)
from duration_assets.simulation.writer import write_month
from duration_assets_tests.months import FEBRUARY, GREEN, green_rows

PICKUP, DROPOFF = "lpep_pickup_datetime", "lpep_dropoff_datetime"


def test_every_trip_takes_longer_from_the_same_pickup_on() -> None:
    rows = green_rows([10.0, 45.5])
    broken = slower(rows.lazy(), GREEN).collect()
    lasted = (broken[DROPOFF] - broken[PICKUP]).dt.total_microseconds() / 60e6
    assert lasted.to_list() == pytest.approx([13.0, 59.15])
    assert broken.drop(DROPOFF).equals(rows.drop(DROPOFF))
    assert broken.schema == rows.schema


def test_no_trip_starts_or_ends_in_a_closed_zone() -> None:
    zones: dict[str, Any] = {"PULocationID": [7, 7, 8, 9, None], "DOLocationID": [1, 2, 7, 9, None]}
    rows = green_rows([10.0] * 5, **zones)
    assert busiest_zone(rows.lazy(), GREEN) == 7
    left = without_busiest_zone(rows.lazy(), GREEN).collect()
    assert left["PULocationID"].to_list() == [9, None]


@pytest.mark.parametrize("name", BREAKS)
@pytest.mark.parametrize("service", ["green", "fhvhv"])
def test_a_broken_month_is_a_published_file_that_is_marked_as_simulated(
    name: str, service: str, tmp_path: Path
) -> None:
    month, broken = tmp_path / "month.parquet", tmp_path / "broken.parquet"
    write_month(SERVICES[service], FEBRUARY, month, 400)
    write_broken(month, SERVICES[service], BREAKS[name], broken)
    found = read_trip_file(broken, "the broken month")
    assert found.simulated
    assert found.columns.keys() == read_trip_file(month, "the month").columns.keys()
    kept, rejected = tmp_path / "kept.parquet", tmp_path / "rejected.parquet"
    summary = clean_month(broken, SERVICES[service], FEBRUARY, kept, rejected)
    assert 0 < summary.kept <= summary.rows == found.rows <= 400
    before = clean_month(month, SERVICES[service], FEBRUARY, tmp_path / "k", tmp_path / "r")
    assert pl.read_parquet(kept).height == summary.kept
    assert (summary.mean_duration, summary.kept) != (before.mean_duration, before.kept)
