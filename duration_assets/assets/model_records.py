"""What is written down about a model: the record of its training, and its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from duration_assets.addresses import without_secrets
from duration_assets.assets.common import Place
from duration_assets.data_versions import model_content
from duration_assets.lineage import MODEL_CODE
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.model_card import (
    CardFacts,
    MonthAfter,
    card_beginning,
    model_card,
)
from duration_assets.modelling.parameters import parameters_of, tuned_through
from duration_assets.modelling.training import FittedBooster
from duration_assets.modelling.training_record import (
    RECORD_FILE,
    MonthRecord,
    TrainingRecord,
    distinct_features,
    machine_now,
    packages_now,
)
from duration_assets.months import Month
from duration_assets.resources.partition import Partition, partition_name
from duration_assets.resources.registry import registered_name
from duration_assets.resources.store import Store
from duration_assets.resources.tracking import Tracking


def training_record(
    place: Place,
    store: Store,
    fitted_on: Partition,
    matrix: Partition,
    model: DurationModel,
    fitted: FittedBooster,
    folder: Path,
) -> TrainingRecord:
    """Write down what a model was made from.

    Args:
        place: the place of `duration_model`.
        store: where the months are.
        fitted_on: the partition of `preprocessor`.
        matrix: the partition of `training_matrix`.
        model: the model.
        fitted: how its booster came about.
        folder: holds the files of the model.
    """
    service, feature_set = place.service.name, place.feature_set
    settings, columns = place.settings, model.preprocessor.feature_names
    return TrainingRecord(
        service=service,
        feature_set=feature_set,
        months=tuple(
            _month_record(service, Month.parse(month), matrix, store)
            for month in matrix.summary["window"]
        ),
        simulated=matrix.simulated,
        sampled=matrix.summary["sampled"],
        trips=matrix.summary["rows"],
        features=distinct_features(columns),
        columns=len(columns),
        home=str(settings.home),
        source=without_secrets(settings.source),
        settings={
            "window": settings.window_of(feature_set),
            "max_training_rows": settings.max_training_rows,
            "threads": settings.threads,
        },
        code_versions={
            "preprocessor": fitted_on.code_version,
            "training_matrix": matrix.code_version,
            "duration_model": MODEL_CODE,
        },
        packages=packages_now(),
        machine=machine_now(),
        parameters=fitted.parameters,
        rounds=fitted.rounds,
        metrics=fitted.metrics,
        content=model_content(folder),
        tuned_through=tuned_through(feature_set, settings.parameters),
        usual=parameters_of(feature_set, settings.parameters),
    )


def _month_record(service: str, month: Month, matrix: Partition, store: Store) -> MonthRecord:
    cleaned, statistics = f"{service}/cleaned_trips", f"{service}/zone_statistics"
    version = matrix.inputs[partition_name(cleaned, month)]
    found = store.find(cleaned, month)
    raw = kept = other_months = None
    # A month that was published again since the window was encoded came from another file.
    if found is not None and found.data_version == version:
        raw = found.inputs[partition_name(f"{service}/raw_trips", month)]
        kept = found.summary["kept"]
        other_months = kept - found.summary["picked_up_in_month"]
    return MonthRecord(
        month=str(month),
        raw=raw,
        cleaned=version,
        statistics=matrix.inputs.get(partition_name(statistics, month)),
        kept=kept,
        other_months=other_months,
    )


def log_judged_card(
    tracking: Tracking,
    model: Partition,
    month: Month,
    metrics: Mapping[str, float],
    earlier: Mapping[Month, Partition],
) -> None:
    """Bring the card of a model in MLflow up to date with its evaluation.

    A model that was trained before there were cards has none, and gets none.

    Args:
        tracking: where the card is.
        model: the partition of `duration_model`.
        month: the month that it was judged on, the one after its own.
        metrics: the model's, on that month.
        earlier: the evaluations of the models before.
    """
    record = model.folder / RECORD_FILE
    if not record.exists():
        return
    facts = card_facts(
        TrainingRecord.from_json(record.read_text()),
        model.summary["run_id"],
        model.summary["model_uri"],
        MonthAfter(
            str(month),
            metrics,
            {str(before): found.summary["metrics"] for before, found in earlier.items()},
        ),
    )
    tracking.log_card(facts.run_id, model_card(facts), card_beginning(facts))


def card_facts(
    record: TrainingRecord, run_id: str, model_uri: str, after: MonthAfter | None = None
) -> CardFacts:
    """Return what a model's card is written from."""
    registered = registered_name(record.service, record.feature_set)
    return CardFacts(record, run_id, model_uri, registered, after)
