"""Looks at a source from outside: which months it has, and whether they look as they did.

What is seen is judged in `duration_assets.automation`. No message here holds an address with its
credentials.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from duration_assets.errors import SettingsError, SourceAccessError, SourceError, ThrottledError
from duration_assets.months import Month
from duration_assets.resources.transport import (
    ABSENT,
    BUSY,
    FORBIDDEN,
    UNAUTHORIZED,
    InterruptionError,
    ReadingTransport,
    RefusalError,
    Seen,
)
from duration_assets.resources.trip_source import TripSource, published_long_ago
from duration_assets.services import Service


@dataclass
class Answers:
    """What a source that lists nothing answered, month by month.

    Attributes:
        found: the months that are there.
        absent: those that are not.
        refused: those that were refused in the way that means either, or throttling.
        problems: why a month could not be looked at.
        proven: whether the last answer shows that the source does not throttle.
    """

    found: dict[Month, Seen] = field(default_factory=dict)
    absent: set[Month] = field(default_factory=set)
    refused: set[Month] = field(default_factory=set)
    problems: dict[Month, str] = field(default_factory=dict)
    proven: bool = False


class SourceWatch:
    """Looks at the months of one service."""

    def __init__(self, source: TripSource, service: Service) -> None:
        """Look at `source`."""
        self.source = source
        self.service = service

    def listing(self) -> dict[Month, Seen] | None:
        """Return every month that is there, or None if the source does not list what it has.

        Raises:
            SourceError: if it could not be listed, which says nothing of what is there.
        """
        try:
            found = self.source.transport.listing(self._address)
        except (RefusalError, InterruptionError) as failure:
            raise _explained(failure) from None
        if found is None:
            return None
        return {month: seen for name, seen in found.items() if (month := _month(name)) is not None}

    def ask(self, month: Month, answers: Answers) -> None:
        """Look at one month, with one request.

        Raises:
            SourceError: if the source throttles or does not answer: asking on is of no use.
        """
        try:
            answers.found[month] = self.source.transport.see(self._address(str(month)))
        except InterruptionError as failure:
            raise _explained(failure) from None
        except RefusalError as refusal:
            if refusal.status in BUSY:
                raise _explained(refusal) from None
            answers.proven = answers.proven and refusal.status != FORBIDDEN
            if refusal.status in ABSENT:
                answers.absent.add(month)
            elif refusal.status == FORBIDDEN:
                answers.refused.add(month)
            else:
                answers.problems[month] = str(refusal)
        else:
            answers.proven = True

    def settle(self, answers: Answers, known: Month | None) -> None:
        """Find out what refusals mean: `refused` months are absent if a known one is not refused.

        Args:
            answers: the answers, complete.
            known: a month that was there before, if one is known.

        Raises:
            SourceError: if the source throttles, or refuses everything.
        """
        if answers.problems and not answers.found:
            month, problem = next(iter(answers.problems.items()))
            raise SourceError(f"The source refuses to show {month} ({problem}).")
        if answers.refused and not answers.proven:
            asked = max(answers.found, default=known or published_long_ago(self.service))
            again = Answers()
            self.ask(asked, again)
            if not again.found:
                raise ThrottledError(
                    f"The source refuses to show {asked} too (status {FORBIDDEN}), which is known "
                    "to be published: it throttles, or does not let you look at it."
                )
        answers.absent |= answers.refused

    def digest(self, month: Month, seen: Seen) -> str | None:
        """Return the SHA-256 of a month's bytes, or None while they are not whole.

        Args:
            month: the month.
            seen: how it looked; bytes that change while they are read are not whole.

        Raises:
            SourceError: if they cannot be read.
        """
        transport, url = self.source.transport, self._address(str(month))
        assert isinstance(transport, ReadingTransport), "only a folder shows files that may grow"
        try:
            digest = transport.digest(url)
            return digest if transport.see(url) == seen else None
        except (RefusalError, InterruptionError) as failure:
            raise _explained(failure) from None

    def _address(self, month: str) -> str:
        return self.source.url(self.service.name, month)


def _explained(failure: RefusalError | InterruptionError) -> SourceError:
    """Return the error that says what a failure means."""
    if isinstance(failure, InterruptionError):
        return SourceError(f"The source does not answer ({failure}).")
    if failure.status in BUSY:
        return ThrottledError(f"The source throttles ({failure}).")
    if failure.status == UNAUTHORIZED:
        return SourceAccessError(
            f"The source may not be looked at ({failure}): check the permissions or credentials."
        )
    if failure.status in ABSENT:
        return SourceError("The source is not there, or is empty: check DURATION_SOURCE.")
    return SourceError(f"The source refuses to be looked at ({failure}).")


def _month(name: str) -> Month | None:
    """Return the month with a name; there is none in `2023-13`."""
    try:
        return Month.parse(name)
    except SettingsError:
        return None
