"""What the sensor makes of a folder that is not as it should be, and of a lost memory."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from duration_assets_tests.automation.sensing import Sensing, write
from duration_assets_tests.months import JANUARY, published


def test_a_month_without_a_partition_does_not_fail_the_look(sensing: Sensing, folder: Path) -> None:
    for month in ("2020-12", "2023-05", "2024-01"):
        write(folder, month)
    (folder / "green_tripdata_2023-13.parquet").write_bytes(b"no month")
    (folder / "green_tripdata_2023-01.parquet.part").write_bytes(b"no month yet")
    (folder / "yellow_tripdata_2023-02.parquet").write_bytes(b"another service")
    sensing.look()
    assert sensing.look() == ["2023-05"]
    sensing.look()
    assert "2020-12, 2024-01 are at the source, without a partition" in sensing.said


def test_a_folder_that_is_not_there_is_not_an_empty_one(sensing: Sensing, folder: Path) -> None:
    write(folder, "2023-01")
    sensing.look()
    sensing.look()
    cursor = sensing.cursor
    away = folder.rename(folder.with_name("away"))
    assert sensing.look() == []
    assert "not there" in sensing.said
    assert "Nothing is forgotten" in sensing.said
    assert sensing.cursor == cursor
    away.rename(folder)
    assert sensing.look() == []
    assert sensing.said == "Nothing to land."


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(
    sensing: Sensing, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "2023-01")
    sensing.look()
    sensing.look()
    cursor = sensing.cursor

    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("fsspec.implementations.local.LocalFileSystem.ls", fail)
        assert sensing.look() == []
    assert "may not be looked at (status 401, Permission denied)" in sensing.said
    assert sensing.cursor == cursor


def test_a_file_that_disappears_is_named_and_not_asked_for_when_it_is_back(
    sensing: Sensing, folder: Path
) -> None:
    content = write(folder, "2023-01")
    sensing.look()
    sensing.look()
    published(folder, JANUARY).unlink()
    assert sensing.look() == []
    assert "2023-01 is not at the source any more; what was landed stays" in sensing.said
    published(folder, JANUARY).write_bytes(content)
    assert [sensing.look() for _ in range(2)] == [[], []]


def test_the_same_cursor_gives_the_same_keys_so_that_a_tick_can_be_made_again(
    sensing: Sensing, folder: Path
) -> None:
    write(folder, "2023-01")
    write(folder, "2023-02")
    sensing.look()
    cursor = sensing.cursor
    sensing.look()
    keys = sensing.keys()
    sensing.cursor = cursor
    sensing.look()
    assert sensing.keys() == keys == ["green/2023-01/1", "green/2023-02/1"]


@pytest.mark.parametrize("cursor", ["nonsense", '{"version":0}', None])
def test_a_lost_cursor_starts_anew_with_keys_that_were_never_used(
    cursor: str | None, tmp_path: Path, folder: Path, own_instance: dg.DagsterInstance
) -> None:
    sensing = Sensing(tmp_path / "home", folder, own_instance)
    write(folder, "2023-01")
    sensing.look()
    sensing.look()
    (request,) = sensing.requests
    job = sensing.definitions.resolve_job_def("green_data")
    # As the daemon makes the run: with the key and the sensor in its tags.
    sensing.instance.create_run_for_job(
        job, tags={**request.tags, "dagster/run_key": str(request.run_key)}
    )
    sensing.cursor = cursor
    sensing.look()
    assert ("is forgotten" in sensing.said) is (cursor is not None)
    assert sensing.look() == ["2023-01"]
    assert sensing.keys() == ["green/2023-01/2"]


def test_a_damaged_manifest_in_the_store_does_not_fail_the_look(
    sensing: Sensing, folder: Path
) -> None:
    write(folder, "2023-02")
    sensing.land("2023-01", write(folder, "2023-01"))
    (sensing.store.root / "green/raw_trips/2023-01/manifest.json").write_text("{")
    sensing.look()
    assert sensing.look() == ["2023-01", "2023-02"]
