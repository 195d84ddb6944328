"""What decides which months are asked for, as a test looks through it, with no source behind it."""

from __future__ import annotations

from collections.abc import Mapping

from duration_assets.automation.arrival_notes import notes_on
from duration_assets.automation.arrivals import Landed, Limits, Look, Sight, decide
from duration_assets.automation.memory import Memory
from duration_assets.months import Month

MONTHS = tuple(Month(2021, 1).through(Month(2023, 12)))
WINDOW = 12
NEWEST_WINDOW = MONTHS[-WINDOW:]
LIMITS = Limits(MONTHS, WINDOW)
ENDLESS = Limits(MONTHS, WINDOW, most=1_000)
JANUARY, FEBRUARY, MARCH = Month(2023, 1), Month(2023, 2), Month(2023, 3)
OLD = Month(2021, 1)

Bytes = Mapping[Month, str]


def sha(content: str) -> str:
    """Return what stands for a SHA-256 here: contents are single letters."""
    return content * 64


def folder(bytes_of: Bytes, dates: Mapping[Month, str] | None = None) -> Look:
    """Look at a folder whose files were all read."""
    dates = dates or {}
    sights = {
        month: Sight(f"{content}{dates.get(month, '')}", sha(content)[:12], whole=False)
        for month, content in bytes_of.items()
    }
    return Look(sights, frozenset(MONTHS) - sights.keys())


def bucket(tags: Bytes, size: int = 100) -> Look:
    """Look at a bucket."""
    sights = {month: Sight(tag, tag, whole=True, size=size) for month, tag in tags.items()}
    return Look(sights, frozenset(MONTHS) - sights.keys())


class Watcher:
    """Looks, remembers by way of the cursor's text, and lands what it asks for at once."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.memory = Memory()
        self.landed: dict[Month, Landed] = {}
        self.keys: list[tuple[Month, int]] = []
        self.notes = ""

    def see(self, look: Look) -> list[Month]:
        decision = decide(self.memory, look, self.landed, self.limits)
        self.notes = " ".join(notes_on(decision, look, self.landed, self.limits))
        read = Memory.read(decision.memory.text())
        assert read == decision.memory
        self.memory = read
        for request in decision.requests:
            self.keys.append((request.month, request.revision))
            sight = look.found.get(request.month)
            content = self.memory.of(request.month).content
            self.landed[request.month] = Landed(content, sight.size if sight else None)
        return [request.month for request in decision.requests]

    def see_twice(self, look: Look) -> list[Month]:
        assert self.see(look) == [], "asked for what was seen once"
        return self.see(look)


def after(bytes_of: Bytes, limits: Limits = LIMITS) -> Watcher:
    """Return one that has seen and landed what a folder holds."""
    watcher = Watcher(limits)
    watcher.see_twice(folder(bytes_of))
    return watcher
