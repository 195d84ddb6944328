from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duration_assets.months import Month
from duration_assets.services import SERVICES
from duration_assets.simulation.schemas import SIMULATED_SERVICES
from duration_assets.simulation.writer import write_month
from duration_assets_tests.months import GREEN

NULL, DOUBLE, LONG, INTEGER = pa.null(), pa.float64(), pa.int64(), pa.int32()
REWRITTEN_BY_PANDAS = {"passenger_count", "RatecodeID", "store_and_fwd_flag"}
"""The sample was saved from pandas, which has no null among whole numbers."""


def simulated(service: str, month: str, folder: Path, rows: int = 200) -> Path:
    path = folder / f"{service}-{month}.parquet"
    write_month(SERVICES[service], Month.parse(month), path, rows)
    return path


@pytest.mark.real_data
@pytest.mark.parametrize("month", ["2021-01", "2022-08", "2023-01", "2023-02", "2023-12"])
def test_a_simulated_green_month_is_laid_out_like_the_real_one(
    month: str, real_data: Path, tmp_path: Path
) -> None:
    path = simulated("green", month, tmp_path)
    real = real_data / "trip-data" / f"green_tripdata_{month}.parquet"
    ours, theirs = pq.read_schema(path), pq.read_schema(real)
    assert ours.equals(theirs)
    assert compressions(path) == compressions(real)
    assert pandas_columns(ours) == pandas_columns(theirs)


def compressions(path: Path) -> set[str]:
    group = pq.read_metadata(path).row_group(0)
    return {group.column(index).compression for index in range(group.num_columns)}


def pandas_columns(schema: pa.Schema) -> object:
    marks = schema.metadata or {}
    return json.loads(marks[b"pandas"])["columns"] if b"pandas" in marks else None


@pytest.mark.real_data
def test_a_simulated_yellow_month_has_the_columns_of_the_real_one(
    real_data: Path, tmp_path: Path
) -> None:
    ours = pq.read_schema(simulated("yellow", "2025-02", tmp_path))
    theirs = pq.read_schema(real_data / "samples" / "yellow_tripdata_2025_sample.parquet")
    assert ours.names == theirs.names
    assert {field.name for field in ours if field.type != theirs.field(field.name).type} == (
        REWRITTEN_BY_PANDAS
    )


@pytest.mark.real_data
@pytest.mark.parametrize("service", ["yellow", "fhv", "fhvhv"])
def test_a_simulated_month_has_the_columns_and_empty_columns_of_the_real_sample(
    service: str, real_data: Path, tmp_path: Path
) -> None:
    sample = real_data / "samples" / f"{service}_tripdatasample_2020-04.csv"
    theirs = pl.read_csv(sample, infer_schema_length=None)
    ours = pl.read_parquet(simulated(service, "2020-04", tmp_path, rows=2000))
    assert ours.columns == theirs.columns
    assert empty(ours) == empty(theirs)
    for name, kind in theirs.schema.items():
        if kind == pl.String and "datetime" not in name:
            assert ours.schema[name] in (pl.String, pl.Null)


def empty(trips: pl.DataFrame) -> set[str]:
    return {name for name in trips.columns if trips[name].null_count() == trips.height}


@pytest.mark.parametrize(
    ("service", "month", "column", "kind"),
    [
        ("yellow", "2011-02", "airport_fee", NULL),
        ("yellow", "2018-06", "passenger_count", LONG),
        ("yellow", "2018-07", "passenger_count", DOUBLE),
        ("yellow", "2020-10", "airport_fee", NULL),
        ("yellow", "2023-02", "Airport_fee", DOUBLE),
        ("yellow", "2023-02", "PULocationID", INTEGER),
        ("green", "2019-08", "ehail_fee", DOUBLE),
        ("green", "2025-01", "cbd_congestion_fee", DOUBLE),
        ("fhv", "2020-07", "DOlocationID", LONG),
        ("fhv", "2020-07", "PUlocationID", DOUBLE),
        ("fhv", "2023-02", "SR_Flag", LONG),
        ("fhvhv", "2019-03", "wav_match_flag", NULL),
        ("fhvhv", "2023-02", "hvfhs_license_num", pa.large_string()),
        ("fhvhv", "2025-01", "cbd_congestion_fee", DOUBLE),
    ],
)
def test_a_column_has_the_type_of_its_era(
    service: str, month: str, column: str, kind: pa.DataType, tmp_path: Path
) -> None:
    assert pq.read_schema(simulated(service, month, tmp_path)).field(column).type == kind


@pytest.mark.parametrize(
    ("service", "month", "column"),
    [
        ("yellow", "2022-12", "cbd_congestion_fee"),
        ("yellow", "2023-01", "Airport_fee"),
        ("yellow", "2023-02", "airport_fee"),
        ("fhvhv", "2024-12", "cbd_congestion_fee"),
    ],
)
def test_a_column_is_absent_outside_its_era(
    service: str, month: str, column: str, tmp_path: Path
) -> None:
    assert column not in pq.read_schema(simulated(service, month, tmp_path)).names


@pytest.mark.parametrize("service", SIMULATED_SERVICES)
def test_the_first_month_and_every_later_era_can_be_simulated(service: str, tmp_path: Path) -> None:
    months = [SERVICES[service].first_month.shift(step) for step in range(0, 160, 5)]
    months += [Month(2023, 1), Month(2023, 2), Month(2025, 2), Month(2026, 8)]
    for month in months:
        path = simulated(service, str(month), tmp_path, rows=50)
        names = {name.lower() for name in pq.read_schema(path).names}
        assert {name.lower() for name in SERVICES[service].columns} <= names
        assert pq.read_metadata(path).num_rows == 50


def test_whole_numbers_of_the_old_files_are_never_null(tmp_path: Path) -> None:
    old = pl.read_parquet(simulated("fhv", "2019-05", tmp_path, rows=2000))
    new = pl.read_parquet(simulated("fhv", "2023-05", tmp_path, rows=2000))
    assert old["PUlocationID"].null_count() == 0
    assert new["PUlocationID"].null_count() > 200


def test_pandas_reads_the_old_files_as_tlcs_pandas_left_them(tmp_path: Path) -> None:
    frame = pq.read_table(simulated("green", "2021-01", tmp_path)).to_pandas()
    assert list(frame.columns) == pq.read_schema(simulated(GREEN.name, "2021-01", tmp_path)).names
    assert frame["ehail_fee"].isna().all()
