"""What a backtest came to, and its report. The files of it belong elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from duration_assets.backtests.running import Tried
from duration_assets.modelling.backtesting import (
    YARDSTICK,
    Candidate,
    Score,
    Spread,
    Summary,
    summarize,
)
from duration_assets.modelling.reports.report import (
    Block,
    Column,
    Picture,
    Report,
    Section,
    Table,
    counts,
    texts,
)
from duration_assets.months import Month, spans

CHART = "rmse"
"""The name of the report's picture."""

SIMULATED = "SIMULATED trips: these figures say nothing about New York."


@dataclass(frozen=True)
class Results:
    """A backtest that was carried out.

    Attributes:
        service: the service.
        first: the first validation month.
        last: the last one.
        earliest: the first month that a window can hold.
        candidates: what was tried, in the order of the report.
        tried: what became of it.
        simulated: whether any trips are simulated.
        tuned_to: the last month that parameters were tuned on; None if nobody says so.
    """

    service: str
    first: Month
    last: Month
    earliest: Month
    candidates: Sequence[Candidate]
    tried: Tried
    simulated: bool
    tuned_to: Month | None = None

    @property
    def names(self) -> list[str]:
        """The candidates' names."""
        return [candidate.name for candidate in self.candidates]

    @property
    def months(self) -> list[Month]:
        """The validation months, oldest first."""
        return list(self.first.through(self.last))

    @property
    def has_course(self) -> bool:
        """Whether the others can be compared with the course."""
        return YARDSTICK in self.names

    def summaries(self, after: Month | None = None) -> list[Summary]:
        """Return how good each candidate was; see `summarize`."""
        return summarize(self.names, self.tried.scores, after)

    def by_month(self) -> dict[Month, dict[str, Score]]:
        """Return the scores of each month by candidate."""
        found: dict[Month, dict[str, Score]] = {month: {} for month in self.months}
        for score in self.tried.scores:
            found[score.month][score.candidate] = score
        return found


def report_of(results: Results, chart: bytes) -> Report:
    """Put the report together.

    Args:
        results: what the backtest came to.
        chart: RMSE by month, as PNG.
    """
    sections = [
        Section(
            "RMSE by month",
            [
                "For each month, each candidate was trained on the window that ends the month "
                "before, and judged on the month's trips of 1 to 60 minutes. All errors are in "
                "minutes.",
                Picture(CHART, chart, f"RMSE by month, {results.service}"),
                _month_table(results),
                *_about_short_windows(results),
            ],
        ),
        Section("Candidates", list(_about_candidates(results, results.summaries()))),
    ]
    if results.tuned_to is not None and results.first <= results.tuned_to < results.last:
        later = _about_candidates(results, results.summaries(results.tuned_to))
        about = "The months that parameters were not tuned on, alone."
        sections.append(Section(f"After {results.tuned_to}", [about, *later]))
    if changed := _parameters(results):
        sections.append(Section("Parameters", [changed, "The rest are the usual ones."]))
    if results.tried.failures:
        rows = [(failure.trial.name, failure.why) for failure in results.tried.failures]
        failures = Table((texts("training"), texts("why")), rows)
        sections.append(Section("What failed", [failures]))
    title = f"Backtest of {results.service}, {results.first} to {results.last}"
    return Report(title, sections, SIMULATED if results.simulated else "")


def _about_candidates(results: Results, summaries: Sequence[Summary]) -> Iterator[Block]:
    yield _summary_table(results, summaries)
    yield (
        "Means over the months, each counting the same; ± is the standard deviation between "
        "months; rounds are a mean too."
    )
    if len({each.months for each in summaries}) > 1:
        yield "Some candidates lack months: their means are not over the same ones."


def _summary_table(results: Results, summaries: Sequence[Summary]) -> Table:
    ratio = [_digits("RMSE / course's", 4)] if results.has_course else []
    columns = (
        texts("candidate"),
        counts("months"),
        *_spread_columns("RMSE"),
        *_spread_columns("MAE"),
        *ratio,
        _digits("rounds", 0),
    )
    rows = [
        (
            each.candidate,
            each.months,
            *_spread_cells(each.rmse),
            *_spread_cells(each.mae),
            *([each.ratio_to_course] if results.has_course else []),
            each.rounds,
        )
        for each in summaries
    ]
    return Table(columns, rows)


def _spread_columns(metric: str) -> tuple[Column, ...]:
    return (_digits(metric, 4), _digits("± months", 4), Column("worst"))


def _spread_cells(spread: Spread) -> tuple[float, float | None, str]:
    return spread.mean, spread.deviation, f"{spread.worst:.4f} ({spread.worst_month})"


def _month_table(results: Results) -> Table:
    windows = {candidate.name: candidate.window for candidate in results.candidates}

    def cell(name: str, score: Score | None) -> str | None:
        if score is None:
            return None
        short = len(score.fold.window) < windows[name]
        return f"{score.metrics['rmse']:.5f}{'*' if short else ''}"

    columns = (texts("month"), *(Column(name) for name in results.names))
    rows = [
        (str(month), *(cell(name, scores.get(name)) for name in results.names))
        for month, scores in results.by_month().items()
    ]
    return Table(columns, rows)


def _about_short_windows(results: Results) -> Iterator[str]:
    for candidate in results.candidates:
        short = [
            score.month
            for score in results.tried.scores
            if score.candidate == candidate.name and len(score.fold.window) < candidate.window
        ]
        if short:
            yield (
                f"* {candidate.name} had fewer than its {candidate.window} months to train on "
                f"for {spans(short)}: the first month is {results.earliest}."
            )


def _parameters(results: Results) -> Table | None:
    """Return the parameters that are others than usual, if there are any."""
    overrides = {each.parameters.name: each.parameters.overrides for each in results.candidates}
    rows = [
        (name, json.dumps(changed, sort_keys=True))
        for name, changed in overrides.items()
        if changed
    ]
    return Table((texts("name"), texts("parameters")), rows) if rows else None


def _digits(title: str, digits: int) -> Column:
    """Return a column of figures with so many decimals."""
    return Column(title, lambda value: f"{value:.{digits}f}")


def figures(results: Results) -> dict[str, Any]:
    """Return what scripts want to know."""
    candidates = {candidate.name: candidate for candidate in results.candidates}
    return {
        "service": results.service,
        "from": str(results.first),
        "to": str(results.last),
        "simulated": results.simulated,
        "made": results.tried.made,
        "candidates": [
            _summary_as_json(candidates[each.candidate], each) for each in results.summaries()
        ],
        "failed": [
            {
                "candidate": failure.trial.candidate.name,
                "month": str(failure.trial.fold.validation_month),
                "why": failure.why,
            }
            for failure in results.tried.failures
        ],
    }


def _summary_as_json(candidate: Candidate, summary: Summary) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "feature_set": candidate.feature_set,
        "window": candidate.window,
        "parameters": dict(candidate.parameters.overrides),
        "months": summary.months,
        "rmse": _spread_as_json(summary.rmse),
        "mae": _spread_as_json(summary.mae),
        "ratio_to_course": summary.ratio_to_course,
        "rounds": summary.rounds,
    }


def _spread_as_json(spread: Spread) -> dict[str, Any]:
    return {
        "mean": spread.mean,
        "deviation": spread.deviation,
        "worst": spread.worst,
        "worst_month": str(spread.worst_month),
    }
