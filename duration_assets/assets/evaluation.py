"""`evaluation`: how well the model of the month before predicts a month."""

import json

import dagster as dg
import numpy as np
import polars as pl

from duration_assets.assets.common import Place, month_of
from duration_assets.assets.descriptions import describe_table, pictures, result
from duration_assets.assets.training_matrix import MEDIANS_FILE
from duration_assets.assets.validation_matrix import TRIPS_FILE, VALIDATION
from duration_assets.checks import check_results, check_specs
from duration_assets.modelling.features import FloatArray
from duration_assets.modelling.matrix_files import StoredExamples
from duration_assets.modelling.metrics import error_metrics
from duration_assets.resources.files import content_hash
from duration_assets.resources.partition import Partition
from duration_assets.resources.store import Store
from duration_assets.resources.tracking import Tracking
from duration_assets.retention import drop_used_matrices

METRICS_FILE = "metrics.json"


def build_evaluation(place: Place) -> dg.AssetsDefinition:
    """Build the asset for a service and feature set."""

    @dg.asset(
        **place.spec_options(
            "Metrics and error plots of the model of the month before, on this month's kept trips "
            "and, as `all_trips_…`, on all trips of 0 to 180 minutes, beside two baselines.",
            {"mlflow"},
        ),
        partitions_def=place.partitions,
        check_specs=check_specs(place),
    )
    @place.step
    def evaluation(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[Store],
        tracking: dg.ResourceParam[Tracking],
    ) -> dg.MaterializeResult:
        month = month_of(context)
        inputs = place.inputs(month, store)
        matrix = inputs["validation_matrix"][month]
        model = inputs["duration_model"][month.shift(-1)]
        trips = pl.read_parquet(matrix.file(TRIPS_FILE))
        predicted = _predict(model, matrix)
        metrics = _metrics(trips, predicted, model)
        images = _images(trips, predicted)
        run_id = model.summary["run_id"]
        with store.writing(place.node.key, month) as draft:
            (draft.folder / METRICS_FILE).write_text(json.dumps(metrics, sort_keys=True))
            for name, content in images.items():
                (draft.folder / f"{name}.png").write_bytes(content)
            tracking.log_evaluation(
                run_id,
                metrics=metrics,
                tags={"validation_month": str(month)},
                images={f"evaluation/{name}.png": content for name, content in images.items()},
            )
            partition = place.commit(
                draft,
                inputs,
                data_version=content_hash(draft.folder / METRICS_FILE),
                summary={"metrics": metrics, "run_id": run_id},
            )
        drop_used_matrices(store, matrix.asset, place.node.key, keep=place.settings.keep_matrices)
        return result(
            partition,
            {
                "mlflow_run": dg.MetadataValue.url(tracking.run_url(run_id)),
                **describe_table(
                    trips.lazy().with_columns(predicted=pl.Series(predicted)), len(trips)
                ),
                "trips_kept": matrix.summary["kept"],
                **metrics,
                **pictures(images),
            },
            check_results(place, partition, store),
        )

    return evaluation


def _predict(model: Partition, matrix: Partition) -> FloatArray:
    from duration_assets.modelling.model import load_booster, predict_matrix

    booster = load_booster(model.folder)
    chunks = StoredExamples(matrix.file(VALIDATION))
    return np.concatenate([predict_matrix(booster, chunk.features) for chunk in chunks])


def _metrics(trips: pl.DataFrame, predicted: FloatArray, model: Partition) -> dict[str, float]:
    from duration_assets.modelling.baselines import baseline_predictions

    kept = trips["kept"].to_numpy()
    actual = trips["duration"].to_numpy()
    everything = error_metrics(predicted, actual)
    medians = pl.read_parquet(model.file(MEDIANS_FILE))
    baselines = baseline_predictions(trips.filter("kept"), medians)
    return {
        **error_metrics(predicted[kept], actual[kept]),
        **{f"all_trips_{name}": value for name, value in everything.items()},
        **{
            f"baseline_{name}_rmse": error_metrics(guess, actual[kept])["rmse"]
            for name, guess in baselines.items()
        },
    }


def _images(trips: pl.DataFrame, predicted: FloatArray) -> dict[str, bytes]:
    from duration_assets.modelling import plots

    kept = trips["kept"].to_numpy()
    near, actual = predicted[kept], trips["duration"].to_numpy()[kept]
    hours = trips.filter("kept")["pickup_time"].dt.hour().to_numpy()
    return {
        "errors": plots.error_histogram(near, actual),
        "predictions": plots.predicted_against_actual(near, actual),
        "error_by_hour": plots.error_by_hour(near, actual, hours),
    }
