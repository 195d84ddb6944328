"""Looks at a source as far as it is worth it: what to read, and which months to ask a web server.

What follows from a look is decided in `arrivals.py`. Knows no Dagster.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from duration_assets.automation.arrivals import Landed, Limits, Look, Sight
from duration_assets.automation.memory import Memory, fingerprint, shortened
from duration_assets.errors import SourceError
from duration_assets.months import Month
from duration_assets.resources.source_watch import Answers, SourceWatch
from duration_assets.resources.transport import Seen

BYTES_AT_ONCE = 1 << 30
"""Bytes that one look reads at most, but always one file: what is left is read at the next."""

LATEST = 3
"""Months that are due: a web server is asked for each of them at every look."""


def look_at(
    watch: SourceWatch, memory: Memory, landed: Mapping[Month, Landed], limits: Limits
) -> Look:
    """Look at a source.

    Args:
        watch: the source.
        memory: what was known before.
        landed: what is in the store.
        limits: what is asked for at most.

    Raises:
        SourceError: if the look failed as a whole, and says nothing of any month.
    """
    listing = watch.listing()
    if listing is not None:
        return _look_at_listing(watch, listing, memory, landed, limits)
    if not memory.started:
        return _look_first(watch, limits)
    return _look_in_turn(watch, memory, landed, limits)


def _look_at_listing(
    watch: SourceWatch,
    listing: Mapping[Month, Seen],
    memory: Memory,
    landed: Mapping[Month, Landed],
    limits: Limits,
) -> Look:
    """Turn a list into sights, and read the files whose content is not known by how they look."""
    found = {month: _sight(seen, memory, month) for month, seen in listing.items()}
    problems, read = [], 0
    for month in _worth_reading(found, memory, landed, limits):
        seen = listing[month]
        if read and read + (seen.size or 0) > BYTES_AT_ONCE:
            problems.append(f"{month} and what follows it are read at the next look.")
            break
        try:
            digest = watch.digest(month, seen)
        except SourceError as error:
            problems.append(f"{month} could not be read. {error}")
            continue
        if digest is None:
            problems.append(
                f"{month} lacks a readable Parquet footer: it is still being written, or damaged."
            )
        else:
            found[month] = Sight(found[month].mark, shortened(digest), False, seen.size)
            read += seen.size or 0
    gone = {*limits.months, *memory.months} - listing.keys()
    return Look(found, frozenset(gone), tuple(problems))


def _worth_reading(
    found: Mapping[Month, Sight], memory: Memory, landed: Collection[Month], limits: Limits
) -> list[Month]:
    """Return the months that look as at the look before, and whose content may be asked for."""
    start = None if memory.started or limits.land_all else limits.newest_window(found)

    def is_left(month: Month) -> bool:
        left = memory.of(month).left or (start is not None and month < start)
        return left and month not in landed and not limits.land_all

    return [
        month
        for month in limits.months
        if month in found
        and not found[month].content
        and found[month].mark == memory.of(month).pending
        and not is_left(month)
    ]


def _look_first(watch: SourceWatch, limits: Limits) -> Look:
    """Ask a web server for months, newest first, until the newest window is seen."""
    answers = Answers()
    for month in reversed(limits.months):
        start = limits.newest_window(answers.found)
        if start is not None and month < start and not limits.land_all:
            break
        watch.ask(month, answers)
    watch.settle(answers, known=None)
    return _look_of(answers, turn=None)


def _look_in_turn(
    watch: SourceWatch, memory: Memory, landed: Collection[Month], limits: Limits
) -> Look:
    """Ask a web server for the months that are due, and for one that is older."""
    asked = list(limits.months[-LATEST:])
    turn = _next_turn(memory, landed, limits)
    if limits.land_all:
        asked += [month for month in limits.months[:-LATEST] if memory.of(month).left]
    if turn is not None and turn not in asked:
        # At the end, where a month that is known to be there shows what refusals before it mean.
        asked.append(turn)
    answers = Answers()
    for month in asked:
        watch.ask(month, answers)
    there = [month for month, known in memory.months.items() if known.content]
    watch.settle(answers, max(set(there) - answers.refused, default=max(there, default=None)))
    return _look_of(answers, turn)


def _next_turn(memory: Memory, landed: Collection[Month], limits: Limits) -> Month | None:
    """Return the month after the one that was looked at last, or the first one again."""
    followed = [month for month, known in memory.months.items() if not known.left]
    oldest = min(followed, default=None)
    older = [
        month
        for month in limits.months[:-LATEST]
        if month in landed
        or limits.land_all
        # A month that was not there may come yet.
        or (not memory.of(month).left and (oldest is None or month >= oldest))
    ]
    after = [month for month in older if memory.turn is None or month > memory.turn]
    return next(iter(after or older), None)


def _look_of(answers: Answers, turn: Month | None) -> Look:
    found = {
        month: Sight(fingerprint(seen.mark), fingerprint(seen.mark), True, seen.size)
        for month, seen in answers.found.items()
    }
    problems = [
        f"{month} could not be looked at ({why})."
        for month, why in sorted(answers.problems.items())
    ]
    return Look(found, frozenset(answers.absent), tuple(problems), ends_start=True, turn=turn)


def _sight(seen: Seen, memory: Memory, month: Month) -> Sight:
    mark = fingerprint(seen.mark)
    if seen.whole:
        return Sight(mark, mark, True, seen.size)
    known = memory.of(month)
    return Sight(mark, known.content if mark == known.mark else "", False, seen.size)
