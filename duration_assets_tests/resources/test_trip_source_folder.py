from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from duration_assets.errors import (
    MissingSourceError,
    NotPublishedError,
    SettingsError,
    SourceAccessError,
    SourceError,
    StoreError,
    UnreachableError,
)
from duration_assets.resources.store import Store
from duration_assets.resources.trip_source import TripSource
from duration_assets_tests.answering import CONTENT
from duration_assets_tests.months import FEBRUARY, GREEN, JANUARY, published


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with January."""
    folder = tmp_path / "trips [all]"
    folder.mkdir()
    published(folder, JANUARY).write_bytes(CONTENT)
    return folder


def test_a_folder_serves_months_under_tlcs_names(folder: Path, tmp_path: Path) -> None:
    source = TripSource(str(folder))
    fetched = source.fetch(GREEN, JANUARY, tmp_path / "month")
    assert fetched.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert fetched.size == len(CONTENT)
    assert (tmp_path / "month").read_bytes() == CONTENT


@pytest.mark.parametrize("address", ["trips [all]", "~/trips [all]", "file://{}/trips [all]"])
def test_a_folder_may_be_named_from_here_from_home_or_as_a_url(
    address: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    source = TripSource(address.format(tmp_path))
    assert source.fetch(GREEN, JANUARY, tmp_path / "month").size == len(CONTENT)
    with pytest.raises(NotPublishedError):
        source.fetch(GREEN, FEBRUARY, tmp_path / "other")


def test_a_month_that_is_not_in_the_folder_is_not_published(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NotPublishedError, match="2023-02 are not published"):
        TripSource(str(folder)).fetch(GREEN, FEBRUARY, tmp_path / "month")
    assert not (tmp_path / "month").exists()


def test_a_folder_that_is_not_there_is_told_apart_from_a_month(tmp_path: Path) -> None:
    with pytest.raises(MissingSourceError, match=r"nowhere.* does not exist.*DURATION_SOURCE"):
        TripSource(str(tmp_path / "nowhere")).fetch(GREEN, JANUARY, tmp_path / "month")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_any_month_is_told_apart_from_a_month(tmp_path: Path) -> None:
    (tmp_path / "green_tripdata_notes.parquet").write_bytes(CONTENT)
    with pytest.raises(MissingSourceError, match="holds no month of any service"):
        TripSource(str(tmp_path)).fetch(GREEN, JANUARY, tmp_path / "month")


def test_a_folder_that_disappears_while_a_month_is_copied_leaves_nothing(
    folder: Path, tmp_path: Path
) -> None:
    source = TripSource(str(folder))
    with pytest.raises(MissingSourceError, match="does not exist"):
        source.fetch(GREEN, JANUARY, tmp_path / "month", lambda *_: shutil.rmtree(folder, True))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("late", [b"", CONTENT[:10], CONTENT * 2])
def test_a_file_that_changes_its_size_while_it_is_copied_is_copied_again(
    late: bytes, folder: Path, tmp_path: Path
) -> None:
    changes = iter([late])

    def change(*_: object) -> None:
        for content in changes:
            published(folder, JANUARY).write_bytes(content)

    source = TripSource(str(folder), first_wait=0.01)
    assert source.fetch(GREEN, JANUARY, tmp_path / "month", change).size == len(late)
    assert (tmp_path / "month").read_bytes() == late


def test_a_file_that_keeps_growing_is_given_up(folder: Path, tmp_path: Path) -> None:
    def grow(received: int, _: int | None) -> None:
        with published(folder, JANUARY).open("ab") as file:
            file.write(b"x")

    source = TripSource(str(folder), attempts=2, first_wait=0.01)
    with pytest.raises(UnreachableError, match="it changed while it was read"):
        source.fetch(GREEN, JANUARY, tmp_path / "month", grow)
    assert not (tmp_path / "month").exists()


def test_a_file_that_this_user_may_not_read_is_a_matter_of_permissions(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(LocalFileSystem, "open", refuse)
    with pytest.raises(SourceAccessError, match=r"Permission denied.*Check the permissions"):
        TripSource(str(folder)).fetch(GREEN, JANUARY, tmp_path / "month")


def test_a_disk_that_fails_is_tried_again_and_given_up(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(LocalFileSystem, "open", fail)
    source = TripSource(str(folder), attempts=2, first_wait=0.01)
    with pytest.raises(UnreachableError, match=r"after 2 attempts \(Input/output error\)"):
        source.fetch(GREEN, JANUARY, tmp_path / "month")


def test_a_full_disk_is_not_taken_for_a_failure_of_the_source(folder: Path, tmp_path: Path) -> None:
    destination = tmp_path / "month"
    # What is written through this link meets a full disk.
    destination.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        TripSource(str(folder)).fetch(GREEN, JANUARY, destination)
    assert caught.value.errno == errno.ENOSPC
    assert not destination.is_symlink()


def test_the_store_explains_a_disk_that_is_full_during_a_fetch(
    folder: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")

    def write() -> None:
        with store.writing("green/raw_trips", JANUARY) as draft:
            (draft.folder / "month").symlink_to("/dev/full")
            TripSource(str(folder)).fetch(GREEN, JANUARY, draft.folder / "month")

    with pytest.raises(StoreError, match="The disk is full"):
        write()
    assert store.find("green/raw_trips", JANUARY) is None


@pytest.mark.parametrize("template", ["https://host/{year}.parquet", "/trips/{service}", "/{}"])
def test_other_placeholders_in_the_template_are_refused(template: str) -> None:
    with pytest.raises(SettingsError, match="takes no other placeholder"):
        TripSource(template)


@pytest.mark.parametrize("template", ["/trips/{service", "http://[host/{month}"])
def test_a_template_that_is_no_address_is_refused(template: str) -> None:
    with pytest.raises(SettingsError, match="is no address"):
        TripSource(template)


def test_a_protocol_that_nothing_can_speak_is_a_setting_to_change(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="gopher address"):
        TripSource("gopher://host/trips").fetch(GREEN, JANUARY, tmp_path / "month")


def test_a_protocol_that_needs_more_than_an_address_is_a_setting_to_change(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="github address, and fsspec cannot open such a source"):
        TripSource("github://host/trips").fetch(GREEN, JANUARY, tmp_path / "month")


@pytest.mark.parametrize(("file", "reason"), [(False, "Is a directory"), (True, "Not a directory")])
def test_a_folder_for_a_month_and_a_file_for_a_folder_are_not_tried_again(
    file: bool, reason: str, tmp_path: Path
) -> None:
    source = tmp_path / "trips"
    if file:
        source.write_bytes(CONTENT)
    else:
        published(source, JANUARY).mkdir(parents=True)
    with pytest.raises(SourceError, match=f"refused .*{reason}.*and would be again"):
        TripSource(str(source)).fetch(GREEN, JANUARY, tmp_path / "month")
