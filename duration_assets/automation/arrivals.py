"""Which months are asked for: a pure function of what was known of them and what is seen now.

A month is asked for when its bytes are settled and are others than those that were asked for last.
How a source is looked at belongs in `looking.py`. Knows no Dagster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from duration_assets.automation.memory import Known, Memory
from duration_assets.months import Month

MOST_AT_ONCE = 24
"""Months that one look asks for at most: as many as the largest window has."""


@dataclass(frozen=True)
class Sight:
    """A month as a look saw it.

    Attributes:
        mark: of the file; another one says that the bytes may be others.
        content: fingerprint of the bytes; empty if they were not read, or are not whole.
        whole: whether the source shows files that are whole alone. If not, `content` is the
            beginning of their SHA-256, and they count when they look the same at two looks.
        size: in bytes, if it is known.
    """

    mark: str
    content: str
    whole: bool
    size: int | None = None


@dataclass(frozen=True)
class Look:
    """What a look at the source found.

    Attributes:
        found: each month that was seen.
        absent: months that were looked for, and are not there.
        problems: for people, why something was not looked at.
        ends_start: whether the first look is over even if it found nothing.
        turn: the older month that was looked at in turn, if one was.
    """

    found: Mapping[Month, Sight] = field(default_factory=dict)
    absent: frozenset[Month] = frozenset()
    problems: tuple[str, ...] = ()
    ends_start: bool = False
    turn: Month | None = None


@dataclass(frozen=True)
class Landed:
    """A month that is in the store: the SHA-256 of its bytes, and their number if it is known."""

    sha256: str
    size: int | None = None


@dataclass(frozen=True)
class Limits:
    """What is asked for at most.

    Attributes:
        months: those there are partitions for, oldest first.
        window: how many of the newest months the first look asks for.
        land_all: whether it asks for all others too.
        most: how many a look asks for.
    """

    months: tuple[Month, ...]
    window: int
    land_all: bool = False
    most: int = MOST_AT_ONCE

    def newest_window(self, found: Iterable[Month]) -> Month | None:
        """Return the oldest month that the first look asks for; None if there is none."""
        newest = max((month for month in found if month in self.months), default=None)
        return None if newest is None else newest.shift(1 - self.window)


@dataclass(frozen=True)
class Request:
    """A month to land.

    Attributes:
        month: the month.
        revision: 1 the first time, and one more each time after that.
        is_change: whether it was there before with other bytes.
    """

    month: Month
    revision: int
    is_change: bool


@dataclass(frozen=True)
class Decision:
    """What to do, and what to remember.

    Attributes:
        requests: the months to ask for, oldest first.
        memory: what is known from now on.
        later: months that would be asked for too, and were too many.
    """

    requests: tuple[Request, ...]
    memory: Memory
    later: tuple[Month, ...] = ()


def decide(memory: Memory, look: Look, landed: Mapping[Month, Landed], limits: Limits) -> Decision:
    """Decide which months are asked for.

    Args:
        memory: what was known before.
        look: what is seen now.
        landed: what is in the store.
        limits: what is asked for at most.
    """
    months = dict(memory.months)
    for month, sight in look.found.items():
        if month in limits.months:
            months[month] = _after(memory.of(month), sight, landed.get(month), limits.land_all)
    started = memory.started or look.ends_start or any(known.content for known in months.values())
    if started and not memory.started and not limits.land_all:
        _leave_older(months, look, landed, limits)
    if limits.land_all:
        for month in look.absent & months.keys():
            months[month] = replace(months[month], left=False)
    waiting = sorted(
        month
        for month, known in months.items()
        if _waits(known) and month in limits.months and month not in look.absent
    )
    requests = []
    for month in waiting[: limits.most]:
        known = months[month]
        is_change = bool(known.asked) or month in landed
        requests.append(Request(month, known.revision + 1, is_change))
        months[month] = replace(known, asked=known.content, revision=known.revision + 1)
    remembered = Memory(months, started, look.turn or memory.turn)
    return Decision(tuple(requests), remembered, tuple(waiting[limits.most :]))


def _after(known: Known, sight: Sight, landed: Landed | None, land_all: bool) -> Known:
    """Return what is known of a month after it was seen."""
    settled = sight.whole or sight.mark in (known.mark, known.pending)
    if not (settled and sight.content):
        return replace(known, pending=sight.mark)
    mark = "" if sight.whole else sight.mark
    after = replace(known, content=sight.content, mark=mark, pending="")
    if known.left and landed is None and not land_all:
        return after
    if landed is not None and not known.asked and _is_landed(landed, sight, known):
        after = replace(after, asked=sight.content)
    return replace(after, left=False)


def _is_landed(landed: Landed, sight: Sight, known: Known) -> bool:
    """Say whether the bytes in the store are those at the source, as far as can be told."""
    if not sight.whole:
        return landed.sha256.startswith(sight.content)
    # Such a source does not tell the SHA-256; other bytes show by their number, or by what was
    # seen while the month was left to a backfill.
    changed_since = known.left and known.content not in ("", sight.content)
    return not changed_since and (None in (sight.size, landed.size) or sight.size == landed.size)


def _waits(known: Known) -> bool:
    return known.content != known.asked and not known.pending and not known.left


def _leave_older(
    months: dict[Month, Known], look: Look, landed: Mapping[Month, Landed], limits: Limits
) -> None:
    """Leave to a backfill what is older than the newest window and not in the store."""
    start = limits.newest_window(look.found)
    if start is None:
        return
    for month in {*look.found, *limits.months} - look.absent - landed.keys():
        if month < start:
            months[month] = replace(months.get(month, Known()), left=True)
