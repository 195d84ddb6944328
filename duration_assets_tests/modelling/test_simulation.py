from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from duration_assets.errors import SettingsError
from duration_assets.months import Month
from duration_assets.services import SERVICES
from duration_assets.simulation.writer import CHUNK, write_month
from duration_assets_tests.months import GREEN, JANUARY


@pytest.mark.real_data
@pytest.mark.parametrize("month", ["2021-01", "2023-01", "2023-02", "2023-12"])
def test_a_simulated_green_month_has_the_schema_of_the_real_one(
    month: str, real_data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "month.parquet"
    write_month(GREEN, Month.parse(month), path, rows=100)
    real = real_data / "trip-data" / f"green_tripdata_{month}.parquet"
    assert pq.read_schema(path).equals(pq.read_schema(real))


@pytest.mark.real_data
def test_a_simulated_yellow_month_has_the_columns_of_the_real_one(
    real_data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "month.parquet"
    write_month(SERVICES["yellow"], Month(2025, 2), path, rows=100)
    real = real_data / "samples" / "yellow_tripdata_2025_sample.parquet"
    assert pq.read_schema(path).names == pq.read_schema(real).names


def test_the_same_arguments_give_the_same_bytes_and_another_seed_other_trips(
    tmp_path: Path,
) -> None:
    contents = []
    for seed in (0, 0, 1):
        path = tmp_path / "month.parquet"
        write_month(GREEN, JANUARY, path, rows=500, seed=seed)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_large_months_are_written_in_chunks(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    seen: list[tuple[int, int]] = []
    write_month(GREEN, JANUARY, path, CHUNK + 1, progress=lambda *done: seen.append(done))
    assert seen == [(CHUNK, CHUNK + 1), (CHUNK + 1, CHUNK + 1)]
    assert pq.read_metadata(path).num_row_groups == 2


def test_trips_are_slower_in_the_rush_hour_than_at_night(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    write_month(GREEN, JANUARY, path, rows=20_000)
    minutes = (pl.col("lpep_dropoff_datetime") - pl.col("lpep_pickup_datetime")).dt.total_seconds()
    pace = (minutes / pl.col("trip_distance")).median()
    hours = pl.col("lpep_pickup_datetime").dt.hour()
    trips = pl.read_parquet(path).filter(pl.col("trip_distance") > 0.5)
    rush, night = (trips.filter(hours == hour).select(pace).item() for hour in (17, 1))
    assert rush > 1.3 * night


def test_a_service_without_a_simulated_schema_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not simulated"):
        write_month(SERVICES["fhv"], JANUARY, tmp_path / "month.parquet", rows=10)
    assert list(tmp_path.iterdir()) == []
