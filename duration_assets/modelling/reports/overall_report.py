"""What the overall report says: a feature set's champion, its errors, drift and data, by month."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from duration_assets.modelling import plots
from duration_assets.modelling.baselines import BASELINES
from duration_assets.modelling.drift import KINDS, MEASURES, abs_if_bias, flagged
from duration_assets.modelling.intervals import COVERAGE
from duration_assets.modelling.reports.quality_by_month import quality_by_month
from duration_assets.modelling.reports.report import (
    Block,
    Picture,
    Report,
    Section,
    Table,
    figures,
    minutes,
    months,
    shares,
    signed_minutes,
    texts,
)
from duration_assets.months import Month, spans

_SIMULATED = "Some of the trips are SIMULATED: these figures say nothing about New York."
_BASELINES = {"mean": "mean of the window", "pair_median": "pair's median", "linear": "regression"}

Summaries = Mapping[Month, Mapping[str, Any]]
"""What an asset's partitions say of themselves, by month, in time."""


@dataclass(frozen=True)
class Overview:
    """What a home holds of a service and feature set.

    Attributes:
        service: the service's title.
        feature_set: its name.
        decisions: which model is in use, and why, the first one first; those by hand among them.
        evaluations: of the model of the month before each.
        course: the evaluations of the course's model, with `metrics`.
        drifts: of each month from what its champion knows.
        cleaned: the months' own counts.
        models: the trained models, by training month.
        limits: of drift, by kind of measure.
        simulated: whether any of it was made from simulated trips.
    """

    service: str
    feature_set: str
    decisions: Sequence[Mapping[str, Any]] = ()
    evaluations: Summaries = field(default_factory=dict)
    course: Summaries = field(default_factory=dict)
    drifts: Summaries = field(default_factory=dict)
    cleaned: Summaries = field(default_factory=dict)
    models: Summaries = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    simulated: bool = False


def overall_report(overview: Overview) -> Report:
    """Say how a feature set is doing."""
    there = sorted({*overview.cleaned, *overview.evaluations, *overview.drifts})
    span = f", {there[0]} to {there[-1]}" if there else ""
    return Report(
        f"{overview.service}, {overview.feature_set}: models in use{span}",
        [
            Section("The champion", list(_champion(overview))),
            Section("Errors by month", list(_errors(overview))),
            Section("Intervals by month", list(_coverage(overview))),
            Section("Drift by month", list(_drift(overview))),
            Section("Data quality by month", list(quality_by_month(overview.cleaned))),
        ],
        _SIMULATED if overview.simulated else "",
    )


def _champion(overview: Overview) -> Iterator[Block]:
    decided = overview.decisions
    if not decided:
        yield (
            "No model is in use yet: nothing was decided. A decision takes an evaluated model: "
            "`duration-prediction backfill` makes these, and `backfill --only champions` then "
            "decides; `duration-prediction promote` takes any model."
        )
        return
    newest, changes = decided[-1], _changes(decided)
    yield (
        f"In use since the decision of {changes[-1]}: version {newest['champion_version']}, "
        f"trained on months up to {newest['champion_training_month']}. The last decision is that "
        f"of {newest['month']}; the model in use changed at {len(changes)} of {len(decided)} "
        "decisions. What a person decided is listed with the last month that was decided on "
        "before it, or that its model has seen."
    )
    rows = [
        [
            each["month"],
            each["outcome"],
            str(each["champion_version"]),
            each["champion_training_month"],
            each.get("reason"),
        ]
        for each in decided
    ]
    columns = (months("decided on"), months("outcome"), texts("version in use"))
    yield Table((*columns, months("trained up to"), texts("why")), rows)


