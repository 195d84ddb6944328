from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from duration_assets.errors import BadFileError
from duration_assets.modelling import published_rows
from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.modelling.published_rows import open_rows
from duration_assets_tests.months import GREEN, green_rows

METERED, REQUEST = FEATURE_SETS["metered"], FEATURE_SETS["request"]


def read(path: Path) -> pl.DataFrame:
    return pl.concat(open_rows(path, GREEN, METERED).batches())


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["trips.txt", "trips", "trips.parquet.gz"])
def test_another_ending_is_refused_and_the_two_are_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match=rf"{name} ends neither in \.parquet nor in \.csv"):
        open_rows(tmp_path / name, GREEN, METERED)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match=r"There is no file .*trips\.csv"):
        open_rows(tmp_path / "trips.csv", GREEN, METERED)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_missing_columns_are_named_and_the_distance_only_where_it_is_needed(
    ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"trips.{ending}"
    rows = green_rows([5.0]).drop("trip_distance", "lpep_dropoff_datetime")
    getattr(rows, f"write_{ending}")(path)
    with pytest.raises(BadFileError, match=r"lacks trip_distance: .* 'metered' is made from lpep"):
        open_rows(path, GREEN, METERED)
    assert open_rows(path, GREEN, REQUEST).columns == tuple(rows.columns)
    getattr(rows.drop("PULocationID"), f"write_{ending}")(path)
    with pytest.raises(BadFileError, match=r"lacks PULocationID: .*It has lpep_pickup_datetime"):
        open_rows(path, GREEN, REQUEST)


def test_columns_are_found_in_any_spelling_as_everywhere(tmp_path: Path) -> None:
    rows, path = green_rows([5.0, 9.0]), tmp_path / "trips.csv"
    rows.rename(str.upper).write_csv(path)
    trips = read(path)
    assert trips["duration"].to_list() == [5.0, 9.0]
    assert trips["pickup_zone"].to_list() == [43, 43]


def test_a_csv_file_may_begin_with_a_mark_and_hold_numbers_with_points(tmp_path: Path) -> None:
    path = written(
        tmp_path / "trips.csv",
        "\ufefflpep_pickup_datetime,PULocationID,DOLocationID,trip_distance,passenger_count,tip\n"
        "2023-02-01 08:00:00,43.0,151,1.01,2.0,free\n"
        ",,151,,,\n",
    )
    first, second = read(path).iter_rows(named=True)
    assert (first["row"], second["row"]) == (0, 1)
    assert (first["pickup_zone"], first["passengers"], first["distance"]) == (43, 2, 1.01)
    assert second["pickup_time"] is second["pickup_zone"] is second["distance"] is None


@pytest.mark.parametrize(
    "text", ["2023-03-01 08:30", "2023-03-01T08:30:00", "2023-03-01 08:30:00.0"]
)
def test_a_time_begins_with_the_year_and_may_leave_out_the_seconds(
    text: str, tmp_path: Path
) -> None:
    names = "lpep_pickup_datetime,PULocationID,DOLocationID,trip_distance\n"
    trips = read(written(tmp_path / "trips.csv", f"{names}{text},43,151,1.0\n"))
    assert trips["pickup_time"].to_list() == [datetime(2023, 3, 1, 8, 30)]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_a_time_with_a_zone_is_told_in_new_york(zone: str, tmp_path: Path) -> None:
    rows, path = green_rows([5.0, 9.0]), tmp_path / "trips.parquet"
    local = pl.col("lpep_pickup_datetime", "lpep_dropoff_datetime")
    elsewhere = local.dt.replace_time_zone("America/New_York").dt.convert_time_zone(zone)
    rows.with_columns(elsewhere).write_parquet(path)
    trips = read(path)
    assert trips["pickup_time"].equals(rows["lpep_pickup_datetime"], check_names=False)
    assert trips["duration"].to_list() == [5.0, 9.0]


@pytest.mark.parametrize("number", [43.5, math.nan, math.inf, -math.inf, 9e99, 2**40])
def test_a_number_that_no_zone_can_have_is_no_zone(number: float, tmp_path: Path) -> None:
    path = tmp_path / "trips.parquet"
    zones = pl.Series("PULocationID", [number, 43])
    green_rows([5.0, 9.0]).with_columns(zones).write_parquet(path)
    assert read(path)["pickup_zone"].to_list() == [None, 43]


def test_a_distance_that_is_no_number_is_none(tmp_path: Path) -> None:
    path = tmp_path / "trips.parquet"
    distances = pl.Series("trip_distance", [math.nan, 1.5])
    green_rows([5.0, 9.0]).with_columns(distances).write_parquet(path)
    assert read(path)["distance"].to_list() == [None, 1.5]


def test_a_cell_of_csv_may_hold_lines_wherever_a_block_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published_rows, "_CSV_BLOCK", 1_000)
    row = '2023-02-01 08:00:00,43,151,1.0,"line one\nline two"\n'
    names = "lpep_pickup_datetime,PULocationID,DOLocationID,trip_distance,note\n"
    trips = read(written(tmp_path / "trips.csv", names + row * 200))
    assert (len(trips), trips["distance"].sum()) == (200, 200.0)


