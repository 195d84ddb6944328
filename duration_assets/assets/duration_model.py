"""`duration_model`: the trained model of a window with its preprocessor, logged to MLflow."""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from duration_assets.addresses import without_secrets
from duration_assets.assets.common import Place, month_of
from duration_assets.assets.descriptions import column_schema, pictures, preview, result
from duration_assets.assets.model_records import card_facts, training_record
from duration_assets.begun import Reporting, begun
from duration_assets.modelling.baselines import BASELINE_FILES
from duration_assets.modelling.features import FeatureSet
from duration_assets.modelling.matrices import part_names
from duration_assets.modelling.matrix_files import StoredExamples
from duration_assets.modelling.model_card import card_beginning, model_card
from duration_assets.modelling.parameters import parameters_of, tuned_through
from duration_assets.modelling.preprocessors import (
    COURSE_FILE,
    PREPROCESSOR_FILE,
    load_preprocessor,
)
from duration_assets.modelling.training_record import CARD_FILE, RECORD_FILE, TrainingRecord
from duration_assets.months import Month
from duration_assets.pools import TRAINING
from duration_assets.progress import Progress, Report
from duration_assets.resources.files import write_atomically
from duration_assets.resources.partition import Draft, Partition
from duration_assets.resources.registry import registered_name
from duration_assets.resources.store import Store
from duration_assets.resources.tracking import Tracking
from duration_assets.resources.training_run import TrainingRun
from duration_assets.retention import drop_used_matrices

if TYPE_CHECKING:
    from duration_assets.modelling.model_logging import LoggedModel
    from duration_assets.modelling.training import FittedBooster

Inputs = Mapping[str, Mapping[Month, Partition]]


@dataclass(frozen=True)
class _Trained:
    """What a step trained, before it is logged."""

    model: Any
    fitted: Any
    importance: bytes


