from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from duration_assets.months import Month
from duration_assets_tests.answering import Answer, AnsweringServer, refused
from duration_assets_tests.automation.sensing import Sensing
from duration_assets_tests.s3_server import s3_client, s3_server

pytestmark = pytest.mark.s3

BUCKET = "months"
KEY = "trips/{}_tripdata_{}.parquet"
ALL = [str(month) for month in Month(2021, 1).through(Month(2023, 12))]
NEWEST = ALL[-12:]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anybody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "nowhere"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket on a server of its own, as a client sees it."""
    with s3_server() as url, s3_client(url) as client:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def sensing(tmp_path: Path, instance: dg.DagsterInstance) -> Sensing:
    return Sensing(tmp_path / "home", f"s3://{BUCKET}/trips", instance, source_timeout=10)


def put(bucket: Any, month: str, content: str = "a", service: str = "green") -> bytes:
    body = f"{month} {content}".encode()
    bucket.put_object(Bucket=BUCKET, Key=KEY.format(service, month), Body=body)
    return body


def test_an_object_that_is_new_changes_or_changes_back_is_asked_for_at_once(
    sensing: Sensing, bucket: Any
) -> None:
    keys = []
    for content in "aba":
        put(bucket, "2023-01", content)
        assert sensing.look() == ["2023-01"]
        keys += sensing.keys()
        assert sensing.look() == []
    assert keys == ["green/2023-01/1", "green/2023-01/2", "green/2023-01/3"]


def test_an_object_that_is_uploaded_again_with_the_same_bytes_is_nothing(
    sensing: Sensing, bucket: Any
) -> None:
    put(bucket, "2023-01")
    sensing.look()
    put(bucket, "2023-01")
    assert sensing.look() == []


def test_an_empty_home_gets_the_newest_window_and_backfilled_months_are_watched(
    sensing: Sensing, bucket: Any
) -> None:
    for month in ALL:
        put(bucket, month)
        put(bucket, month, service="yellow")
    assert sensing.look() == NEWEST
    sensing.land("2021-01", put(bucket, "2021-01"))
    assert sensing.look() == []
    assert "2021-02 to 2022-12 are older" in sensing.said
    put(bucket, "2021-01", "b")
    assert sensing.look() == ["2021-01"]


def test_an_object_whose_month_has_no_partition_does_not_fail_the_look(
    sensing: Sensing, bucket: Any
) -> None:
    for month in ("2020-12", "2023-05", "2024-01"):
        put(bucket, month)
    assert sensing.look() == ["2023-05"]
    assert sensing.look() == []
    assert "2020-12, 2024-01 are at the source, without a partition" in sensing.said


def test_an_object_that_disappears_is_named(sensing: Sensing, bucket: Any) -> None:
    put(bucket, "2023-01")
    put(bucket, "2023-02")
    sensing.look()
    bucket.delete_object(Bucket=BUCKET, Key=KEY.format("green", "2023-01"))
    assert sensing.look() == []
    assert "2023-01 is not at the source any more" in sensing.said


@pytest.mark.parametrize("bucket_too", [False, True])
def test_a_bucket_or_prefix_that_is_not_there_is_not_an_empty_one(
    bucket_too: bool, sensing: Sensing, bucket: Any
) -> None:
    put(bucket, "2023-01")
    sensing.look()
    cursor = sensing.cursor
    bucket.delete_object(Bucket=BUCKET, Key=KEY.format("green", "2023-01"))
    if bucket_too:
        bucket.delete_bucket(Bucket=BUCKET)
    assert sensing.look() == []
    assert "is not there, or is empty" in sensing.said
    assert sensing.cursor == cursor


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[AnsweringServer]:
    """What stands in for a storage server, and answers as a test says."""
    server = AnsweringServer()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    yield server
    server.stop()


def test_a_listing_takes_one_request(sensing: Sensing, endpoint: AnsweringServer) -> None:
    entries = "".join(
        f"<Contents><Key>{key}</Key><Size>7</Size><ETag>tag</ETag></Contents>"
        for key in (KEY.format("green", month) for month in ALL)
    )
    answer = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
    endpoint.answer = lambda path, count: Answer(body=(answer.encode(),), length=len(answer))
    assert sensing.look() == NEWEST
    assert sensing.look() == []
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("status", [429, 503, 500])
def test_a_listing_that_is_refused_is_not_an_empty_one(
    status: int, sensing: Sensing, endpoint: AnsweringServer
) -> None:
    endpoint.answer = lambda path, count: refused(status)
    assert sensing.look() == []
    assert f"status {status}" in sensing.said
    assert "Nothing is forgotten" in sensing.said
    assert sensing.cursor is None
    assert len(endpoint.requests) == 1


def test_who_may_get_objects_and_not_list_them_asks_for_each_as_over_the_web(
    tmp_path: Path, endpoint: AnsweringServer, instance: dg.DagsterInstance
) -> None:
    sensing = Sensing(tmp_path / "home", f"s3://{BUCKET}/trips", instance, window=3)

    def answer(path: str, _count: int) -> Answer:
        if "list-type" in path or not any(month in path for month in ALL[:-2]):
            return refused(403)
        return Answer(body=(), length=7, headers={"ETag": '"tag"'})

    endpoint.answer = answer
    assert sensing.look() == ALL[-5:-2]
    endpoint.requests.clear()
    assert sensing.look() == []
    assert len(endpoint.requests) <= 8


def test_who_may_neither_list_nor_get_is_told_so(
    tmp_path: Path, endpoint: AnsweringServer, instance: dg.DagsterInstance
) -> None:
    source = f"s3://{BUCKET}/trips"
    sensing = Sensing(tmp_path / "home", source, instance, first_month="2023-11")
    endpoint.answer = lambda path, count: refused(403)
    assert sensing.look() == []
    assert "does not let you look at it" in sensing.said
    assert sensing.cursor is None


def test_an_endpoint_that_is_not_there_is_not_an_empty_bucket(
    sensing: Sensing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert sensing.look() == []
    assert "does not answer" in sensing.said