@pytest.mark.parametrize(
    ("name", "values", "needed"),
    [
        ("lpep_pickup_datetime", [1_675_238_400], "has type int64 where a time is needed"),
        ("trip_distance", [True], "has type bool where a number is needed"),
        ("trip_distance", [timedelta(minutes=5)], r"has type duration\[us\] where a number"),
    ],
)
def test_a_column_of_parquet_that_means_something_else_is_refused(
    name: str, values: list[object], needed: str, tmp_path: Path
) -> None:
    path = tmp_path / "trips.parquet"
    green_rows([5.0]).with_columns(pl.Series(name, values)).write_parquet(path)
    with pytest.raises(BadFileError, match=f"the column {name} {needed}"):
        open_rows(path, GREEN, METERED)


def test_times_and_numbers_of_parquet_may_be_text(tmp_path: Path) -> None:
    path = tmp_path / "trips.parquet"
    texts = {"lpep_pickup_datetime": "2023-02-01T08:00:00", "trip_distance": "1.5"}
    rows = green_rows([5.0]).with_columns(**{name: pl.lit(text) for name, text in texts.items()})
    rows.write_parquet(path)
    trips = read(path)
    assert (trips["pickup_time"][0], trips["distance"][0]) == (datetime(2023, 2, 1, 8), 1.5)


def test_an_error_without_a_text_is_named_by_its_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(published_rows, "trips_of_rows", fail)
    path = tmp_path / "trips.parquet"
    green_rows([5.0]).write_parquet(path)
    with pytest.raises(BadFileError, match=r"after its first 0 rows: OSError\."):
        read(path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2023-02-01 08:00:00,43,151,far", "in the column trip_distance: .*invalid value 'far'"),
        ("soon,43,151,1.0", "lpep_pickup_datetime is 'soon'"),
        ("03/01/2023 08:30,43,151,1.0", "'03/01/2023 08:30'.*as 2023-03-01T08:30:00"),
        ("2023-03-01 08:30:00 PM,43,151,1.0", "'2023-03-01 08:30:00 PM'"),
        ("2023-03-01T08:30:00+00:00,43,151,1.0", "own time and without a zone"),
        ("2023-02-01 08:00:00,43,151", "Expected 4 columns, got 3"),
        ("2023-03-12 25:30:00,43,151,1.0", "datetime is '2023-03-12 25:30:00', and there is no"),
        ("2023-02-30,43,151,1.0", "lpep_pickup_datetime is '2023-02-30', and there is no"),
    ],
)
def test_a_value_that_is_none_is_refused_with_what_it_is(
    row: str, said: str, tmp_path: Path
) -> None:
    names = "lpep_pickup_datetime,PULocationID,DOLocationID,trip_distance\n"
    path = written(tmp_path / "trips.csv", f"{names}2023-02-01 08:00:00,43,151,1.0\n{row}\n")
    with pytest.raises(BadFileError, match=rf"trips\.csv cannot be read after .*({said})"):
        read(path)


def test_what_is_no_parquet_file_or_no_text_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="is not a Parquet file"):
        read(written(tmp_path / "trips.parquet", "lpep_pickup_datetime,PULocationID\n" * 9))
    (tmp_path / "trips.csv").write_bytes(b"\xff\xfe\x00trips")
    with pytest.raises(BadFileError, match="no CSV file in UTF-8"):
        read(tmp_path / "trips.csv")
    with pytest.raises(BadFileError, match="is empty: its first line"):
        read(written(tmp_path / "trips.csv", ""))


def test_a_parquet_file_that_is_damaged_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trips.parquet"
    green_rows([5.0] * 5_000).write_parquet(path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(bytes(content))
    with pytest.raises(BadFileError, match="cannot be read after its first 0 rows"):
        read(path)


def test_a_folder_is_no_file_of_trips(tmp_path: Path) -> None:
    folder = tmp_path / "rides.parquet"
    folder.mkdir()
    with pytest.raises(BadFileError, match="is a folder: name a file of trips"):
        open_rows(folder, GREEN, FEATURE_SETS["metered"])


def test_a_text_by_the_name_of_a_parquet_file_is_no_matter_of_the_source(tmp_path: Path) -> None:
    text = tmp_path / "rides.parquet"
    text.write_text("one,two\n" * 9)
    with pytest.raises(BadFileError, match=r"is not a Parquet file.* Name a file of trips\.$"):
        open_rows(text, GREEN, FEATURE_SETS["metered"])
