"""What a request carries: read up to a limit, and understood as JSON."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import ClientDisconnect, Request

from duration_assets.serving.refusals import RequestError

TOO_LARGE, NOT_UNDERSTOOD = 413, 400


async def read_body(request: Request, limit: int) -> bytes:
    """Read what a request carries.

    Args:
        request: the request.
        limit: how many bytes it may carry.

    Raises:
        RequestError: if it carries more.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise _too_large(limit)
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            parts.append(part)
    except ClientDisconnect:
        raise _not_understood("The connection ended before the whole request.") from None
    return b"".join(parts)


def parse_json(body: bytes) -> Any:
    """Understand bytes as JSON.

    Raises:
        RequestError: if they are none.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        # Bytes that are no UTF-8 and numbers of thousands of digits are ValueErrors, too.
        raise _not_understood("The request carries no JSON that can be read.") from None


def _too_large(limit: int) -> RequestError:
    return RequestError(TOO_LARGE, f"The request carries more than {limit:,} bytes.")


def _not_understood(reason: str) -> RequestError:
    return RequestError(NOT_UNDERSTOOD, reason)
