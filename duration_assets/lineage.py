"""The graph: which assets there are, and which months of which assets each one reads.

This is the one description of the lineage. Dagster's dependencies and partition mappings are made
from it, the steps find what they read with it, and so does the command line decide what is out of
date. Knows no Dagster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from duration_assets.modelling.features import feature_set_named
from duration_assets.modelling.parameters import tuned_parameters
from duration_assets.months import Month
from duration_assets.settings import Settings

DATA, MODELS, EVALUATIONS = "data", "models", "evaluations"
CHAMPIONS, MONITORING = "champions", "monitoring"
"""The groups: each is made in one run for a month."""

TUNING = "tuning"
"""The group of what is made when a person asks for it, and is no part of a month's work."""

TUNING_SPAN = 12
"""Parameters are tuned on validation months among that many, the last month used included."""

MODEL_CODE = "8"
"""The version of the code that trains, without what it trains with."""


@dataclass(frozen=True)
class Reads:
    """What an asset reads of another: its months from `first` to `last`, counted from its own."""

    asset: str
    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class Node:
    """An asset in the graph.

    Attributes:
        key: `green/cleaned_trips`, or with the feature set `green/metered/duration_model`.
        group: `data`, `models`, `evaluations`, `champions`, `monitoring` or `tuning`.
        first_month: its first partition.
        code_version: of its code and of the settings that shape it: when it changes, what was
            made before is out of date.
        reads: what it reads.
    """

    key: str
    group: str
    first_month: Month
    code_version: str
    reads: tuple[Reads, ...] = ()

    def inputs(self, month: Month, first: Month) -> Iterator[tuple[str, Month]]:
        """Yield each partition that this asset's partition for `month` is made from.

        Args:
            month: the partition.
            first: the first month there is; a window that would start before it is shorter.
        """
        for reads in self.reads:
            start = max(month.shift(reads.first), first)
            for upstream in start.through(month.shift(reads.last)):
                yield reads.asset, upstream


def data_nodes(service: str, settings: Settings) -> list[Node]:
    """Return the assets that a service has once, in the order in which they are made."""
    first = settings.first_month_of(service)
    raw, cleaned = f"{service}/raw_trips", f"{service}/cleaned_trips"
    return [
        Node(raw, DATA, first, "1"),
        Node(cleaned, DATA, first, "3", (Reads(raw),)),
        Node(f"{service}/zone_statistics", DATA, first, "1", (Reads(cleaned),)),
    ]


def model_nodes(service: str, feature_set: str, settings: Settings) -> list[Node]:
    """Return the models of a feature set and their judgement, in the order in which they are made.

    These are what a training takes.
    """
    first = settings.first_month_of(service)
    window = settings.window_of(feature_set)
    start = 1 - window
    prefix = f"{service}/{feature_set}"
    cleaned, statistics = f"{service}/cleaned_trips", f"{service}/zone_statistics"
    preprocessor, matrix = f"{prefix}/preprocessor", f"{prefix}/training_matrix"
    model, validation = f"{prefix}/duration_model", f"{prefix}/validation_matrix"
    features = feature_set_named(feature_set)
    if features.uses_zone_statistics:
        fitted_on = (Reads(statistics, start),)
        matrix_reads: tuple[Reads, ...] = (
            Reads(preprocessor),
            Reads(cleaned, start),
            Reads(statistics, start),
        )
    else:
        fitted_on = (Reads(cleaned, start),)
        matrix_reads = (Reads(preprocessor), Reads(cleaned, start))
    windowed = f"{features.version}-window{window}"
    sampled = f"3-{windowed}-rows{settings.max_training_rows or 'all'}"
    return [
        Node(preprocessor, MODELS, first, windowed, fitted_on),
        Node(matrix, MODELS, first, sampled, matrix_reads),
        Node(
            model,
            MODELS,
            first,
            _model_version(feature_set, settings),
            (Reads(preprocessor), Reads(matrix)),
        ),
        Node(validation, EVALUATIONS, first.shift(1), "3", (Reads(cleaned), Reads(model, -1, -1))),
        Node(
            f"{prefix}/evaluation",
            EVALUATIONS,
            first.shift(1),
            "4",
            (Reads(validation), Reads(model, -1, -1)),
        ),
    ]


def tuning_node(service: str, feature_set: str, settings: Settings) -> Node:
    """Return the asset that holds the parameters found for a feature set.

    It is partitioned by the last month used, and is none of `nodes_of`: no month waits for it, and
    it is made when a person asks for it alone.
    """
    first = settings.first_month_of(service)
    window = settings.window_of(feature_set)
    earliest = 1 - TUNING_SPAN - window
    version = feature_set_named(feature_set).version
    return Node(
        f"{service}/{feature_set}/tuned_parameters",
        TUNING,
        first.shift(1),
        f"2-{version}-window{window}",
        (
            Reads(f"{service}/cleaned_trips", earliest),
            Reads(f"{service}/zone_statistics", earliest, -1),
        ),
    )


def _model_version(feature_set: str, settings: Settings) -> str:
    """Return the version of a model's code, and of the parameters that it is trained with."""
    tuned = tuned_parameters(feature_set, settings.parameters)
    return MODEL_CODE if tuned is None else f"{MODEL_CODE}-{tuned.version}"


def champion_nodes(service: str, feature_set: str, settings: Settings) -> list[Node]:
    """Return the asset that decides which model of a feature set is in use."""
    prefix = f"{service}/{feature_set}"
    reads = (
        Reads(f"{prefix}/evaluation"),
        Reads(f"{prefix}/duration_model", -1, -1),
        # The champion of before is judged on the same trips.
        Reads(f"{service}/cleaned_trips"),
    )
    first = settings.first_month_of(service).shift(1)
    return [Node(f"{prefix}/champion", CHAMPIONS, first, "1", reads)]


def monitoring_nodes(service: str, feature_set: str, settings: Settings) -> list[Node]:
    """Return what the champion does at work, and how it does, in the order in which it is made."""
    prefix = f"{service}/{feature_set}"
    cleaned = Reads(f"{service}/cleaned_trips")
    # Asked is the model that was in use before anything was known of the month.
    in_use = Reads(f"{prefix}/champion", -1, -1)
    first = settings.first_month_of(service).shift(2)
    limits = "-".join(f"{limit:g}" for limit in settings.drift_limits.values())
    # Every published row gets a prediction. Cleaned trips make both ready at once, for one run, and
    # keep a month out that a blocking check refuses.
    published = (Reads(f"{service}/raw_trips"), cleaned, in_use)
    return [
        Node(f"{prefix}/predictions", MONITORING, first, "1", published),
        Node(f"{prefix}/drift", MONITORING, first, f"1-{limits}", (cleaned, in_use)),
    ]


def nodes_of(service: str, feature_set: str, settings: Settings) -> list[Node]:
    """Return the assets of a service and a feature set, in the order in which they are made."""
    return [*data_nodes(service, settings), *feature_set_nodes(service, feature_set, settings)]


def feature_set_nodes(service: str, feature_set: str, settings: Settings) -> list[Node]:
    """Return all assets that a feature set has for itself, in the order in which they are made."""
    return [
        *model_nodes(service, feature_set, settings),
        *champion_nodes(service, feature_set, settings),
        *monitoring_nodes(service, feature_set, settings),
    ]


def all_nodes(settings: Settings) -> list[Node]:
    """Return every asset that the settings ask for, in the order in which they are made."""
    nodes = []
    for service in settings.services:
        nodes.extend(data_nodes(service, settings))
        for feature_set in settings.feature_sets:
            nodes.extend(feature_set_nodes(service, feature_set, settings))
    return nodes
