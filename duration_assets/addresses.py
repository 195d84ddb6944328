"""Addresses as they may be shown: without user, password and query, which can hold secrets."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def without_secrets(address: str) -> str:
    """Return an address as it may get into messages, links, metadata and files.

    Args:
        address: a URL, or a local path, which is returned as it is.
    """
    parts = urlsplit(address)
    if not parts.scheme or not parts.netloc:
        return address
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
