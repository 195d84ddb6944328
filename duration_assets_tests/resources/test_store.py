from __future__ import annotations

import errno
import shutil
import threading
from pathlib import Path

import pytest

from duration_assets.errors import MissingPartitionError, PartitionLockedError, StoreError
from duration_assets.resources.partition import Partition
from duration_assets.resources.store import Store
from duration_assets_tests.months import JANUARY

ASSET = "green/cleaned_trips"


def write(store: Store, content: str) -> Partition:
    with store.writing(ASSET, JANUARY) as draft:
        (draft.folder / "file").write_text(content)
        return draft.commit(
            data_version=content, code_version="1", inputs={}, summary={"rows": 1}, simulated=False
        )


def test_a_written_partition_is_found_with_its_files(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write(store, "one")
    found = store.require(ASSET, JANUARY, "the test")
    assert found.file("file").read_text() == "one"
    assert store.months(ASSET) == [JANUARY]


def test_a_writer_that_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    store = Store(tmp_path)
    before = write(store, "one")

    def fail() -> None:
        with store.writing(ASSET, JANUARY) as draft:
            (draft.folder / "file").write_text("half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert store.find(ASSET, JANUARY) == before
    names = {path.name for path in (tmp_path / ASSET / "2023-01").iterdir()}
    assert names == {"manifest.json", before.version}


def test_the_version_before_stays_for_those_who_read_it_and_older_ones_go(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second, third = (write(store, text) for text in ("one", "two", "three"))
    assert not first.folder.exists()
    assert second.file("file").read_text() == "two"
    assert third.file("file").read_text() == "three"


def test_a_missing_partition_is_named_with_what_needs_it(tmp_path: Path) -> None:
    with pytest.raises(MissingPartitionError, match=r"cleaned_trips for 2023-01 .* the test needs"):
        Store(tmp_path).require(ASSET, JANUARY, "the test")


def test_a_second_writer_is_told_who_holds_the_partition(tmp_path: Path) -> None:
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with Store(tmp_path).writing(ASSET, JANUARY):
            holding.set()
            done.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert holding.wait(10)
        with pytest.raises(PartitionLockedError, match=r"written by process \d+ on"):
            write(Store(tmp_path, lock_timeout=0.1), "two")
    finally:
        done.set()
        holder.join()


def test_a_full_disk_gets_a_clear_message_and_nothing_half_written(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fill() -> None:
        with store.writing(ASSET, JANUARY) as draft, (draft.folder / "file").open("wb") as file:
            # The device that is always full gives the error that a full disk gives.
            file.write(b"half")
            Path("/dev/full").write_text("more")

    with pytest.raises(StoreError, match="The disk is full") as caught:
        fill()
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert store.find(ASSET, JANUARY) is None


def test_a_drop_that_is_interrupted_leaves_no_part_that_counts_as_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    written = write(store, "one")

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(shutil, "rmtree", stop)
        with pytest.raises(KeyboardInterrupt):
            store.drop(written)
    assert written.is_dropped
    # What is left of it goes with whatever is dropped or written next.
    assert len(list(tmp_path.glob(".discarded-*"))) == 1
    store.drop(write(store, "two"))
    assert not list(tmp_path.glob(".discarded-*"))


def test_what_a_killed_writer_left_does_not_keep_a_partition_from_being_dropped(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    written = write(store, "one")
    (written.folder.parent / ".manifest.json.0123").write_text("half")
    assert store.drop(written)
    assert {path.name for path in written.folder.parent.iterdir()} == {"manifest.json"}
    assert store.find(ASSET, JANUARY) == written


def test_a_partition_that_is_read_is_not_dropped(tmp_path: Path) -> None:
    store = Store(tmp_path)
    written = write(store, "one")
    with store.reading(written):
        assert not store.drop(written)
        assert written.file("file").read_text() == "one"
        write(store, "two")
    assert store.drop(store.require(ASSET, JANUARY, "the test"))
