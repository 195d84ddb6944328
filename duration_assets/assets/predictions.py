"""`predictions`: what the champion says of each trip of a month that it has not seen."""

from dataclasses import asdict
from typing import Any

import dagster as dg
import polars as pl

from duration_assets.assets.champion_partition import MODEL_FOLDER
from duration_assets.assets.common import Place, month_of
from duration_assets.assets.descriptions import describe_table, result
from duration_assets.assets.raw_trips import TRIPS_FILE
from duration_assets.checks import check_results, check_specs
from duration_assets.modelling.batch_predictions import COLUMN_DESCRIPTIONS, BatchSummary, rides_of
from duration_assets.modelling.published_rows import open_rows
from duration_assets.predicting import version_name, write_predictions
from duration_assets.progress import Progress
from duration_assets.resources.files import content_hash
from duration_assets.resources.registry import registered_name
from duration_assets.resources.store import Store

PREDICTIONS_FILE = "predictions.parquet"


def build_predictions(place: Place) -> dg.AssetsDefinition:
    """Build the asset for a service and feature set."""

    @dg.asset(
        **place.spec_options(
            "What the champion predicts for each row of a month's published file, beside what "
            "became of it. The champion is the one that was decided on no later than the month "
            "before.",
            {"parquet"},
        ),
        partitions_def=place.partitions,
        check_specs=check_specs(place),
    )
    @place.step
    def predictions(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[Store],
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        from duration_assets.modelling.model import DurationModel

        month = month_of(context)
        inputs = place.inputs(month, store)
        champion = inputs["champion"][month.shift(-1)]
        model = DurationModel.load(champion.file(MODEL_FOLDER))
        feature_set = model.preprocessor.feature_set
        published = inputs["raw_trips"][month]
        rows = open_rows(published.file(TRIPS_FILE), place.service, feature_set)
        name = registered_name(place.service.name, feature_set.name)
        model_version = version_name(name, champion.summary["champion_version"])
        with store.writing(place.node.key, month) as draft:
            output = draft.folder / PREDICTIONS_FILE
            with progress.task(f"Predicting {month}", "trips", context.log) as report:
                found = write_predictions(
                    model,
                    rows,
                    output,
                    rides=rides_of(month),
                    model_version=model_version,
                    simulated=published.simulated or champion.simulated,
                    report=report,
                    threads=place.settings.threads,
                )
            partition = place.commit(
                draft,
                inputs,
                data_version=content_hash(output),
                summary={
                    **asdict(found),
                    "model_version": model_version,
                    "run_id": champion.summary["champion_run_id"],
                    "training_month": champion.summary["champion_training_month"],
                },
            )
        table = pl.scan_parquet(partition.file(PREDICTIONS_FILE))
        return result(
            partition,
            {
                **describe_table(table, found.rows, COLUMN_DESCRIPTIONS),
                "model_version": model_version,
                "trained_up_to": partition.summary["training_month"],
                **_figures(found),
            },
            check_results(place, partition, store),
        )

    return predictions


def _figures(found: BatchSummary) -> dict[str, Any]:
    """Return counts, and the errors on the trips of 1 to 60 minutes."""
    counts = {
        "without_pickup_time": found.without_pickup_time,
        "unknown_zones": found.unknown_zones,
        "missing_distance": found.missing_distance,
        "judged": found.judged,
    }
    errors = {"rmse": found.rmse, "mae": found.mae, "coverage": found.coverage}
    return {**counts, **{name: value for name, value in errors.items() if value is not None}}