def _changes(decided: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the months of decisions that put another model into use, the first one included."""
    changed, before = [], None
    for each in decided:
        if each["champion_run_id"] != before:
            changed.append(each["month"])
        before = each["champion_run_id"]
    return changed


def _errors(overview: Overview) -> Iterator[Block]:
    judged = overview.evaluations
    if not judged:
        yield "No model was evaluated yet: that takes a trained model, and the month after it."
        return
    yield (
        "RMSE in minutes on the kept trips of each month: of the model trained up to the month "
        "before, of the champion of the month before, and of others on the same trips."
    )
    lines = {
        overview.feature_set: _metric(judged, judged, "rmse"),
        "champion": [_error(overview.drifts, month, "rmse") for month in judged],
        "course": _metric(judged, overview.course, "rmse"),
        **{
            _BASELINES[name]: _metric(judged, judged, f"baseline_{name}_rmse") for name in BASELINES
        },
    }
    shown = {name: values for name, values in lines.items() if not all(map(math.isnan, values))}
    tuned = _tuned(overview)
    content = plots.rmse_by_month(list(map(str, judged)), shown, "RMSE by month", tuned)
    yield Picture("rmse_by_month", content, "RMSE by the month that was predicted")
    if tuned is not None and any(str(month) <= tuned for month in judged):
        yield (
            f"Parameters were tuned on the shaded months, up to {tuned}: what models do there "
            "flatters them."
        )
    if "course" not in shown:
        yield (
            "The course's model is left out: the home holds no evaluation of it. Turn it on with "
            "DURATION_FEATURE_SETS."
        )
    if "champion" not in shown:
        yield "The champion's line is left out: no month's drift is there, which holds its errors."
    biases = [_error(overview.drifts, month, "bias") for month in judged]
    rows = [
        [str(month), *(_or_none(values[place]) for values in shown.values()), _or_none(bias)]
        for place, (month, bias) in enumerate(zip(judged, biases, strict=True))
    ]
    yield Table((months("month"), *map(minutes, shown), signed_minutes("champion's bias")), rows)


def _tuned(overview: Overview) -> str | None:
    """Return the last month that parameters of any of the models were tuned on."""
    found = (each.get("tuned_through") for each in overview.models.values())
    return max((month for month in found if month), default=None)


def _coverage(overview: Overview) -> Iterator[Block]:
    covered = {
        month: each["metrics"]
        for month, each in overview.evaluations.items()
        if "coverage" in each["metrics"]
    }
    if not covered:
        yield "There are none: no evaluated model gives intervals."
        return
    yield (
        f"Intervals are made for {COVERAGE:.0%} of the trips. By month: the share of the trips "
        "that ended within theirs, and how wide they were in the mean."
    )
    values = [metrics["coverage"] * 100 for metrics in covered.values()]
    names = list(map(str, covered))
    what = "trips within their intervals, %"
    content = plots.lines_by_month(names, {overview.feature_set: values}, what, COVERAGE * 100)
    yield Picture("coverage_by_month", content, f"{what[0].upper()}{what[1:]}, by month")
    rows = [
        [str(month), metrics["coverage"], metrics["interval_width"]]
        for month, metrics in covered.items()
    ]
    yield Table((months("month"), shares("inside"), minutes("mean width")), rows)


def _drift(overview: Overview) -> Iterator[Block]:
    if not overview.drifts:
        yield (
            "No drift was measured yet: that takes a champion, and the month after its decision."
        )
        return
    limits = overview.limits
    above = {
        month: names
        for month, each in overview.drifts.items()
        if (names := flagged(each["measures"], limits))
    }
    yield (
        "By kind of measure, the largest one of the month as a share of its limit: what is above 1 "
        "is flagged. The limits are those of today's settings."
    )
    if above:
        yield f"{len(above)} of {len(overview.drifts)} months are flagged: {spans(above)}."
    else:
        yield f"None of {len(overview.drifts)} months is flagged."
    lines = {
        kind: [_largest(each["measures"], kind) / limits[kind] for each in overview.drifts.values()]
        for kind in KINDS
    }
    content = plots.lines_by_month(
        list(map(str, overview.drifts)), lines, "largest measure / limit", 1.0
    )
    yield Picture("drift_by_month", content, "Drift by month, as a share of the limits")
    rows: list[list[Any]] = [["limit", *(limits[kind] for kind in KINDS), None]]
    rows += [
        [
            str(month),
            *(_or_none(_largest(each["measures"], kind)) for kind in KINDS),
            ", ".join(above.get(month, ())) or None,
        ]
        for month, each in overview.drifts.items()
    ]
    titles = (name.replace("_", " ") for name in KINDS)
    yield Table((months("month"), *map(figures, titles), texts("flagged")), rows)


def _largest(measures: Mapping[str, float], kind: str) -> float:
    """Return the largest measure of a kind, of a bias its size; NaN if there is none."""
    found = [abs_if_bias(name, each) for name, each in measures.items() if MEASURES[name] == kind]
    return max(found, default=math.nan)


def _metric(months: Summaries, of: Summaries, name: str) -> list[float]:
    return [
        of[month]["metrics"].get(name, math.nan) if month in of else math.nan for month in months
    ]


def _error(drifts: Summaries, month: Month, name: str) -> float:
    return float(drifts[month]["errors"][name]) if month in drifts else math.nan


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
