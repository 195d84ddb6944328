"""What differs between two trainings, as they were written down, and between two models' trees."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duration_assets.modelling.model import load_booster
from duration_assets.modelling.training_record import MonthRecord, TrainingRecord

_SHORT_HASH = 12
_NOTHING = "none"


@dataclass(frozen=True)
class Difference:
    """Something that was one way in the run, and is another now.

    Attributes:
        what: what it is.
        logged: how it was in the run.
        now: how it is now.
    """

    what: str
    logged: str
    now: str

    def __str__(self) -> str:
        return f"{self.what}: {self.logged} in the run, {self.now} now"


def differences(logged: TrainingRecord, made: TrainingRecord) -> list[Difference]:
    """Return what could explain that one training gave another model than the other."""
    pairs: list[tuple[str, Any, Any]] = [
        *_data(logged.months, made.months),
        ("trips trained on", f"{logged.trips:,}", f"{made.trips:,}"),
        *_by_name("XGBoost's {}", logged.parameters, made.parameters),
        ("rounds", logged.rounds, made.rounds),
        *_by_name("code version of {}", logged.code_versions, made.code_versions),
        *_by_name("version of {}", logged.packages, made.packages),
        ("machine", logged.machine, made.machine),
    ]
    return [Difference(what, str(was), str(now)) for what, was, now in pairs if was != now]


def first_different_tree(one: Path, other: Path) -> int | None:
    """Return the number of the first tree that two models do not share, counted from 1.

    Args:
        one: a folder that `DurationModel.save` wrote.
        other: likewise.

    Returns:
        None if all trees are the same.
    """
    first, second = _trees(one), _trees(other)
    for number, (left, right) in enumerate(zip(first, second, strict=False), start=1):
        if left != right:
            return number
    return None if len(first) == len(second) else min(len(first), len(second)) + 1


def _trees(folder: Path) -> list[Any]:
    """Return each tree as XGBoost writes it."""
    model = json.loads(load_booster(folder).save_raw("json"))
    trees: list[Any] = model["learner"]["gradient_booster"]["model"]["trees"]
    return trees


def _data(
    logged: tuple[MonthRecord, ...], made: tuple[MonthRecord, ...]
) -> Iterator[tuple[str, str, str]]:
    for was, now in zip(logged, made, strict=True):
        for name, before, after in (
            ("cleaned_trips", was.cleaned, now.cleaned),
            ("zone_statistics", was.statistics, now.statistics),
        ):
            yield f"{name} of {was.month}", _short(before), _short(after)


def _short(version: str | None) -> str:
    return _NOTHING if version is None else version[:_SHORT_HASH]


def _by_name(
    what: str, logged: Mapping[str, Any], made: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    for name in dict.fromkeys([*logged, *made]):
        yield what.format(name), logged.get(name, _NOTHING), made.get(name, _NOTHING)
