"""What is known of the months at a source between two looks, and its text in a sensor's cursor.

The text is kept short, because Dagster keeps a copy for each look, and holds no address. Knows no
Dagster.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from duration_assets.errors import SettingsError
from duration_assets.months import Month

_VERSION = 1
_FINGERPRINT_DIGITS = 12


@dataclass(frozen=True)
class Known:
    """What is known of one month.

    Attributes:
        content: fingerprint of its bytes at the source, once they are settled.
        asked: fingerprint of the bytes that were asked for last, or were landed without asking.
        revision: how many times it was asked for.
        mark: of the file that `content` was read from, where reading it is how to know.
        pending: mark of a file that differs from it and is not settled yet.
        left: whether it is left to a backfill: it was too old at the first look.
    """

    content: str = ""
    asked: str = ""
    revision: int = 0
    mark: str = ""
    pending: str = ""
    left: bool = False


@dataclass(frozen=True)
class Memory:
    """What is known of all months of a service.

    Attributes:
        months: each month that was seen, or left to a backfill.
        started: whether the first look is over, which chose the months to begin with.
        turn: the older month that was looked at last, where they are looked at in turn.
    """

    months: Mapping[Month, Known] = field(default_factory=dict)
    started: bool = False
    turn: Month | None = None

    def of(self, month: Month) -> Known:
        """Return what is known of a month, which may be nothing."""
        return self.months.get(month, Known())

    def text(self) -> str:
        """Return it as text for a cursor."""
        months = {str(month): _told(known) for month, known in sorted(self.months.items())}
        content: dict[str, Any] = {"version": _VERSION, "months": months, "started": self.started}
        if self.turn is not None:
            content["turn"] = str(self.turn)
        return json.dumps(content, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Memory | None:
        """Read what `text` wrote; None if it is damaged, or something else wrote it."""
        try:
            content = json.loads(text)
            if content["version"] != _VERSION:
                return None
            turn = content.get("turn")
            return cls(
                {Month.parse(name): _known(values) for name, values in content["months"].items()},
                content["started"] is True,
                None if turn is None else Month.parse(turn),
            )
        except (ValueError, TypeError, KeyError, AttributeError, SettingsError):
            return None


def fingerprint(text: str) -> str:
    """Return a short stand-in for an entity tag or the like."""
    return shortened(hashlib.sha256(text.encode()).hexdigest())


def shortened(sha256: str) -> str:
    """Return as much of a SHA-256 as it takes to tell apart the contents of one month."""
    return sha256[:_FINGERPRINT_DIGITS]


def _told(known: Known) -> dict[str, Any]:
    """Return what differs from nothing known."""
    nothing = asdict(Known())
    return {name: value for name, value in asdict(known).items() if value != nothing[name]}


def _known(values: Any) -> Known:
    """Read what `_told` returned.

    Raises:
        TypeError: if it holds anything else.
    """
    known = Known(**values)
    for each in fields(Known):
        if type(getattr(known, each.name)) is not type(each.default):
            raise TypeError(f"{each.name} is no {type(each.default).__name__}")
    return known
