"""The card of a model, as Markdown: what it is, how good it is, its limits, what it was made from.

Written from facts alone, with no look at files, clocks or versions: the same facts give the same
card. Where cards are kept belongs elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from duration_assets.modelling.cleaning import LONGEST, SHORTEST
from duration_assets.modelling.feature_descriptions import about_features, describe_feature
from duration_assets.modelling.features import feature_set_named
from duration_assets.modelling.training_record import CARD_FILE, TrainingRecord
from duration_assets.services import FIRST_ZONE, service_named

_METRICS = {
    "rmse": "RMSE, minutes",
    "mae": "MAE, minutes",
    "median_absolute_error": "median absolute error, minutes",
    "p90_absolute_error": "90th percentile of the absolute error, minutes",
    "bias": "bias (predicted less actual), minutes",
    "share_within_5_minutes": "share of trips within 5 minutes",
    "coverage": "share of trips within their 80% intervals",
    "interval_width": "mean width of the intervals, minutes",
    "winkler": "interval score (Winkler's), minutes",
    "all_trips_rmse": "RMSE on all trips of 0 to 180 minutes",
    "baseline_pair_median_rmse": "RMSE of the zone pair's median, to beat",
    "baseline_linear_rmse": "RMSE of a linear regression, to beat",
    "baseline_mean_rmse": "RMSE of the mean, to beat",
}
"""The metrics that a card shows, in order; what an evaluation has beyond stands in MLflow."""


@dataclass(frozen=True)
class MonthAfter:
    """How a model did on the month after its training month.

    Attributes:
        month: that month.
        metrics: of this model, by name.
        earlier: the same of the models of earlier months, each judged on the month after its own,
            by that month, oldest first.
    """

    month: str
    metrics: Mapping[str, float]
    earlier: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class CardFacts:
    """What a card is written from.

    Attributes:
        record: the training.
        run_id: MLflow's.
        model_uri: MLflow's.
        registered: the name in MLflow's registry.
        after: None until the month after has been evaluated.
    """

    record: TrainingRecord
    run_id: str
    model_uri: str
    registered: str
    after: MonthAfter | None = None


def model_card(facts: CardFacts) -> str:
    """Write the whole card."""
    record = facts.record
    sections = {
        "Months": _months(record),
        "Features": _features(record),
        "Parameters": _parameters(record),
        "Versions": _versions(record),
        "Licence": _licence(record),
    }
    details = [f"## {title}\n\n{text}" for title, text in sections.items()]
    return "\n\n".join([_beginning(facts), *details]) + "\n"


def card_beginning(facts: CardFacts) -> str:
    """Write what stands before the tables of the card, for places that take a short text alone.

    It ends with where the whole card is.
    """
    where = f"The whole card is the artifact `{CARD_FILE}` of the run `{facts.run_id}`."
    return f"{_beginning(facts)}\n\n{where}\n"


def _beginning(facts: CardFacts) -> str:
    record = facts.record
    sections = {
        "How good it is": _quality(facts),
        "Limits": _limits(record),
        "Make it again": _reproduction(facts),
    }
    title = f"# {record.service}/{record.feature_set}, trained up to {record.training_month}"
    warning = [
        "**SIMULATED trips went into this model: its figures say nothing about New York.**"
    ] * record.simulated
    later = [f"## {name}\n\n{text}" for name, text in sections.items()]
    return "\n\n".join([title, *warning, _what_it_is(facts), *later])


def _what_it_is(facts: CardFacts) -> str:
    record = facts.record
    service, feature_set = service_named(record.service), feature_set_named(record.feature_set)
    return _list(
        [
            "**Target**: how long a trip takes from pickup to dropoff, in minutes.",
            f"**Service**: {service.title} (`{service.name}`). {service.note}".rstrip(),
            f"**Features**: `{feature_set.name}`, {feature_set.description}.",
            f"**Algorithm**: XGBoost, gradient-boosted trees, {record.rounds:,} rounds.",
            f"**Data**: {_data(record)}",
            f'**Load it**: `mlflow.pyfunc.load_model("{facts.model_uri}")`; registered as '
            f"`{facts.registered}`. It takes trips in TLC's own columns.",
        ]
    )


def _data(record: TrainingRecord) -> str:
    months = [month.month for month in record.months]
    span = months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}"
    count = "1 month" if len(months) == 1 else f"{len(months)} months"
    whose = "files, simulated all or in part," if record.simulated else "TLC's files"
    which = "a sample of the" if record.sampled else "all"
    return f"{whose} of {count}, {span}: {which} trips of {_lengths()}, {record.trips:,}."


def _lengths() -> str:
    return f"{SHORTEST:.0f} to {LONGEST:.0f} minutes"


def _quality(facts: CardFacts) -> str:
    metrics = facts.record.metrics
    lines = [
        f"Training window, which it was fitted on: RMSE {metrics['training_rmse']:.3f}, "
        f"MAE {metrics['training_mae']:.3f} minutes."
    ]
    if "holdout_rmse" in metrics:
        lines.append(
            f"End of the window (from the 22nd day of {facts.record.training_month} on), when "
            f"fitted on what comes before alone: RMSE {metrics['holdout_rmse']:.3f} minutes."
        )
    if facts.after is None:
        lines.append("Month after, which it has never seen: not judged when this card was written.")
        return _list(lines)
    return f"{_list(lines)}\n\n{_month_after(facts.after)}"


def _month_after(after: MonthAfter) -> str:
    shown = [name for name in _METRICS if name in after.metrics]
    head = f"On {after.month}, the month after, which it has never seen"
    if not after.earlier:
        rows = [[_METRICS[name], f"{after.metrics[name]:.3f}"] for name in shown]
        return f"{head}:\n\n{_table(['metric', 'this model'], rows)}"
    rows = [
        [_METRICS[name], f"{after.metrics[name]:.3f}", *_spread(name, after.earlier)]
        for name in shown
    ]
    months = list(after.earlier)
    models = "1 earlier model" if len(months) == 1 else f"{len(months)} earlier models"
    beside = (
        f"{head}, beside {models} of this feature set, each on the month after its own "
        f"({months[0]} to {months[-1]}):"
    )
    headings = ["metric", "this model", "earlier: mean", "spread", "lowest", "highest"]
    note = "The spread is the standard deviation. Windows may differ in length from model to model."
    return f"{beside}\n\n{_table(headings, rows)}\n\n{note}"


def _spread(name: str, earlier: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return mean, standard deviation, lowest and highest, as far as they are known."""
    values = [metrics[name] for metrics in earlier.values() if name in metrics]
    if not values:
        return ["not known"] * 4
    deviation = f"{stdev(values):.3f}" if len(values) > 1 else "one alone"
    return [f"{fmean(values):.3f}", deviation, f"{min(values):.3f}", f"{max(values):.3f}"]


