from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from duration_assets.modelling.cleaning import TRIP_SCHEMA, CleaningSummary, clean_month
from duration_assets.months import Month
from duration_assets.services import SERVICES, Service
from duration_assets_tests.months import GREEN, JANUARY, green_rows

ODDITIES = {
    # month: rows, kept, kept outside the month, under 1 minute, over 60 (counted from TLC's files)
    "2021-01": (76518, 73908, 2, 1448, 1162),
    "2022-04": (76136, 72599, 33, 2285, 1252),
    "2023-02": (64809, 62574, 23, 1624, 611),
    "2023-12": (64215, 61119, 4, 1785, 1311),
}


def clean(
    tmp_path: Path, rows: pl.DataFrame, service: str | Service = GREEN, month: Month = JANUARY
) -> tuple[CleaningSummary, pl.DataFrame, pl.DataFrame]:
    published = tmp_path / "published.parquet"
    rows.write_parquet(published)
    kept, rejected = tmp_path / "kept.parquet", tmp_path / "rejected.parquet"
    known = SERVICES[service] if isinstance(service, str) else service
    summary = clean_month(published, known, month, kept, rejected)
    return summary, pl.read_parquet(kept), pl.read_parquet(rejected)


def test_trips_of_exactly_1_and_60_minutes_are_kept_and_their_neighbours_are_not(
    tmp_path: Path,
) -> None:
    one_second = 1 / 60
    summary, kept, _ = clean(tmp_path, green_rows([1 - one_second, 1, 60, 60 + one_second]))
    assert kept["duration"].to_list() == [1.0, 60.0]
    assert kept["row"].to_list() == [1, 2]
    assert summary.rejected["under 1 minute"] == 1
    assert summary.rejected["over 60 minutes"] == 1


def test_every_row_is_kept_or_rejected_for_one_reason(tmp_path: Path) -> None:
    rows = green_rows([-5, 0.5, 30, 90, 10]).with_columns(
        lpep_dropoff_datetime=pl.when(pl.col("lpep_dropoff_datetime").dt.hour() == 9)
        .then(None)
        .otherwise("lpep_dropoff_datetime")
    )
    summary, kept, rejected = clean(tmp_path, rows)
    assert summary.rejected == {
        "time missing": 1,
        "ends before it starts": 1,
        "under 1 minute": 1,
        "over 60 minutes": 0,
    }
    assert summary.rows == len(kept) + len(rejected) == 5


def test_what_is_no_number_is_no_zone_and_no_distance_and_the_trip_is_kept(tmp_path: Path) -> None:
    nothing = pl.Series([math.nan, 1.0])
    rows = green_rows([5, 9]).with_columns(PULocationID=nothing, trip_distance=nothing)
    summary, kept, _ = clean(tmp_path, rows)
    assert (summary.kept, summary.missing_zones, summary.missing_distance) == (2, 1, 1)
    assert kept.select("pickup_zone", "distance").rows() == [(None, None), (1, 1.0)]
    assert summary.mean_distance == 1.0


def test_a_service_can_have_its_own_unit_of_distance_and_its_own_zones(tmp_path: Path) -> None:
    elsewhere = replace(GREEN, miles=0.5, last_zone=300)
    rows = green_rows([5, 6, 7], PULocationID=[300, 301, 1], trip_distance=[4.0, 5.0, None])
    summary, kept, _ = clean(tmp_path, rows, elsewhere)
    assert kept["distance"].to_list() == [2.0, 2.5, None]
    assert (summary.kept, summary.unknown_zones) == (3, 1)


def test_rejected_rows_keep_every_published_column(tmp_path: Path) -> None:
    _, _, rejected = clean(tmp_path, green_rows([0.1], fare_amount=[7.5]))
    assert rejected["fare_amount"].to_list() == [7.5]
    assert rejected["reason"].to_list() == ["under 1 minute"]


def test_the_kept_trips_have_the_canonical_schema(tmp_path: Path) -> None:
    _, kept, _ = clean(tmp_path, green_rows([10.0]))
    assert kept.schema == TRIP_SCHEMA


def test_unknown_zones_and_trips_of_other_months_are_counted(tmp_path: Path) -> None:
    rows = green_rows([10.0, 10.0, 10.0], PULocationID=[43, 0, 266])
    summary, _, _ = clean(tmp_path, rows, month=Month(2023, 2))
    assert summary.unknown_zones == 2
    assert summary.picked_up_in_month == 0


@pytest.mark.real_data
@pytest.mark.parametrize("month", ODDITIES)
def test_real_months_give_the_counts_of_the_published_files(
    month: str, real_data: Path, tmp_path: Path
) -> None:
    path = real_data / "trip-data" / f"green_tripdata_{month}.parquet"
    kept, rejected = tmp_path / "kept.parquet", tmp_path / "rejected.parquet"
    summary = clean_month(path, GREEN, Month.parse(month), kept, rejected)
    rows, keeps, outside, under, over = ODDITIES[month]
    assert (summary.rows, summary.kept) == (rows, keeps)
    assert summary.kept - summary.picked_up_in_month == outside
    assert summary.rejected["under 1 minute"] == under
    assert summary.rejected["over 60 minutes"] == over


@pytest.mark.real_data
def test_real_yellow_trips_are_cleaned_by_the_same_code(real_data: Path, tmp_path: Path) -> None:
    rows = pl.read_parquet(real_data / "samples" / "yellow_tripdata_2025_sample.parquet")
    summary, kept, _ = clean(tmp_path, rows, "yellow", Month(2025, 2))
    assert summary.rows == 5000
    assert summary.picked_up_in_month > 0.99 * summary.kept
    assert kept["distance"].null_count() == 0


@pytest.mark.real_data
@pytest.mark.parametrize(("service", "has_distance"), [("fhv", False), ("fhvhv", True)])
def test_real_for_hire_trips_are_cleaned_by_the_same_code(
    service: str, has_distance: bool, real_data: Path, tmp_path: Path
) -> None:
    path = real_data / "samples" / f"{service}_tripdatasample_2020-04.csv"
    rows = pl.read_csv(path, try_parse_dates=True)
    summary, kept, _ = clean(tmp_path, rows, service, Month(2020, 4))
    assert summary.rows == 1000
    assert summary.kept > 800
    assert (kept["distance"].null_count() == 0) == has_distance
