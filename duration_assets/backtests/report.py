"""What a backtest came to, and its report in Markdown. The files of it belong elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
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
from duration_assets.months import Month, spans

CHART_FILE = "rmse.png"
"""The picture beside the report."""

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


def render(results: Results) -> str:
    """Write the report in Markdown; its picture is the file beside it."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Results) -> Iterator[str]:
    yield f"# Backtest of {results.service}, {results.first} to {results.last}"
    yield ""
    if results.simulated:
        yield f"**{SIMULATED}**\n"
    yield (
        "For each month, each candidate was trained on the window that ends the month before, and "
        "judged on the month's trips of 1 to 60 minutes. All errors are in minutes."
    )
    yield f"\n![RMSE by month]({CHART_FILE})\n"
    yield "## Candidates\n"
    yield from _summary_table(results, results.summaries())
    if results.tuned_to is not None and results.first <= results.tuned_to < results.last:
        yield f"\n## After {results.tuned_to}\n"
        yield "The months that parameters were not tuned on, alone.\n"
        yield from _summary_table(results, results.summaries(results.tuned_to))
    yield "\n## RMSE by month\n"
    yield from _month_table(results)
    yield from _about_short_windows(results)
    yield from _about_parameters(results)
    if results.tried.failures:
        yield "\n## What failed\n"
        for failure in results.tried.failures:
            yield f"- {failure.trial.name}: {failure.why}"


def _summary_table(results: Results, summaries: Sequence[Summary]) -> Iterator[str]:
    headings = ["candidate", "months", "RMSE", "± months", "worst", "MAE", "± months", "worst"]
    if results.has_course:
        headings.append("RMSE / course's")
    yield from _table(
        [*headings, "rounds"],
        (
            [
                each.candidate,
                str(each.months),
                *_spread_cells(each.rmse),
                *_spread_cells(each.mae),
                *([_number(each.ratio_to_course, 4)] if results.has_course else []),
                f"{each.rounds:.0f}",
            ]
            for each in summaries
        ),
    )
    yield (
        "\nMeans over the months, each counting the same; ± is the standard deviation between "
        "months; rounds are a mean too."
    )
    if len({each.months for each in summaries}) > 1:
        yield "\n**Some candidates lack months: their means are not over the same ones.**"


def _spread_cells(spread: Spread) -> list[str]:
    return [
        _number(spread.mean, 4),
        _number(spread.deviation, 4),
        f"{_number(spread.worst, 4)} ({spread.worst_month})",
    ]


def _month_table(results: Results) -> Iterator[str]:
    windows = {candidate.name: candidate.window for candidate in results.candidates}

    def cell(name: str, score: Score | None) -> str:
        if score is None:
            return ""
        short = len(score.fold.window) < windows[name]
        return f"{score.metrics['rmse']:.5f}{'*' if short else ''}"

    yield from _table(
        ["month", *results.names],
        (
            [str(month), *(cell(name, scores.get(name)) for name in results.names)]
            for month, scores in results.by_month().items()
        ),
    )


def _about_short_windows(results: Results) -> Iterator[str]:
    for candidate in results.candidates:
        short = [
            score.month
            for score in results.tried.scores
            if score.candidate == candidate.name and len(score.fold.window) < candidate.window
        ]
        if short:
            yield (
                f"\n\\* {candidate.name} had fewer than its {candidate.window} months to train on "
                f"for {spans(short)}: the first month is {results.earliest}."
            )


def _about_parameters(results: Results) -> Iterator[str]:
    for parameters in {
        each.parameters.name: each.parameters for each in results.candidates
    }.values():
        if parameters.overrides:
            text = json.dumps(parameters.overrides, sort_keys=True)
            yield f"\nParameters {parameters.name}: `{text}`, and for the rest the usual ones."


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield "|---" * len(headings) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


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
