"""`preprocessor` and `training_matrix`: fitted on a window, and the window encoded with it.

One step makes both, so that all of a model's assets become ready at once and a backfill puts them
into one run.
"""

import json
from collections.abc import Iterator, Mapping

import dagster as dg
import polars as pl

from duration_assets.assets.common import Place, kept_trips, month_names, month_of
from duration_assets.assets.descriptions import describe_file, describe_matrix, result
from duration_assets.checks import check_results, check_specs
from duration_assets.modelling.baselines import Baselines
from duration_assets.modelling.cleaning import KEPT_FILE
from duration_assets.modelling.features import FeatureSet
from duration_assets.modelling.matrices import TRAINING, training_parts, write_parts
from duration_assets.modelling.matrix_files import FEATURES_FILE, StoredExamples
from duration_assets.modelling.preprocessors import (
    COURSE_FILE,
    PREPROCESSOR_FILE,
    fit_preprocessor,
    load_preprocessor,
    save_for_course_users,
)
from duration_assets.modelling.statistics import STATISTICS_FILE
from duration_assets.modelling.trip_batches import MonthTrips, sample_window
from duration_assets.months import Month
from duration_assets.progress import Progress, Report
from duration_assets.resources.files import content_hash, folder_hash
from duration_assets.resources.partition import Partition
from duration_assets.resources.store import Store

Inputs = Mapping[str, Mapping[Month, Partition]]


def build_training_matrix(
    preprocessor: Place, matrix: Place, feature_set: FeatureSet
) -> dg.AssetsDefinition:
    """Build both assets for a service and feature set."""
    specs = [
        dg.AssetSpec(
            **preprocessor.spec_options(
                f"The preprocessor fitted on the training window: {feature_set.description}.",
                {"parquet", "scikitlearn"},
            ),
            partitions_def=preprocessor.partitions,
        ),
        dg.AssetSpec(
            **matrix.spec_options(
                "The training window's features and durations. A trip is encoded without its own "
                "week's statistics, so that it never sees itself.",
                {"numpy"},
            ),
            partitions_def=matrix.partitions,
        ),
    ]

    @dg.multi_asset(
        specs=specs,
        name=matrix.node.key.replace("/", "__"),
        check_specs=check_specs(matrix),
        can_subset=True,
    )
    @matrix.step
    def training_matrix(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[Store],
        progress: dg.ResourceParam[Progress],
    ) -> Iterator[dg.MaterializeResult]:
        month = month_of(context)
        if specs[0].key in context.selected_asset_keys:
            fitted = _fit(preprocessor, feature_set, month, store)
            yield _describe_fitted(fitted)
        if specs[1].key in context.selected_asset_keys:
            with progress.task(f"Encoding {month}'s window", "trips", context.log) as report:
                encoded = _encode(matrix, month, store, report)
            yield _describe_encoded(encoded, check_results(matrix, encoded, store))

    return training_matrix


def _describe_fitted(fitted: Partition) -> dg.MaterializeResult:
    return result(
        fitted,
        {
            **describe_file(fitted.file(PREPROCESSOR_FILE)),
            "features": fitted.summary["features"],
            "window": ", ".join(fitted.summary["window"]),
        },
    )


def _describe_encoded(
    encoded: Partition, checks: list[dg.AssetCheckResult]
) -> dg.MaterializeResult:
    examples = StoredExamples(encoded.file(TRAINING))
    names = json.loads(encoded.file(FEATURES_FILE).read_text())
    return result(
        encoded,
        {
            **describe_matrix(examples, names, encoded.summary["rows"]),
            "window": ", ".join(encoded.summary["window"]),
        },
        checks,
    )


def _fit(place: Place, feature_set: FeatureSet, month: Month, store: Store) -> Partition:
    inputs = place.inputs(month, store)
    with store.writing(place.node.key, month) as draft:
        trips, statistics = _scans(inputs), _statistics(inputs)
        fitted = fit_preprocessor(feature_set, trips.values(), statistics.values())
        fitted.save(draft.folder / PREPROCESSOR_FILE)
        save_for_course_users(fitted, draft.folder / COURSE_FILE)
        window = next(iter(inputs.values()))
        return place.commit(
            draft,
            inputs,
            data_version=content_hash(draft.folder / PREPROCESSOR_FILE),
            summary={
                "features": len(fitted.feature_names),
                "window": month_names(list(window)),
            },
        )


def _encode(place: Place, month: Month, store: Store, report: Report) -> Partition:
    inputs = place.inputs(month, store)
    preprocessor = load_preprocessor(inputs["preprocessor"][month].file(PREPROCESSOR_FILE))
    window = _trips(inputs)
    sampled = sample_window(window, place.settings.max_training_rows)
    parts = training_parts(preprocessor, sampled, _statistics(inputs), place.settings.threads)
    with store.writing(place.node.key, month) as draft:
        total = sum(map(len, sampled))
        written = write_parts(draft.folder, parts, sampled, report)
        (draft.folder / FEATURES_FILE).write_text(json.dumps(preprocessor.feature_names))
        uses_distance = preprocessor.feature_set.uses_distance
        whole = pl.concat(_scans(inputs).values())
        Baselines.fit(whole, uses_distance=uses_distance).save(draft.folder)
        return place.commit(
            draft,
            inputs,
            data_version=folder_hash(draft.folder),
            summary={
                "rows": total,
                "features": len(preprocessor.feature_names),
                "sampled": total < sum(map(len, window)),
                "not_finite": sum(part.not_finite for part in written.values()),
                "window": month_names([trips.month for trips in window]),
            },
        )


def _trips(inputs: Inputs) -> list[MonthTrips]:
    return [kept_trips(partition) for partition in inputs["cleaned_trips"].values()]


def _scans(inputs: Inputs) -> dict[Month, pl.LazyFrame]:
    """Return the trips of each month, if the asset reads them."""
    return {
        month: pl.scan_parquet(partition.file(KEPT_FILE))
        for month, partition in inputs.get("cleaned_trips", {}).items()
    }


def _statistics(inputs: Inputs) -> dict[Month, pl.DataFrame]:
    """Return the statistics of each month, if the asset reads them."""
    return {
        month: pl.read_parquet(partition.file(STATISTICS_FILE))
        for month, partition in inputs.get("zone_statistics", {}).items()
    }
