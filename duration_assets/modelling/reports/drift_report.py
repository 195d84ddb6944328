"""What the report of drift says: a month beside what the champion was trained on and is used to."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from duration_assets.modelling import plots
from duration_assets.modelling.cleaning import REASONS
from duration_assets.modelling.drift import (
    KINDS,
    MEASURES,
    Observed,
    Predicted,
    Usual,
    abs_if_bias,
    problem,
)
from duration_assets.modelling.histograms import (
    DISTANCE,
    DROPOFF_ZONE,
    HOUR,
    PICKUP_ZONE,
    WEEKDAY,
    bin_names,
    histogram_of,
)
from duration_assets.modelling.reports.report import (
    Block,
    Picture,
    Report,
    Section,
    Table,
    counts,
    figures,
    minutes,
    shares,
    signed_minutes,
    texts,
)
from duration_assets.months import Month
from duration_assets.services import Service

_SIMULATED = "The trips are SIMULATED: these figures say nothing about New York."
_MOST_ZONES = 8
_AXES = {HOUR: "hour of pickup", WEEKDAY: "weekday of pickup", DISTANCE: "miles"}


@dataclass(frozen=True)
class Watched:
    """Which model is watched on which month.

    Attributes:
        service: whose trips they are.
        feature_set: the name of the model's.
        month: the month.
        version: of the model in the registry.
        run_id: of its MLflow run.
        window: the months that it was trained on, oldest first.
        simulated: whether simulated trips went into it.
        notes: what could not be compared, and why.
    """

    service: Service
    feature_set: str
    month: Month
    version: int
    run_id: str
    window: Sequence[str]
    simulated: bool
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Comparison:
    """A month beside what it is compared with, and what that amounts to; see `drift.measure`."""

    month: Observed
    window: Observed
    predicted: Predicted
    usual: Usual
    measures: Mapping[str, float]
    limits: Mapping[str, float]


def drift_report(watched: Watched, compared: Comparison) -> Report:
    """Say all there is to say about how a month differs from what the champion knows.

    Args:
        watched: the model and the month.
        compared: the figures.
    """
    return Report(
        f"{watched.service.title}, {watched.feature_set}: drift of {watched.month} from the window "
        f"of champion {watched.version}",
        [
            Section("What is flagged", list(_flagged(watched, compared))),
            Section("The champion", [_facts(watched)]),
            Section("Measures", list(_measures(compared))),
            Section("Predictions", list(_predictions(watched, compared))),
            Section("Trips", list(_distributions(watched, compared))),
            Section("Zones", list(_zones(watched, compared))),
            Section("Data quality", [_quality(watched, compared)]),
        ],
        _SIMULATED if watched.simulated else "",
    )


def _flagged(watched: Watched, compared: Comparison) -> Iterator[Block]:
    summary = {"measures": compared.measures, "limits": compared.limits}
    found = [text for kind in KINDS if (text := problem(kind, summary)) is not None]
    yield from found or ["Nothing: every measure is within the limit of its kind."]
    yield from watched.notes


def _facts(watched: Watched) -> Table:
    first, last = watched.window[0], watched.window[-1]
    window = first if first == last else f"{first} to {last} ({len(watched.window)} months)"
    facts = {
        "service": watched.service.title,
        "feature set": watched.feature_set,
        "version": watched.version,
        "trained on": window,
        "watched on": str(watched.month),
        "MLflow run": watched.run_id,
    }
    return Table((texts("what"), texts("which")), list(facts.items()))


def _measures(compared: Comparison) -> Iterator[Block]:
    yield (
        "A stability index (psi) of 0 says that two distributions are the same. The bias is a "
        "share of the mean duration, and counts on either side. Errors are divided by the usual "
        "ones. Missing values and rejected rows are shares of the trips above the window's."
    )
    rows = []
    for name, kind in MEASURES.items():
        value, limit = compared.measures.get(name), compared.limits[kind]
        verdict = "not compared" if value is None else "within"
        if value is not None and abs_if_bias(name, value) > limit:
            verdict = "ABOVE"
        rows.append([name, value, limit, verdict])
    yield Table((texts("measure"), figures("value"), figures("limit"), texts("verdict")), rows)


def _predictions(watched: Watched, compared: Comparison) -> Iterator[Block]:
    errors, before = compared.predicted.errors, compared.usual.errors
    yield (
        f"The champion on the {errors['trips']:,.0f} kept trips of {watched.month}, in minutes, "
        f"and the median of the {len(before)} evaluations before it. The bias is predicted less "
        "actual."
    )
    usual = {
        name: statistics.median(each[name] for each in before) if before else None
        for name in ("rmse", "mae", "bias")
    }
    columns = (texts("on"), minutes("RMSE"), minutes("MAE"), signed_minutes("bias"))
    month = [str(watched.month), *(errors[name] for name in usual)]
    yield Table(columns, [month, ["usual", *usual.values()]])
    if compared.usual.predictions is None:
        return
    parts = {
        "when it was judged": compared.usual.predictions,
        str(watched.month): compared.predicted.histogram,
    }
    yield _picture(
        "predictions",
        {name: table.select("bin", "trips") for name, table in parts.items()},
        {},
        "predicted duration, minutes",
    )


def _distributions(watched: Watched, compared: Comparison) -> Iterator[Block]:
    yield "The shares of the trips, in the champion's window and in the month."
    for feature, what in _AXES.items():
        parts = _both(watched, compared, feature)
        if all(len(bins) for bins in parts.values()):
            yield _picture(feature, parts, bin_names(feature), what)


def _zones(watched: Watched, compared: Comparison) -> Iterator[Block]:
    for feature, title in ((PICKUP_ZONE, "pickup zone"), (DROPOFF_ZONE, "dropoff zone")):
        yield f"The {title}s whose share of the trips has changed most:"
        window, month = _both(watched, compared, feature).values()
        table = _share_table({"window": window, "month": month})
        change = (pl.col("month") - pl.col("window")).abs()
        top = table.sort(change, "bin", descending=[True, False])[:_MOST_ZONES]
        names = bin_names(feature)
        rows = [[names.get(place, str(place)), *rest] for place, *rest in top.iter_rows()]
        yield Table((texts(title), shares("window"), shares(str(watched.month))), rows)


def _quality(watched: Watched, compared: Comparison) -> Table:
    summaries = [each.summary for each in (compared.month, compared.window)]
    rows: list[list[object]] = [
        ["rows", *(each["rows"] for each in summaries)],
        ["kept", *(each["kept"] for each in summaries)],
        ["kept trips with a zone missing", *(each["missing_zones"] for each in summaries)],
        ["kept trips without a distance", *(each["missing_distance"] for each in summaries)],
    ]
    rows += [
        [f"rejected: {reason}", *(each["rejected"].get(reason, 0) for each in summaries)]
        for reason in REASONS
    ]
    return Table((texts("rows"), counts(str(watched.month)), counts("the whole window")), rows)


def _both(watched: Watched, compared: Comparison, feature: str) -> dict[str, pl.DataFrame]:
    """Return the bins of a feature in the window and in the month."""
    return {
        "the champion's window": histogram_of(compared.window.histograms, feature),
        str(watched.month): histogram_of(compared.month.histograms, feature),
    }


def _picture(
    name: str, parts: Mapping[str, pl.DataFrame], names: Mapping[int | None, str], what: str
) -> Picture:
    table = _share_table(parts)
    bins = [names.get(place, str(place)) for place in table["bin"]]
    groups = {part: table[part].to_list() for part in parts}
    content = plots.shares_beside(bins, groups, what, f"Trips by {what}")
    return Picture(name, content, f"Shares of the trips by {what}")


def _share_table(parts: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the share of each bin in each part: `bin`, and a column for each part."""
    tables = [
        bins.select("bin", (pl.col("trips") / pl.col("trips").sum()).alias(part))
        for part, bins in parts.items()
    ]
    table, other = tables
    both = table.join(other, on="bin", how="full", nulls_equal=True, coalesce=True)
    return both.with_columns(pl.exclude("bin").fill_null(0.0)).sort("bin", nulls_last=True)
