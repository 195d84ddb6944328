from __future__ import annotations

import os
import shutil
from pathlib import Path

import dagster as dg
import pytest

from duration_assets.automation import looking
from duration_assets.months import Month
from duration_assets.resources.folder_transport import FolderTransport
from duration_assets_tests.automation.sensing import Sensing, write
from duration_assets_tests.months import JANUARY, published, simulated_folder

ALL = [str(month) for month in Month(2021, 1).through(Month(2023, 12))]
NEWEST = ALL[-12:]


@pytest.fixture
def digests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read whole, as they are read."""
    read: list[str] = []
    digest = FolderTransport.digest

    def noted(transport: FolderTransport, url: str) -> str | None:
        read.append(Path(url).name[-len("2023-01.parquet") : -len(".parquet")])
        return digest(transport, url)

    monkeypatch.setattr(FolderTransport, "digest", noted)
    return read


def test_it_is_on_by_default_and_looks_often_enough_for_the_kind_of_source(
    tmp_path: Path, sensing: Sensing, instance: dg.DagsterInstance
) -> None:
    assert sensing.sensor.default_status is dg.DefaultSensorStatus.RUNNING
    intervals = [
        Sensing(tmp_path / "other", source, instance).sensor.minimum_interval_seconds
        for source in ("months", "file:///months", "s3://months", "https://months")
    ]
    assert intervals == [30, 30, 300, 3600]
    often = Sensing(tmp_path / "often", "https://months", instance, look_every=5)
    assert often.sensor.minimum_interval_seconds == 5


def test_each_service_has_a_sensor_of_its_own(
    tmp_path: Path, folder: Path, instance: dg.DagsterInstance
) -> None:
    both = Sensing(tmp_path / "home", folder, instance, services="green,yellow")
    yellow = both.definitions.resolve_sensor_def("yellow_source")
    assert yellow.job_name == "yellow_data"
    assert both.sensor.job_name == "green_data"


def test_a_new_file_is_asked_for_at_the_second_look_with_the_whole_group_of_its_month(
    sensing: Sensing, folder: Path
) -> None:
    write(folder, "2023-01")
    assert sensing.look() == []
    assert "2023-01 is not settled" in sensing.said
    assert sensing.look() == ["2023-01"]
    (request,) = sensing.requests
    assert request.run_key == "green/2023-01/1"
    assert request.job_name == "green_data"
    assert request.tags["duration/arrival"] == "new"
    assert sensing.look() == []
    assert sensing.said == "Nothing to land."


def test_what_is_asked_for_can_be_made(
    tmp_path: Path, folder: Path, instance: dg.DagsterInstance
) -> None:
    sensing = Sensing(tmp_path / "home", simulated_folder(folder, JANUARY), instance)
    sensing.look()
    sensing.look()
    (request,) = sensing.requests
    job = sensing.definitions.resolve_job_def(request.job_name or "")
    made = job.execute_in_process(partition_key=request.partition_key, instance=instance)
    assert made.success
    assert [str(month) for month in sensing.store.months("green/zone_statistics")] == ["2023-01"]
    assert sensing.look() == []


def test_a_month_that_changes_and_changes_back_is_asked_for_each_time_with_a_key_of_its_own(
    sensing: Sensing, folder: Path
) -> None:
    keys = []
    for content in "aba":
        write(folder, "2023-01", content)
        assert sensing.look() == []
        assert sensing.look() == ["2023-01"]
        keys += sensing.keys()
    assert keys == ["green/2023-01/1", "green/2023-01/2", "green/2023-01/3"]
    assert sensing.requests[0].tags["duration/arrival"] == "other bytes"


def test_the_same_bytes_with_a_new_date_are_read_once_and_are_nothing(
    sensing: Sensing, folder: Path, digests: list[str]
) -> None:
    write(folder, "2023-01")
    sensing.look()
    sensing.look()
    os.utime(published(folder, JANUARY), (1, 1))
    for _ in range(3):
        assert sensing.look() == []
    assert digests == ["2023-01"] * 2


def test_other_bytes_of_the_same_size_and_date_are_seen(sensing: Sensing, folder: Path) -> None:
    path, other = published(folder, JANUARY), folder / "other"
    write(folder, JANUARY, "a")
    sensing.look()
    sensing.look()
    before = path.stat()
    other.write_bytes(path.read_bytes().replace(b"2023-01 a", b"2023-01 b"))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    sensing.look()
    assert sensing.look() == ["2023-01"]


def test_a_file_that_is_still_being_written_is_not_asked_for(
    sensing: Sensing, folder: Path
) -> None:
    path = published(folder, JANUARY)
    whole = write(folder, JANUARY)
    for end in (10, len(whole) // 2, len(whole) // 2):
        path.write_bytes(whole[:end])
        assert sensing.look() == []
        assert sensing.look() == []
        assert "2023-01 lacks a readable Parquet footer: it is still being written" in sensing.said
    path.write_bytes(whole)
    assert sensing.look() == []
    assert sensing.look() == ["2023-01"]


def test_a_file_that_changes_while_it_is_read_is_not_asked_for(
    sensing: Sensing, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, JANUARY)
    digest = FolderTransport.digest

    def while_it_is_written(transport: FolderTransport, url: str) -> str | None:
        found = digest(transport, url)
        write(folder, JANUARY, "other")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(FolderTransport, "digest", while_it_is_written)
        sensing.look()
        assert sensing.look() == []
    assert sensing.look() == []
    assert sensing.look() == ["2023-01"]


def test_a_file_that_cannot_be_read_keeps_no_other_month_away(
    sensing: Sensing, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "2023-01")
    write(folder, "2023-02")
    digest = FolderTransport.digest

    def refused_for_january(transport: FolderTransport, url: str) -> str | None:
        if "2023-01" in url:
            (folder / "nothing").stat()
        return digest(transport, url)

    def explained(transport: FolderTransport, url: str) -> str | None:
        from duration_assets.resources.folder_transport import _translated

        with _translated():
            return refused_for_january(transport, url)

    monkeypatch.setattr(FolderTransport, "digest", explained)
    sensing.look()
    assert sensing.look() == ["2023-02"]
    sensing.look()
    assert "2023-01 could not be read" in sensing.said


def test_one_look_asks_for_as_many_months_as_the_largest_window_at_most(
    tmp_path: Path, folder: Path, instance: dg.DagsterInstance
) -> None:
    for month in ALL:
        write(folder, month)
    sensing = Sensing(tmp_path / "home", folder, instance, land_all=True)
    assert sensing.look() == []
    assert sensing.look() == ALL[:24]
    assert sensing.look() == ALL[24:]
    assert sensing.look() == []


def test_a_look_at_36_months_in_which_nothing_changed_reads_none_of_them(
    sensing: Sensing, folder: Path, digests: list[str]
) -> None:
    for month in ALL:
        sensing.land(month, write(folder, month))
    sensing.look()
    sensing.look()
    assert digests == ALL
    assert sensing.look() == []
    assert sensing.said == "Nothing to land."
    assert digests == ALL


def test_months_that_are_left_to_a_backfill_are_not_read(
    sensing: Sensing, folder: Path, digests: list[str]
) -> None:
    for month in ALL:
        write(folder, month)
    sensing.look()
    assert sensing.look() == NEWEST
    assert digests == NEWEST
    sensing.look()
    assert "2021-01 to 2022-12 are older" in sensing.said
    assert "left to a backfill" in sensing.said
    assert digests == NEWEST


def test_the_window_is_the_largest_of_the_feature_sets_that_are_on(
    tmp_path: Path, folder: Path, instance: dg.DagsterInstance
) -> None:
    for month in ALL:
        write(folder, month)
    course = Sensing(tmp_path / "home", folder, instance, feature_sets="course")
    course.look()
    assert course.look() == ["2023-12"]


def test_a_backfilled_month_is_watched_from_then_on(sensing: Sensing, folder: Path) -> None:
    for month in ALL:
        write(folder, month)
    sensing.look()
    sensing.look()
    sensing.land("2021-01", published(folder, Month(2021, 1)).read_bytes())
    assert sensing.look() == []
    assert "2021-02 to 2022-12 are older" in sensing.said
    write(folder, "2021-01", "b")
    sensing.look()
    assert sensing.look() == ["2021-01"]


def test_what_was_landed_by_hand_is_asked_for_only_if_its_bytes_are_others(
    sensing: Sensing, folder: Path
) -> None:
    sensing.land("2023-01", write(folder, "2023-01"))
    write(folder, "2023-02")
    sensing.land("2023-02", b"as published earlier")
    sensing.look()
    assert sensing.look() == ["2023-02"]


def test_reading_is_bounded_within_a_look_and_goes_on_in_the_next(
    sensing: Sensing, folder: Path, digests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [len(write(folder, month)) for month in NEWEST[:3]]
    monkeypatch.setattr(looking, "BYTES_AT_ONCE", sum(sizes[:2]))
    sensing.look()
    assert sensing.look() == NEWEST[:2]
    assert digests == NEWEST[:2]
    assert sensing.look() == NEWEST[2:3]


def test_a_file_larger_than_what_a_look_may_read_is_read_nevertheless(
    sensing: Sensing, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "BYTES_AT_ONCE", 1)
    write(folder, "2023-01")
    sensing.look()
    assert sensing.look() == ["2023-01"]


def test_months_in_folders_of_their_own_and_links_to_files_are_seen(
    tmp_path: Path, folder: Path, instance: dg.DagsterInstance
) -> None:
    write(folder, "2023-01")
    (tmp_path / "by month" / "2023-01").mkdir(parents=True)
    (tmp_path / "by month" / "2023-02").mkdir()
    link = tmp_path / "by month" / "2023-01" / "green 2023-01.parquet"
    link.symlink_to(published(folder, JANUARY))
    shutil.copy(published(folder, JANUARY), link.with_name("green 2023-02.parquet"))
    template = str(tmp_path / "by month" / "{month}" / "{service} {month}.parquet")
    sensing = Sensing(tmp_path / "home", template, instance)
    sensing.look()
    assert sensing.look() == ["2023-01"]
    write(folder, "2023-01", "b")
    sensing.look()
    assert sensing.look() == ["2023-01"]