def _limits(record: TrainingRecord) -> str:
    service = service_named(record.service)
    zones = f"{FIRST_ZONE} to {service.last_zone}"
    feature_set = feature_set_named(record.feature_set)
    unknown = (
        "A trip with any other zone, or with none, is predicted as one from or to an unknown zone."
        if feature_set.uses_zone_statistics
        else "Of a pair of zones that did not occur in the window it knows nothing, and goes by "
        "the distance alone."
    )
    lines = [
        f"Only trips of {_lengths()} were kept for training: it knows nothing of longer ones, and "
        "the errors are those of trips of that length, unless they say otherwise.",
        f"Zones are TLC's ids, {zones}. {unknown}",
        *_other_months(record),
        *_distance(feature_set.uses_distance),
        "It knows nothing of weather, events, holidays or road works.",
        "It knows the city as it was in the window, and gets older every month.",
    ]
    return _list(lines)


def _other_months(record: TrainingRecord) -> list[str]:
    counts = [month.other_months for month in record.months]
    known = sum(count for count in counts if count is not None)
    if not known:
        return []
    return [
        f"{known:,} of the window's kept trips say that they began in another month than the one "
        "of their file, some in another year. They were kept."
    ]


def _distance(used: bool) -> list[str]:
    if not used:
        return ["It is not told how far a trip goes, which is known only after it."]
    return [
        "It needs the metered distance, which is known only after the trip: before one, it can "
        "only be guessed, and the errors above do not hold."
    ]


def _reproduction(facts: CardFacts) -> str:
    return (
        f"`duration-prediction reproduce {facts.run_id}`, with the home that it was logged from, "
        "trains it again from the same files, and says whether it becomes the same model."
    )


def _months(record: TrainingRecord) -> str:
    rows = [
        [
            month.month,
            "not known" if month.kept is None else f"{month.kept:,}",
            "not known" if month.raw is None else f"`{month.raw}`",
        ]
        for month in record.months
    ]
    text = f"From {record.source}. A file is known by its SHA-256."
    return f"{text}\n\n{_table(['month', 'kept trips', 'file'], rows)}"


def _features(record: TrainingRecord) -> str:
    rows = [[f"`{name}`", describe_feature(name)] for name in record.features]
    about = about_features(feature_set_named(record.feature_set))
    count = f"{record.columns:,} columns."
    return f"{' '.join([count, *about])}\n\n{_table(['feature', 'what it is'], rows)}"


def _parameters(record: TrainingRecord) -> str:
    rows = [[f"`{name}`", str(value)] for name, value in record.parameters.items()]
    table = _table(["parameter", "value"], [["rounds", f"{record.rounds:,}"], *rows])
    if record.tuned_through is None:
        return table
    about = (
        f"They were chosen on months up to {record.tuned_through}: how models do on these months "
        "is a little too good to go by."
    )
    return f"{about}\n\n{table}"


def _versions(record: TrainingRecord) -> str:
    rows = [[f"`{name}`", version] for name, version in record.packages.items()]
    threads = record.settings["threads"]
    made = f"Made on {record.machine}, with {threads} thread{'s' * (threads != 1)}."
    return f"{made}\n\n{_table(['package', 'version'], rows)}"


def _licence(record: TrainingRecord) -> str:
    code = "The code that made this model, and that it carries, is under the MIT licence."
    if record.simulated:
        return f"{code} The trips are this project's own simulation."
    return (
        f"{code} The trips are published by the New York City Taxi and Limousine Commission as "
        "open data; the MIT licence does not cover them."
    )


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
