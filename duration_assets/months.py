"""Calendar months: the partition key of everything here. Knows no Dagster and no settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from duration_assets.errors import SettingsError

_PATTERN = re.compile(r"(\d{4})-(\d{2})")


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month. Sorts in time; `str()` gives TLC's own name for it, `2023-01`.

    Raises:
        SettingsError: if the month is not 1 to 12 or the year not 1900 to 9998.
    """

    year: int
    month: int

    def __post_init__(self) -> None:
        if not 1 <= self.month <= 12:
            raise SettingsError(
                f"There is no month {self.month}: a month is a whole number from 1 to 12."
            )
        if not 1900 <= self.year <= 9998:
            raise SettingsError(f"The year {self.year} is out of range: use one like 2023.")

    @classmethod
    def parse(cls, text: str) -> Month:
        """Read `2023-01`.

        Raises:
            SettingsError: if the text is no month.
        """
        match = _PATTERN.fullmatch(text.strip())
        if match is None:
            raise SettingsError(f"'{text}' is no month: write it as YYYY-MM, for one 2023-01.")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: date) -> Month:
        """Return the month that a day is in."""
        return cls(day.year, day.month)

    def shift(self, months: int) -> Month:
        """Return the month that lies `months` later (earlier, if negative)."""
        index = self.year * 12 + self.month - 1 + months
        return Month(index // 12, index % 12 + 1)

    def through(self, last: Month) -> Iterator[Month]:
        """Yield each month from this one to `last`, both included."""
        current = self
        while current <= last:
            yield current
            current = current.shift(1)

    @property
    def start(self) -> datetime:
        """The first moment of the month, in New York's own time, as TLC writes times."""
        return datetime(self.year, self.month, 1)

    @property
    def end(self) -> datetime:
        """The first moment of the next month."""
        return self.shift(1).start

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


def window_months(last: Month, size: int, first: Month) -> list[Month]:
    """Return the months of the training window that ends in `last`, oldest first.

    Args:
        last: the training month.
        size: how many months the window holds, `last` included.
        first: the first month there is; a window that would start before it is shorter.
    """
    return list(max(last.shift(1 - size), first).through(last))


def spans(months: Iterable[Month]) -> str:
    """Write months as people do: `2022-02 to 2022-12, 2023-05`."""
    return ", ".join(
        str(first) if first == last else f"{first} to {last}" for first, last in ranges(months)
    )


def ranges(months: Iterable[Month]) -> list[tuple[Month, Month]]:
    """Return the first and last month of every stretch without a gap, oldest first."""
    found: list[tuple[Month, Month]] = []
    for month in sorted(set(months)):
        if found and found[-1][1].shift(1) == month:
            found[-1] = (found[-1][0], month)
        else:
            found.append((month, month))
    return found