def build_duration_model(place: Place, feature_set: FeatureSet) -> dg.AssetsDefinition:
    """Build the asset for a service and feature set."""

    @dg.asset(
        **place.spec_options(
            f"XGBoost's model of trip durations in minutes: {feature_set.description}. Logged to "
            "MLflow whole, raw trips in and minutes out.",
            {"xgboost", "mlflow"},
        ),
        partitions_def=place.partitions,
        pool=TRAINING,
    )
    @place.step
    def duration_model(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[Store],
        tracking: dg.ResourceParam[Tracking],
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        month = month_of(context)
        inputs = place.inputs(month, store)
        matrix = inputs["training_matrix"][month]
        writing, reading = store.writing(place.node.key, month), store.reading(matrix)
        with writing as draft, reading, tracking.beside_threads(), ExitStack() as fitting:
            report = fitting.enter_context(
                progress.task(f"Training {month}", "rounds", context.log)
            )
            # Trees seldom need Python itself: MLflow is imported, and its run opened, meanwhile.
            fit = fitting.enter_context(begun(_fit(place, feature_set, inputs, month), report))
            with tracking.training_run(
                run_name=f"{place.service.name}/{feature_set.name}/{month}",
                dagster_run_id=context.run.run_id,
                job_name=context.run.job_name,
                log=context.log,
                tags=_tags(place, feature_set, month, matrix),
            ) as run:
                fitted = fit.result()
                fitting.close()
                trained = _trained(place, inputs, month, fitted, draft.folder)
                logged = _log(place, run, trained, inputs, month, draft.folder)
                fitted_on = inputs["preprocessor"][month]
                record = training_record(
                    place, store, fitted_on, matrix, trained.model, trained.fitted, draft.folder
                )
                _write_down(run, record, logged.uri, draft.folder)
            # Only a model whose MLflow run has ended well becomes the partition.
            partition = _commit(place, draft, inputs, record, run.run_id, logged)
        drop_used_matrices(store, matrix.asset, place.node, keep=place.settings.keep_matrices)
        _write_course_files(place.settings.home, partition)
        return _describe(partition, trained, tracking.run_url(run.run_id))

    return duration_model


def _tags(place: Place, feature_set: FeatureSet, month: Month, matrix: Partition) -> dict[str, str]:
    tuned = tuned_through(feature_set.name, place.settings.parameters)
    return {
        **({} if tuned is None else {"tuned_through": tuned}),
        "service": place.service.name,
        "feature_set": feature_set.name,
        "training_month": str(month),
        "simulated": str(matrix.simulated).lower(),
        "sampled": str(matrix.summary["sampled"]).lower(),
    }


def _describe(partition: Partition, trained: _Trained, run_url: str) -> dg.MaterializeResult:
    summary = partition.summary
    example = _example(trained.model)
    return result(
        partition,
        {
            "mlflow_run": dg.MetadataValue.url(run_url),
            "mlflow_run_id": summary["run_id"],
            "model_uri": summary["model_uri"],
            "window": ", ".join(summary["window"]),
            "dagster/row_count": summary["trips"],
            "dagster/column_schema": column_schema(example.schema, {}),
            "preview": preview(example),
            "rounds": summary["rounds"],
            "parameters": dg.MetadataValue.json(trained.fitted.parameters),
            "tuned_through": summary["tuned_through"] or "",
            **trained.fitted.metrics,
            "model_card": dg.MetadataValue.md(partition.file(CARD_FILE).read_text()),
            **pictures({"feature_importance": trained.importance}),
        },
    )


def _example(model: Any) -> pl.DataFrame:
    """Return a few raw trips, as the model takes them, with what it predicts."""
    from duration_assets.modelling.model_logging import example_trips

    rows = example_trips(model.service, model.preprocessor.feature_set.uses_distance)
    minutes = model.predict_published(rows)
    return pl.from_pandas(rows).with_columns(predicted_minutes=pl.Series(minutes))


def _fit(
    place: Place, feature_set: FeatureSet, inputs: Inputs, month: Month
) -> Callable[[Report], "FittedBooster"]:
    """Return what fits, for a thread: what it imports is imported here, before others import."""
    from duration_assets.modelling import loading_xgboost
    from duration_assets.modelling.training import fit_parts

    loading_xgboost.load()
    matrix = inputs["training_matrix"][month]
    stored = {name: StoredExamples(matrix.file(name)) for name in part_names(feature_set)}
    parameters = parameters_of(feature_set.name, place.settings.parameters)

    def fit(report: Report) -> "FittedBooster":
        parts = {name: Reporting(examples, report) for name, examples in stored.items()}
        return fit_parts(parts, place.settings.threads, parameters, report)

    return fit


def _trained(
    place: Place, inputs: Inputs, month: Month, fitted: "FittedBooster", folder: Path
) -> _Trained:
    """Make a model of what was fitted, and write its files."""
    from duration_assets.modelling import plots
    from duration_assets.modelling.model import DurationModel

    source = inputs["preprocessor"][month]
    matrix = inputs["training_matrix"][month]
    preprocessor = load_preprocessor(source.file(PREPROCESSOR_FILE))
    model = DurationModel(place.service, preprocessor, fitted.booster, fitted.intervals)
    model.save(folder)
    shutil.copy(source.file(COURSE_FILE), folder / COURSE_FILE)
    for name in BASELINE_FILES:
        shutil.copy(matrix.file(name), folder / name)
    importance = plots.feature_importance(fitted.booster, preprocessor.feature_names)
    return _Trained(model, fitted, importance)


def _log(
    place: Place,
    run: TrainingRun,
    trained: _Trained,
    inputs: Inputs,
    month: Month,
    folder: Path,
) -> "LoggedModel":
    from duration_assets.modelling.model_logging import example_trips, log_model

    matrix = inputs["training_matrix"][month]
    feature_set = trained.model.preprocessor.feature_set
    run.log_params(
        {
            **trained.fitted.parameters,
            "rounds": trained.fitted.rounds,
            "window": len(matrix.summary["window"]),
            "first_month": matrix.summary["window"][0],
            "last_month": matrix.summary["window"][-1],
        }
    )
    run.log_metrics({**trained.fitted.metrics, "training_trips": float(matrix.summary["rows"])})
    run.log_history("rmse_by_round", trained.fitted.holdout_rmse)
    versions = {**inputs["preprocessor"][month].inputs, **matrix.inputs}
    run.log_inputs(versions, place.settings.home.name)
    run.log_file(folder / COURSE_FILE, "preprocessor")
    run.log_bytes(trained.importance, "plots/feature_importance.png")
    whole = folder / "whole"
    whole.mkdir()
    trained.model.save(whole)
    logged = log_model(
        trained.model,
        whole,
        example_trips(place.service, feature_set.uses_distance),
        registered_name(place.service.name, feature_set.name),
    )
    shutil.rmtree(whole)
    return logged


def _write_down(run: TrainingRun, record: TrainingRecord, uri: str, folder: Path) -> None:
    """Leave the training's record and the model's card in MLflow and in the partition."""
    facts = card_facts(record, run.run_id, uri)
    card = model_card(facts)
    (folder / RECORD_FILE).write_text(record.as_json())
    (folder / CARD_FILE).write_text(card)
    run.log_file(folder / RECORD_FILE)
    run.log_card(card, card_beginning(facts))


def _commit(
    place: Place,
    draft: Draft,
    inputs: Inputs,
    record: TrainingRecord,
    run_id: str,
    logged: "LoggedModel",
) -> Partition:
    # A training is part of the version: each MLflow run gets an evaluation of its own.
    version = hashlib.sha256(f"{record.content} {run_id}".encode()).hexdigest()
    return place.commit(
        draft,
        inputs,
        data_version=version,
        summary={
            "run_id": run_id,
            "model_uri": logged.uri,
            "registered_version": logged.version,
            "registered_in": without_secrets(place.settings.tracking_uri),
            "content": record.content,
            "rounds": record.rounds,
            "trips": record.trips,
            "features": record.columns,
            "window": [month.month for month in record.months],
            "tuned_through": record.tuned_through,
            **record.metrics,
        },
    )


def _write_course_files(home: Path, partition: Partition) -> None:
    """Leave the two files that the course's users look for in the home."""
    write_atomically(home / "run_id.txt", partition.summary["run_id"].encode())
    write_atomically(home / "models" / COURSE_FILE, partition.file(COURSE_FILE).read_bytes())
