"""What the report of an evaluation says: a model's errors on the month after its training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from duration_assets.modelling import plots
from duration_assets.modelling.baselines import BASELINES
from duration_assets.modelling.features import FeatureSet
from duration_assets.modelling.intervals import COVERAGE
from duration_assets.modelling.judging import ALL, KEPT, MODEL, SAMPLED_TRIPS, Judgement
from duration_assets.modelling.reports.errors_by_slice import (
    BIAS,
    MAE,
    RMSE,
    Zones,
    slice_blocks,
    worst_zone_blocks,
)
from duration_assets.modelling.reports.report import (
    Block,
    Picture,
    Report,
    Section,
    Table,
    counts,
    minutes,
    shares,
    texts,
)
from duration_assets.months import Month
from duration_assets.services import Service

_SIMULATED = "The trips are SIMULATED: these figures say nothing about New York."
_NAMES = {
    MODEL: "this model",
    "mean": "mean of the window",
    "pair_median": "median of the zone pair",
    "linear": "linear regression",
}


@dataclass(frozen=True)
class Subject:
    """What is judged on what.

    Attributes:
        service: whose trips they are.
        feature_set: of the model.
        window: the months that it trained on, oldest first.
        training_trips: how many trips it trained on.
        month: the month that it is judged on.
        run_id: of its MLflow run.
        simulated: whether simulated trips went into it.
        tuned_through: the last month that had a part in choosing its parameters; None if none did.
    """

    service: Service
    feature_set: FeatureSet
    window: Sequence[str]
    training_trips: int
    month: Month
    run_id: str
    simulated: bool
    tuned_through: str | None = None


@dataclass(frozen=True)
class Others:
    """Other models, as the store held their evaluations when the report was made.

    Attributes:
        before: the metrics of the models of the months before, by validation month, in time.
        course: those of the course's model on the same trips, if there are any.
        course_note: why there are none; empty where nobody asked for them.
    """

    before: Mapping[Month, Mapping[str, float]] = field(default_factory=dict)
    course: Mapping[str, float] | None = None
    course_note: str = ""


def evaluation_report(
    subject: Subject,
    judgement: Judgement,
    zones: Zones,
    relies_on: Mapping[str, float] | None,
    others: Others,
) -> Report:
    """Say all there is to say about a model's errors on a month.

    Args:
        subject: the model and the month.
        judgement: the figures.
        zones: what the borough pairs and the names of zones are taken from.
        relies_on: what `reliance.mean_contributions` returned; None if it was not worked out.
        others: what to compare with.
    """
    return Report(
        f"{subject.service.title}, {subject.feature_set.name}: the model of {subject.window[-1]} "
        f"on the trips of {subject.month}",
        [
            Section("The model", [_facts(subject, judgement)]),
            Section("Errors", list(_errors(judgement, others))),
            Section("Predicted and actual", list(_calibration(judgement))),
            Section("Intervals", list(_intervals(subject, judgement))),
            Section("Where and when", list(slice_blocks(judgement, zones))),
            Section("The worst pickup zones", list(worst_zone_blocks(judgement, zones))),
            Section("What the model relies on", list(_reliance(subject, relies_on))),
            Section("The models before", list(_months(subject, judgement, others))),
        ],
        _SIMULATED if subject.simulated else "",
    )


def _facts(subject: Subject, judgement: Judgement) -> Table:
    first, last = subject.window[0], subject.window[-1]
    window = first if first == last else f"{first} to {last} ({len(subject.window)} months)"
    of_the_model = judgement.predictors.filter(predictor=MODEL)
    judged = dict(of_the_model.select("judged_on", "trips").iter_rows())
    facts = {
        "service": subject.service.title,
        "feature set": f"{subject.feature_set.name}: {subject.feature_set.description}",
        "trained on": f"{window}, {subject.training_trips:,} trips",
        "judged on": f"{subject.month}, {judged[KEPT]:,} trips of 1 to 60 minutes, "
        f"{judged[ALL]:,} of 0 to 180",
        "MLflow run": subject.run_id,
    }
    return Table((texts("what"), texts("which")), list(facts.items()))


def _errors(judgement: Judgement, others: Others) -> Iterator[Block]:
    yield (
        "All errors are in minutes, and those of predicted less actual: a positive bias means that "
        "too much was predicted. The baselines are made from the model's own training window."
    )
    for which, prefix, trips in (
        (KEPT, "", "Kept trips, of 1 to 60 minutes:"),
        (
            ALL,
            "all_trips_",
            "All trips of 0 to 180 minutes; the model has trained on those of 1 to 60 alone:",
        ),
    ):
        yield trips
        rows = [
            [_NAMES[row["predictor"]], row["rmse"], row["mae"], row["bias"]]
            for row in judgement.predictors.filter(judged_on=which).rows(named=True)
        ]
        if others.course is not None:
            figures = [others.course[f"{prefix}{name}"] for name in ("rmse", "mae", "bias")]
            rows.insert(1, ["the course's model", *figures])
        yield Table((texts("predicted by"), RMSE, MAE, BIAS), rows)
    if others.course_note:
        yield others.course_note
    metrics = judgement.metrics
    yield (
        f"Half of the kept trips are off by no more than {metrics['median_absolute_error']:.2f} "
        f"minutes, nine in ten by no more than {metrics['p90_absolute_error']:.2f}; "
        f"{metrics['share_within_5_minutes']:.1%} by no more than 5."
    )
    yield Picture(
        "errors", plots.error_histogram(judgement.errors), "How far predictions are off, cut at 20"
    )


def _calibration(judgement: Judgement) -> Iterator[Block]:
    yield Picture(
        "predictions",
        plots.predicted_against_actual(judgement.cells),
        "Predicted against actual minutes of the kept trips; on the red line they are equal",
    )
    yield Picture(
        "calibration",
        plots.calibration(judgement.calibration),
        "The trips in ten groups of equal size by what was predicted: what they took in the mean",
    )
    columns = ("mean_predicted", "mean_actual", "trips", "rmse", "mae", "bias")
    yield Table(
        (
            minutes("mean predicted"),
            minutes("mean actual"),
            counts("trips"),
            RMSE,
            MAE,
            BIAS,
        ),
        judgement.calibration.select(columns).rows(),
    )


def _intervals(subject: Subject, judgement: Judgement) -> Iterator[Block]:
    judged = judgement.intervals
    if judged is None:
        yield f"The model of {subject.feature_set.name} gives none."
        return
    metrics = judged.metrics
    yield (
        f"{metrics['coverage']:.1%} of the kept trips end within their intervals, which are made "
        f"for {COVERAGE:.0%}; a mean interval is {metrics['interval_width']:.2f} minutes wide. "
        f"Their score (Winkler's: the width, and a penalty for each trip outside) is "
        f"{metrics['winkler']:.2f} minutes, {metrics['winkler_ratio']:.3f} of that of intervals "
        "with one width for all trips. By fifths of the trips, the shortest predictions first:"
    )
    columns = ("mean_predicted", "trips", "coverage", "width")
    yield Table(
        (minutes("mean predicted"), counts("trips"), shares("inside"), minutes("mean width")),
        judged.fifths.select(columns).rows(),
    )


def _reliance(subject: Subject, relies_on: Mapping[str, float] | None) -> Iterator[Block]:
    if relies_on is None:
        yield (
            f"Not worked out: {subject.feature_set.name} has a feature for each zone pair, of "
            "which a trip has one, so that a mean by feature says little."
        )
        return
    yield (
        "By how many minutes each feature moves a prediction away from the mean prediction: the "
        f"mean of the absolute SHAP values of {SAMPLED_TRIPS} kept trips, the same ones each time. "
        "Features that say nearly the same share what they say between them."
    )
    content = plots.bars_by_feature(relies_on, "mean absolute SHAP value, minutes", "Reliance")
    yield Picture("reliance", content, "What moves the predictions most")
    top = list(relies_on.items())[: plots.MOST_BARS]
    yield Table((texts("feature"), minutes("minutes")), top)


def _months(subject: Subject, judgement: Judgement, others: Others) -> Iterator[Block]:
    if not others.before:
        yield "The store held no evaluation of an earlier month when this report was made."
        return
    yield (
        "As the store held them when this report was made; what is made again there later does not "
        "change it. Months differ, so compare each model with the median of the zone pair, too."
    )
    judged = {**others.before, subject.month: judgement.metrics}
    months = [str(month) for month in judged]
    names = {"rmse": "model", **{f"baseline_{name}_rmse": _NAMES[name] for name in BASELINES}}
    lines = {
        title: [metrics.get(name, math.nan) for metrics in judged.values()]
        for name, title in names.items()
    }
    content = plots.rmse_by_month(months, lines, "Month by month", subject.tuned_through)
    caption = "RMSE by the month that a model was judged on"
    if subject.tuned_through is not None and months[0] <= subject.tuned_through:
        caption += "; parameters were chosen on the shaded months"
    yield Picture("rmse_by_month", content, caption)
    shown = ("rmse", "mae", "bias", "baseline_pair_median_rmse", "baseline_linear_rmse")
    titles = (
        texts("judged on"),
        RMSE,
        MAE,
        BIAS,
        minutes("RMSE of the pair's median"),
        minutes("RMSE of the regression"),
    )
    rows = [[str(month), *map(metrics.get, shown)] for month, metrics in judged.items()]
    yield Table(titles, rows)
