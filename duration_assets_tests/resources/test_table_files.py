from __future__ import annotations

import errno
from pathlib import Path

import polars as pl
import pytest

from duration_assets.errors import StoreError
from duration_assets.resources.table_files import writing_table

SCHEMA = pl.Schema({"number": pl.Int64(), "text": pl.String()})
ROWS = pl.DataFrame({"number": [1, 2], "text": ["one", 'with "quotes", and commas']})


def read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_batches_become_one_table_that_takes_the_place_of_the_old_one(
    ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"table{ending}"
    path.write_text("before")
    with writing_table(path, SCHEMA) as write:
        write(ROWS)
        assert path.read_text() == "before"
        write(ROWS[:1])
    assert read(path).equals(pl.concat([ROWS, ROWS[:1]]))
    assert list(tmp_path.iterdir()) == [path]


def write_and_stop(path: Path, stop: BaseException) -> None:
    with writing_table(path, SCHEMA) as write:
        write(ROWS)
        raise stop


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
@pytest.mark.parametrize("stop", [ValueError(), KeyboardInterrupt()])
def test_what_stops_in_the_middle_leaves_the_old_table_alone(
    stop: BaseException, ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"table{ending}"
    path.write_text("before")
    with pytest.raises(type(stop)):
        write_and_stop(path, stop)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "table.csv"
    with pytest.raises(StoreError, match=rf"{path} cannot be written \(No such file"):
        write_and_stop(path, ValueError())


def test_a_folder_in_place_of_the_file_is_named_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.mkdir()
    with pytest.raises(StoreError, match=rf"{path} cannot be written \(Is a directory"):
        write_and_stop(path, ValueError())


def test_a_full_disk_is_called_so(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(StoreError, match="The disk is full"):
        write_and_stop(tmp_path / "table.parquet", full)
    assert list(tmp_path.iterdir()) == []
