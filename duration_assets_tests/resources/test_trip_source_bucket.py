from __future__ import annotations

import hashlib
import itertools
import json
import os
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import requests

from duration_assets.errors import (
    MissingSourceError,
    NotPublishedError,
    SourceAccessError,
    SourceError,
    ThrottledError,
    UnreachableError,
)
from duration_assets.months import Month
from duration_assets.resources.trip_source import TripSource
from duration_assets_tests.answering import (
    CONTENT,
    CUT_SHORT,
    SILENCE,
    STALLED,
    Answer,
    AnsweringServer,
    refused,
)
from duration_assets_tests.months import FEBRUARY, GREEN, JANUARY
from duration_assets_tests.s3_server import s3_client, s3_server

pytestmark = pytest.mark.s3

BUCKET = "months"
SOURCE = f"s3://{BUCKET}/trips"
KEY = "trips/green_tripdata_{}.parquet"
KNOWN = Month(2021, 1)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server that holds two months of one bucket."""
    with s3_server() as url:
        with s3_client(url) as client:
            client.create_bucket(Bucket=BUCKET)
            for month in (KNOWN, JANUARY):
                client.put_object(Bucket=BUCKET, Key=KEY.format(month), Body=CONTENT)
            client.put_object(Bucket=BUCKET, Key="notes/README", Body=b"nothing")
        yield url


@pytest.fixture(autouse=True)
def aws_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nothing of whoever runs the tests, and credentials that any server takes which asks none."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    nowhere = str(tmp_path_factory.getbasetemp() / "nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", nowhere)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    use(monkeypatch, "anybody", "hidden")


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's bucket, for everybody."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)


@pytest.fixture
def guarded_bucket(
    endpoint: str, bucket: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, str]]:
    """The bucket for a user who may fetch its months, and nothing else; returns credentials."""
    users = boto3.client("iam", endpoint_url=endpoint, region_name="us-east-1")
    name = f"reader-{time.monotonic_ns()}"
    users.create_user(UserName=name)
    months = [f"arn:aws:s3:::{BUCKET}/{KEY.format(month)}" for month in (KNOWN, JANUARY)]
    allowed = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": months}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    users.put_user_policy(UserName=name, PolicyName="read", PolicyDocument=policy)
    key = users.create_access_key(UserName=name)["AccessKey"]
    users.close()
    set_guard(endpoint, "0")
    yield key["AccessKeyId"], key["SecretAccessKey"]
    set_guard(endpoint, "inf")


def set_guard(endpoint: str, open_requests: str) -> None:
    """Say how many requests are served before credentials are looked at."""
    url = f"{endpoint}/moto-api/reset-auth"
    requests.post(url, data=open_requests, timeout=10).raise_for_status()


def use(environment: pytest.MonkeyPatch, key: str, secret: str) -> None:
    environment.setenv("AWS_ACCESS_KEY_ID", key)
    environment.setenv("AWS_SECRET_ACCESS_KEY", secret)


def source_at(url: str = SOURCE, timeout: float = 10) -> TripSource:
    return TripSource(url, timeout=timeout, attempts=2, first_wait=0.01)


def fetch_fails(
    source: TripSource, error: type[Exception], message: str, folder: Path, month: Month = JANUARY
) -> None:
    with pytest.raises(error, match=message) as caught:
        source.fetch(GREEN, month, folder / "month")
    assert caught.type is error
    assert "hidden" not in "".join(traceback.format_exception(caught.value))
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("bucket")
def test_a_month_is_fetched_from_a_bucket_byte_for_byte(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    fetched = source_at().fetch(GREEN, JANUARY, tmp_path / "month", lambda *done: seen.append(done))
    assert (tmp_path / "month").read_bytes() == CONTENT
    assert fetched.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert fetched.size == len(CONTENT)
    assert fetched.address == f"{SOURCE}/green_tripdata_2023-01.parquet"
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    received = [0, *(count for count, _ in seen)]
    assert max(b - a for a, b in itertools.pairwise(received)) <= 1 << 20


def test_the_endpoint_can_come_with_the_storage_options(endpoint: str, tmp_path: Path) -> None:
    source = TripSource(SOURCE, storage_options={"endpoint_url": endpoint})
    assert source.fetch(GREEN, JANUARY, tmp_path / "month").size == len(CONTENT)


@pytest.mark.usefixtures("bucket")
def test_a_month_that_is_not_in_the_bucket_is_not_published(tmp_path: Path) -> None:
    fetch_fails(source_at(), NotPublishedError, "2023-02 are not", tmp_path, FEBRUARY)


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("url", ["s3://nowhere/trips", f"s3://{BUCKET}", f"s3://{BUCKET}/notes"])
def test_a_bucket_or_prefix_without_months_is_told_apart_from_a_month(
    url: str, tmp_path: Path
) -> None:
    message = f"{url}/.* does not exist, or holds no month.*DURATION_SOURCE.*AWS_ENDPOINT_URL"
    fetch_fails(source_at(url), MissingSourceError, message, tmp_path)


@pytest.mark.usefixtures("bucket")
def test_what_can_be_no_bucket_is_not_asked_for_again(tmp_path: Path) -> None:
    source = source_at("s3://me:hidden@bucket/trips")
    fetch_fails(source, SourceError, "s3://bucket/trips/.*would be again", tmp_path)


def test_what_can_be_no_endpoint_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "storage:9000")
    fetch_fails(source_at(), SourceError, "AWS_ENDPOINT_URL", tmp_path)


def test_who_may_fetch_months_and_not_list_them_can_fetch(
    guarded_bucket: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, *guarded_bucket)
    assert source_at().fetch(GREEN, JANUARY, tmp_path / "month").size == len(CONTENT)


def test_access_denied_means_not_published_while_a_known_month_can_be_had(
    guarded_bucket: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, *guarded_bucket)
    fetch_fails(source_at(), NotPublishedError, "2023-02 are not", tmp_path, FEBRUARY)


def test_access_denied_for_a_known_month_too_is_not_taken_for_a_missing_month(
    guarded_bucket: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, *guarded_bucket)
    message = "403, AccessDenied.*does not let you read"
    fetch_fails(source_at(f"s3://{BUCKET}/notes"), ThrottledError, message, tmp_path)


def test_an_unknown_key_is_a_matter_of_credentials(
    guarded_bucket: tuple[str, str], tmp_path: Path
) -> None:
    message = "InvalidAccessKeyId.*AWS_ACCESS_KEY_ID"
    fetch_fails(source_at(), SourceAccessError, message, tmp_path)


def test_a_wrong_secret_is_a_matter_of_credentials(
    guarded_bucket: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, guarded_bucket[0], "hidden")
    message = "SignatureDoesNotMatch.*AWS_SECRET_ACCESS_KEY"
    fetch_fails(source_at(), SourceAccessError, message, tmp_path)


def test_credentials_that_are_replaced_are_used_by_the_next_fetch(
    guarded_bucket: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_at()
    fetch_fails(source, SourceAccessError, "InvalidAccessKeyId", tmp_path)
    use(monkeypatch, *guarded_bucket)
    assert source.fetch(GREEN, JANUARY, tmp_path / "month").size == len(CONTENT)


@pytest.mark.usefixtures("bucket")
def test_no_credentials_at_all_is_a_matter_of_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    fetch_fails(source_at(), SourceAccessError, "NoCredentialsError", tmp_path)


def test_an_endpoint_that_is_not_there_is_given_up_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    started = time.monotonic()
    fetch_fails(source_at(), UnreachableError, "2 attempts.*make demo", tmp_path)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (SILENCE, "no answer in time"),
        (STALLED, "no answer in time"),
        (CUT_SHORT, "ContentLengthError"),
        (refused(500), "status 500"),
    ],
)
def test_an_endpoint_that_keeps_failing_is_given_up_after_as_many_requests_as_attempts(
    failure: Answer,
    reason: str,
    server: AnsweringServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    server.answer = lambda path, count: failure
    source = source_at(timeout=0.5)
    fetch_fails(source, UnreachableError, rf"after 2 attempts \({reason}.*make demo", tmp_path)
    assert server.paths == [f"/{BUCKET}/{KEY.format(JANUARY)}"] * 2


def test_one_request_fetches_an_object(
    server: AnsweringServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    source_at().fetch(GREEN, JANUARY, tmp_path / "month")
    assert len(server.requests) == 1


@pytest.mark.usefixtures("bucket")
def test_a_full_disk_is_not_taken_for_a_failure_of_the_bucket(tmp_path: Path) -> None:
    # What is written through this link meets a full disk.
    (tmp_path / "month").symlink_to("/dev/full")
    fetch_fails(source_at(), OSError, "No space left", tmp_path)


@pytest.mark.usefixtures("bucket")
def test_fetches_leave_no_threads_behind_but_the_one_that_fsspec_shares(tmp_path: Path) -> None:
    source = source_at()
    source.fetch(GREEN, JANUARY, tmp_path / "month")
    before = set(threading.enumerate())
    for _ in range(3):
        source.fetch(GREEN, JANUARY, tmp_path / "month")
    left = {thread.name for thread in threading.enumerate() if thread not in before}
    assert not {name for name in left if "process_request" not in name}
