from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duration_assets.errors import SettingsError
from duration_assets.modelling.trip_files import read_trip_file
from duration_assets.months import Month
from duration_assets.services import SERVICES, Service
from duration_assets.simulation import SIMULATED_KEY, writer
from duration_assets.simulation.schemas import SIMULATED_SERVICES
from duration_assets.simulation.writer import simulate_source, write_month
from duration_assets_tests.months import FEBRUARY, GREEN, JANUARY, published


@pytest.mark.parametrize("service", SIMULATED_SERVICES)
def test_the_same_arguments_give_the_same_bytes_and_another_seed_other_trips(
    service: str, tmp_path: Path
) -> None:
    contents = []
    for seed in (0, 0, 1):
        path = tmp_path / "month.parquet"
        write_month(SERVICES[service], JANUARY, path, rows=500, seed=seed)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    before, after = (pq.read_table(pa.BufferReader(each)) for each in contents[1:])
    pickup = SERVICES[service].pickup_time
    assert not before[pickup].equals(after[pickup])


@pytest.mark.parametrize("service", SIMULATED_SERVICES)
@pytest.mark.parametrize("month", ["2021-06", "2024-06"])
def test_a_simulated_file_says_so_in_either_era(service: str, month: str, tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    write_month(SERVICES[service], Month.parse(month), path, rows=10)
    assert pq.read_metadata(path).metadata[SIMULATED_KEY.encode()] == b"true"
    assert read_trip_file(path, "the source").simulated


def test_a_file_with_the_same_arguments_is_kept_and_with_others_replaced(tmp_path: Path) -> None:
    path = published(tmp_path, JANUARY)

    def simulate(rows: int = 100, seed: int = 0) -> int:
        assert simulate_source(tmp_path, ["green"], [JANUARY], rows, seed) == [path]
        return path.stat().st_ino

    first = simulate()
    assert simulate() == first
    fewer = simulate(rows=50)
    assert fewer != first
    assert pq.read_metadata(path).num_rows == 50
    other = path.read_bytes()
    simulate(rows=50, seed=1)
    assert path.read_bytes() != other


def unmark(path: Path) -> None:
    """Make a file look like one that someone else published."""
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata(None), path)


def test_a_file_that_is_not_simulated_is_never_replaced(tmp_path: Path) -> None:
    path = published(tmp_path, JANUARY)
    write_month(GREEN, JANUARY, path, rows=20)
    unmark(path)
    real = path.read_bytes()
    with pytest.raises(SettingsError, match="not marked as simulated"):
        write_month(GREEN, JANUARY, path, rows=20)
    with pytest.raises(SettingsError, match="not marked as simulated"):
        simulate_source(tmp_path, ["green"], [JANUARY], rows=20)
    assert path.read_bytes() == real
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_written_beside_a_real_file_of_a_later_month(tmp_path: Path) -> None:
    path = published(tmp_path, FEBRUARY)
    write_month(GREEN, FEBRUARY, path, rows=20)
    unmark(path)
    with pytest.raises(SettingsError, match="not marked as simulated"):
        simulate_source(tmp_path, ["green"], [JANUARY, FEBRUARY], rows=20)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.real_data
def test_tlcs_own_file_is_never_replaced(real_data: Path, tmp_path: Path) -> None:
    path = published(tmp_path, JANUARY)
    shutil.copyfile(published(real_data / "trip-data", JANUARY), path)
    real = path.read_bytes()
    with pytest.raises(SettingsError, match="not marked as simulated"):
        simulate_source(tmp_path, ["green"], [JANUARY], rows=20)
    assert path.read_bytes() == real


def test_a_damaged_file_is_never_replaced(tmp_path: Path) -> None:
    path = published(tmp_path, JANUARY)
    path.write_bytes(b"PAR1 and then the line broke")
    with pytest.raises(SettingsError, match="not marked as simulated"):
        write_month(GREEN, JANUARY, path, rows=20)
    assert path.read_bytes() == b"PAR1 and then the line broke"


def test_a_real_file_that_arrives_while_its_month_is_simulated_stays(tmp_path: Path) -> None:
    path = published(tmp_path, JANUARY)

    def arrive(written: int, rows: int) -> None:
        path.write_bytes(b"real trips")

    with pytest.raises(SettingsError, match="not marked as simulated"):
        write_month(GREEN, JANUARY, path, rows=20, progress=arrive)
    assert path.read_bytes() == b"real trips"
    assert list(tmp_path.iterdir()) == [path]


def test_a_month_that_fails_midway_leaves_nothing_behind_and_the_former_file_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = published(tmp_path, JANUARY)
    write_month(GREEN, JANUARY, path, rows=20)
    former = path.read_bytes()
    monkeypatch.setattr(writer, "CHUNK", 30)

    def stop(written: int, rows: int) -> None:
        if written > 30:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_month(GREEN, JANUARY, path, rows=100, progress=stop)
    assert path.read_bytes() == former
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(SettingsError, match="cannot be written"):
        write_month(GREEN, JANUARY, in_the_way / "month.parquet", rows=20)


@pytest.mark.parametrize(
    ("service", "month", "rows", "seed", "message"),
    [
        (SERVICES["fhvhv"], Month(2019, 1), 10, 0, "before the first month of the fhvhv service"),
        (SERVICES["yellow"], Month(2010, 12), 10, 0, "before the first month of the yellow"),
        (Service("ferry", "Ferry", JANUARY, "on", "off"), JANUARY, 10, 0, "ferry .*not simulated"),
        (GREEN, JANUARY, 0, 0, "0 trips cannot be simulated"),
        (GREEN, JANUARY, 10, -1, "seed -1 is negative"),
    ],
)
def test_what_cannot_be_simulated_is_refused_before_anything_is_written(
    service: Service, month: Month, rows: int, seed: int, message: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=message):
        write_month(service, month, tmp_path / "new" / "month.parquet", rows, seed)
    assert list(tmp_path.iterdir()) == []
