"""Lists months through fsspec. A listing that fails raises, and is never taken for an empty one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

_PLACEHOLDER = "YYYY-MM"
_MONTH = r"(?P<month>[0-9]{4}-[0-9]{2})"


def list_months(files: Any, address: Callable[[str], str]) -> dict[str, dict[str, Any]]:
    """Return what a file system says of each month that is there, by the month's name.

    fsspec's own `glob` shows nothing where a folder could not be listed.

    Args:
        files: the fsspec file system.
        address: gives the URL of a month by its name.

    Raises:
        OSError: if a folder cannot be listed, or is not there.
    """
    parts = files._strip_protocol(address(_PLACEHOLDER)).split("/")
    fixed = next(index for index, part in enumerate(parts) if _PLACEHOLDER in part)
    return dict(_below(files, "/".join(parts[:fixed]), parts[fixed:], None))


def _below(
    files: Any, folder: str, parts: list[str], month: str | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the months in a folder.

    Args:
        files: the file system.
        folder: the folder.
        parts: what the paths of months have below it.
        month: the month, if the folder's own path says it.
    """
    wanted, *deeper = parts
    for info in files.ls(folder, detail=True):
        match = _pattern(wanted, month).fullmatch(info["name"].rstrip("/").rpartition("/")[2])
        if match is None:
            continue
        found = month or match.groupdict().get("month")
        is_folder = info["type"] == "directory"
        if deeper and is_folder:
            yield from _below(files, info["name"], deeper, found)
        elif not deeper and not is_folder and found is not None:
            yield found, info


def _pattern(part: str, month: str | None) -> re.Pattern[str]:
    """Return what a name has to look like: one that holds the month twice holds the same one."""
    first, *rest = (re.escape(literal) for literal in part.split(_PLACEHOLDER))
    if month is not None:
        return re.compile(re.escape(month).join([first, *rest]))
    return re.compile(first + (_MONTH + "(?P=month)".join(rest) if rest else ""))
