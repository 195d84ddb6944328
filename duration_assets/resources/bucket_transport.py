"""Objects of an S3 bucket, at Amazon or at any server that speaks its protocol.

Endpoint and credentials are found as with every AWS tool: `AWS_ENDPOINT_URL`,
`AWS_ACCESS_KEY_ID` and the other variables, or the files and roles that boto knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import botocore.exceptions
import s3fs
from fsspec.asyn import sync

from duration_assets.resources.listing import list_months
from duration_assets.resources.transport import (
    CHUNK,
    FORBIDDEN,
    Incoming,
    InterruptionError,
    RefusalError,
    Seen,
    reason_of,
)

_CREDENTIAL_CODES = {
    "AuthFailure",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}
_NOT_FOUND = 404
_NO_CREDENTIALS = (
    botocore.exceptions.NoCredentialsError,
    botocore.exceptions.PartialCredentialsError,
    botocore.exceptions.CredentialRetrievalError,
    botocore.exceptions.ProfileNotFound,
)
# A bucket's name or an endpoint that boto takes for none, without asking anybody.
_UNUSABLE = (botocore.exceptions.ParamValidationError, ValueError)


class BucketTransport:
    """Gets objects through s3fs, with a connection of its own for each file."""

    def __init__(self, timeout: float, options: Mapping[str, Any]) -> None:
        """Take how to connect.

        Args:
            timeout: seconds to wait for a connection, and for each next byte.
            options: further arguments of `s3fs.S3FileSystem`.
        """
        self.options = dict(options)
        self.options["config_kwargs"] = {
            "connect_timeout": timeout,
            "read_timeout": timeout,
            # Trying again is left to the caller, who waits longer each time.
            "retries": {"total_max_attempts": 1},
            **self.options.get("config_kwargs", {}),
        }

    @contextmanager
    def open(self, url: str) -> Iterator[Incoming]:
        """Begin to get an object, with the one request that also says what is wrong."""
        with self._files() as files:
            path = files._strip_protocol(url)
            with _translated():
                stream = sync(files.loop, files.open_async, path)
            try:
                with _translated():
                    first = sync(files.loop, stream.read, CHUNK)
                yield Incoming(stream.size, _chunks(files, stream, first))
            finally:
                # What is left of the answer; the stream's own `close` keeps its connection.
                if stream.r is not None:
                    sync(files.loop, stream.r.aclose)

    def answers(self, url: str) -> bool:
        """Say whether an object can be had now, by its first byte."""
        try:
            with self._files() as files, _translated():
                return bool(files.cat_file(url, start=0, end=1))
        except (RefusalError, InterruptionError):
            return False

    def is_empty(self, pattern: str) -> bool:
        """Say whether nothing matches a pattern."""
        with self._files() as files, _translated():
            return not files.glob(pattern)

    def see(self, url: str) -> Seen:
        """Look at an object's entity tag."""
        with self._files() as files, _translated():
            bucket, key, _ = files.split_path(url)
            answer = files.call_s3("head_object", Bucket=bucket, Key=key)
        return Seen(answer["ETag"], answer["ContentLength"], whole=True)

    def listing(self, address: Callable[[str], str]) -> dict[str, Seen] | None:
        """Look at every month's entity tag; None for who may get objects, and not list them."""
        with self._files() as files:
            try:
                with _translated():
                    found = list_months(files, address)
            except RefusalError as refusal:
                if refusal.status == FORBIDDEN:
                    return None
                raise
        return {month: Seen(info["ETag"], info["size"], True) for month, info in found.items()}

    @contextmanager
    def _files(self) -> Iterator[Any]:
        """Connect anew: a cached file system would keep credentials that were since replaced."""
        files = s3fs.S3FileSystem(skip_instance_cache=True, **self.options)
        files.retries = 1
        with _translated():
            client = files.connect()
        try:
            yield files
        finally:
            sync(files.loop, client.close)


def _chunks(files: Any, stream: Any, first: bytes) -> Iterator[bytes]:
    chunk = first
    with _translated():
        while chunk:
            yield chunk
            chunk = sync(files.loop, stream.read, CHUNK)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _NO_CREDENTIALS as error:
        raise RefusalError(401, type(error).__name__) from None
    except _UNUSABLE as error:
        raise RefusalError(400, type(error).__name__) from None
    except Exception as error:
        # s3fs turns an answer into an OSError, and keeps what it was made from.
        answer = error.__cause__
        if isinstance(error, FileNotFoundError) and answer is None:
            # It was asked for what is below a prefix, and nothing is.
            raise RefusalError(_NOT_FOUND) from None
        if not isinstance(answer, botocore.exceptions.ClientError):
            raise InterruptionError(reason_of(error)) from None
        code = answer.response["Error"].get("Code", "")
        status = answer.response["ResponseMetadata"]["HTTPStatusCode"]
        raise RefusalError(401 if code in _CREDENTIAL_CODES else status, code) from None
