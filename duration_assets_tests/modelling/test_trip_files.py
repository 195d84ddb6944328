from __future__ import annotations

from pathlib import Path

import pytest

from duration_assets.errors import BadFileError
from duration_assets.modelling.trip_files import column_problems, read_trip_file
from duration_assets_tests.months import GREEN, JANUARY, published, simulated_folder


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><title>Sorry</title>", "is a web page"),
        (b"VendorID,PULocationID\n", "is not a Parquet file"),
        (b"PAR1 and then nothing more", "is cut short"),
    ],
)
def test_what_is_no_parquet_file_is_refused_and_named(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "month.parquet"
    path.write_bytes(content)
    with pytest.raises(BadFileError, match=message) as caught:
        read_trip_file(path, "the source")
    assert str(caught.value).startswith("the source")


def test_a_file_cut_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = published(simulated_folder(tmp_path, JANUARY), JANUARY)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(BadFileError, match="cut short"):
        read_trip_file(path, "the source")


def test_a_simulated_file_says_that_it_is_simulated(tmp_path: Path) -> None:
    path = published(simulated_folder(tmp_path, JANUARY), JANUARY)
    assert read_trip_file(path, "the source").simulated


@pytest.mark.real_data
def test_a_real_file_is_not_taken_for_a_simulated_one(real_data: Path) -> None:
    file = read_trip_file(real_data / "trip-data" / "green_tripdata_2023-01.parquet", "TLC")
    assert not file.simulated
    assert file.rows == 68211
    assert column_problems(file.columns, GREEN) == []


def test_a_missing_column_and_a_wrong_type_are_named() -> None:
    columns = {
        "lpep_pickup_datetime": "string",
        "LPEP_DROPOFF_DATETIME": "timestamp[us]",
        "PULocationID": "int64",
        "DOLocationID": "string",
    }
    assert column_problems(columns, GREEN) == [
        "The column lpep_pickup_datetime has type string where a timestamp is needed.",
        "The column DOLocationID has type string where a number is needed.",
        "The column trip_distance is missing.",
    ]
