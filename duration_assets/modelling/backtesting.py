"""Backtests as plain values: what is tried, on which months, and what the scores come to.

A candidate is a feature set, a window and parameters. It is tried on every validation month, each
time on the window that ends the month before, so that no trial sees what it is judged on.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from duration_assets.errors import SettingsError
from duration_assets.months import Month, window_months

YARDSTICK = "course"
"""The feature set that others are compared with: its window is always 1, its parameters too."""

USUAL = "default"
"""The name of the parameters that the models are trained with."""


@dataclass(frozen=True)
class ParameterSet:
    """Parameters of XGBoost.

    Attributes:
        name: for people.
        overrides: those that are others than the models are trained with.
    """

    name: str = USUAL
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """What is tried.

    Attributes:
        feature_set: its name.
        window: how many months to train on.
        parameters: of XGBoost.
    """

    feature_set: str
    window: int
    parameters: ParameterSet = field(default_factory=ParameterSet)

    @property
    def name(self) -> str:
        """A short name: `course`, `metered-12`, `metered-12-deep`."""
        if self.feature_set == YARDSTICK:
            return YARDSTICK
        name = f"{self.feature_set}-{self.window}"
        return name if self.parameters.name == USUAL else f"{name}-{self.parameters.name}"


@dataclass(frozen=True)
class Fold:
    """A validation month and the window before it, oldest month first."""

    validation_month: Month
    window: tuple[Month, ...]


@dataclass(frozen=True)
class Score:
    """How good a candidate was on a month.

    Attributes:
        candidate: its name.
        fold: the month, and what it was trained on.
        metrics: see `metrics.error_metrics`; in minutes, but for the share.
        rounds: how many trees the model had.
        training_trips: how many trips it was trained on.
        trips: how many it was judged on.
        seconds: how long fitting and judging took; it depends on the machine.
    """

    candidate: str
    fold: Fold
    metrics: Mapping[str, float]
    rounds: int
    training_trips: int
    trips: int
    seconds: float

    @property
    def month(self) -> Month:
        """The validation month."""
        return self.fold.validation_month


@dataclass(frozen=True)
class Spread:
    """A metric over months.

    Attributes:
        mean: over the months, each counting the same.
        deviation: the sample standard deviation between months; None for a single month.
        worst: the highest.
        worst_month: the month of that.
    """

    mean: float
    deviation: float | None
    worst: float
    worst_month: Month


@dataclass(frozen=True)
class Summary:
    """How good a candidate was over months.

    Attributes:
        candidate: its name.
        months: how many.
        rmse: in minutes.
        mae: in minutes.
        ratio_to_course: the mean of its RMSE divided by the course's on the same month; None if the
            course was not tried on any of its months.
        rounds: the mean number of trees.
    """

    candidate: str
    months: int
    rmse: Spread
    mae: Spread
    ratio_to_course: float | None
    rounds: float


def candidates(
    feature_sets: Iterable[str], windows: Iterable[int], parameters: Iterable[ParameterSet]
) -> list[Candidate]:
    """Return every combination, each once; the yardstick has one window and its own parameters."""
    windows, parameters = list(windows), list(parameters)
    found: dict[str, Candidate] = {}
    for feature_set in feature_sets:
        if feature_set == YARDSTICK:
            found[YARDSTICK] = Candidate(YARDSTICK, 1)
            continue
        for window in windows:
            for each in parameters:
                candidate = Candidate(feature_set, window, each)
                found.setdefault(candidate.name, candidate)
    return list(found.values())


def folds(first: Month, last: Month, size: int, earliest: Month) -> list[Fold]:
    """Return the rolling validation months, each with the window that ends the month before.

    Args:
        first: the first validation month.
        last: the last one.
        size: how many months a window has.
        earliest: the first month there is; a window that would start before it is shorter.

    Raises:
        SettingsError: if there are no months, or the first has none before it to train on.
    """
    if first > last:
        raise SettingsError(f"There are no months from {first} to {last}: --from is after --to.")
    if first <= earliest:
        raise SettingsError(
            f"There is no month before {first} to train on, the first there is being {earliest}: "
            f"begin with --from {earliest.shift(1)}, or set DURATION_FIRST_MONTH to an earlier one."
        )
    return [
        Fold(month, tuple(window_months(month.shift(-1), size, earliest)))
        for month in first.through(last)
    ]


def summarize(
    names: Sequence[str], scores: Iterable[Score], after: Month | None = None
) -> list[Summary]:
    """Sum up scores by candidate.

    Args:
        names: the candidates in their order; those without a score are left out.
        scores: of any candidates and months.
        after: only months after this one count.
    """
    by_candidate: dict[str, list[Score]] = {name: [] for name in names}
    for score in scores:
        if after is None or score.month > after:
            by_candidate[score.candidate].append(score)
    course = {score.month: score.metrics["rmse"] for score in by_candidate.get(YARDSTICK, ())}
    return [_summary(found, course) for found in by_candidate.values() if found]


def _summary(scores: Sequence[Score], course: Mapping[Month, float]) -> Summary:
    ratios = [
        score.metrics["rmse"] / course[score.month] for score in scores if score.month in course
    ]
    return Summary(
        candidate=scores[0].candidate,
        months=len(scores),
        rmse=_spread(scores, "rmse"),
        mae=_spread(scores, "mae"),
        ratio_to_course=statistics.fmean(ratios) if ratios else None,
        rounds=statistics.fmean(score.rounds for score in scores),
    )


def _spread(scores: Sequence[Score], metric: str) -> Spread:
    values = [score.metrics[metric] for score in scores]
    worst = max(scores, key=lambda score: score.metrics[metric])
    return Spread(
        mean=statistics.fmean(values),
        deviation=statistics.stdev(values) if len(values) > 1 else None,
        worst=worst.metrics[metric],
        worst_month=worst.month,
    )
