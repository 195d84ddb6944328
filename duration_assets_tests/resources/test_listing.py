from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import fsspec
import pytest

from duration_assets.resources.folder_transport import FolderTransport
from duration_assets.resources.listing import list_months
from duration_assets.resources.transport import RefusalError


@pytest.fixture
def files() -> Iterator[Any]:
    """A file system in memory, with a folder of its own as `files.root`."""
    files = fsspec.filesystem("memory")
    folder = f"/{uuid.uuid4().hex}"
    files.mkdir(folder)
    files.folder = folder
    yield files
    files.rm(folder, recursive=True)


def months(files: Any, template: str, *paths: str) -> list[str]:
    for path in paths:
        files.pipe(f"{files.folder}/{path}", b"content")
    url = f"memory:/{files.folder}/{template}"
    return sorted(list_months(files, lambda month: url.replace("{month}", month)))


def test_what_is_not_named_as_a_month_is_left_out(files: Any) -> None:
    names = ["green_2023-01.parquet", "green_2023-02.parquet.part", "green_23-01.parquet"]
    others = ["agreen_2023-03.parquet", "green_2023-04_parquet", "green_2023-05.parquet/file"]
    assert months(files, "green_{month}.parquet", *names, *others) == ["2023-01"]


def test_signs_that_mean_something_in_patterns_mean_nothing_in_an_address(files: Any) -> None:
    names = ["[all] (green)+*2023-01?", "a (green)+*2023-02?", "[all] (green)*2023-03?"]
    assert months(files, "[all] (green)+*{month}?", *names) == ["2023-01"]


def test_a_month_that_is_there_twice_in_an_address_is_the_same_month(files: Any) -> None:
    names = ["2023-01/a/2023-01 2023-01", "2023-02/a/2023-02 2023-03", "2023-04/b/2023-04 2023-04"]
    assert months(files, "{month}/a/{month} {month}", *names) == ["2023-01"]
    assert months(files, "2023-02/a/{month} {month}") == []
    files.pipe(f"{files.folder}/twice/2023-05 2023-05", b"content")
    files.pipe(f"{files.folder}/twice/2023-06 2023-07", b"content")
    assert months(files, "twice/{month} {month}") == ["2023-05"]


def test_a_folder_that_is_not_there_is_no_empty_folder(files: Any) -> None:
    assert months(files, "{month}") == []
    with pytest.raises(FileNotFoundError):
        months(files, "nowhere/{month}")
    transport = FolderTransport("memory", {})
    with pytest.raises(RefusalError, match="404"):
        transport.listing(lambda month: f"memory:/{files.folder}/nowhere/{month}")


def test_any_file_system_tells_when_a_file_is_another_one(files: Any) -> None:
    transport = FolderTransport("memory", {})
    marks = []
    for content in (b"one", b"two", b"three"):
        files.pipe(f"{files.folder}/2023-01", content)
        seen = transport.listing(lambda month: f"memory:/{files.folder}/{month}")["2023-01"]
        marks.append(seen.mark)
        assert (seen.size, seen.whole) == (len(content), False)
    assert len(set(marks)) == 3
