"""`preprocessor` and `training_matrix`: fitted on a window, and the window encoded with it.

One step makes both, so that all of a model's assets become ready at once and a backfill puts them
into one run.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import polars as pl

from duration_assets.assets.cleaned_trips import KEPT_FILE
from duration_assets.assets.common import Place, month_names, month_of, result
from duration_assets.assets.zone_statistics import STATISTICS_FILE
from duration_assets.modelling.baselines import pair_medians
from duration_assets.modelling.features import FeatureSet
from duration_assets.modelling.matrices import (
    TRAINING,
    not_finite,
    pair_examples,
    sample_months,
    window_examples,
    write_examples,
)
from duration_assets.modelling.pair_preprocessor import PairPreprocessor
from duration_assets.modelling.preprocessors import (
    COURSE_FILE,
    PREPROCESSOR_FILE,
    load_preprocessor,
    save_for_course_users,
)
from duration_assets.modelling.training import Examples
from duration_assets.modelling.zone_preprocessor import ZonePreprocessor
from duration_assets.months import Month
from duration_assets.resources.store import Partition, Store, content_hash

MEDIANS_FILE = "pair_medians.parquet"

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

    @dg.multi_asset(specs=specs, name=matrix.node.key.replace("/", "__"))
    def training_matrix(
        context: dg.AssetExecutionContext, store: dg.ResourceParam[Store]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        month = month_of(context)
        fitted = _fit(preprocessor, feature_set, month, store)
        yield result(
            fitted,
            {"features": fitted.summary["features"], "window": fitted.summary["window"]},
            specs[0].key,
        )
        encoded = _encode(matrix, month, store)
        yield result(
            encoded,
            {
                "dagster/row_count": encoded.summary["rows"],
                "features": encoded.summary["features"],
            },
            specs[1].key,
        )

    return training_matrix


def _fit(place: Place, feature_set: FeatureSet, month: Month, store: Store) -> Partition:
    inputs = place.inputs(month, store)
    with store.writing(place.node.key, month) as draft:
        fitted: PairPreprocessor | ZonePreprocessor
        if feature_set.uses_zone_statistics:
            fitted = ZonePreprocessor.fit(feature_set, _statistics(inputs).values())
        else:
            fitted = PairPreprocessor.fit(pl.concat(_scans(inputs).values()))
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


def _encode(place: Place, month: Month, store: Store) -> Partition:
    inputs = place.inputs(month, store)
    preprocessor = load_preprocessor(inputs["preprocessor"][month].file(PREPROCESSOR_FILE))
    scans = _scans(inputs)
    tables = {key: scan.collect() for key, scan in scans.items()}
    trips = sample_months(tables, place.settings.max_training_rows)
    with store.writing(place.node.key, month) as draft:
        parts: dict[str, Examples]
        if isinstance(preprocessor, PairPreprocessor):
            parts = pair_examples(preprocessor, pl.concat(trips.values()))
        else:
            parts = window_examples(preprocessor, trips, _statistics(inputs))
        for name, examples in parts.items():
            write_examples(draft.folder, name, examples)
        pair_medians(pl.concat(scans.values())).write_parquet(draft.folder / MEDIANS_FILE)
        rows = len(parts[TRAINING].durations)
        return place.commit(
            draft,
            inputs,
            data_version=content_hash(*sorted(draft.folder.iterdir())),
            summary={
                "rows": rows,
                "features": len(preprocessor.feature_names),
                "sampled": rows < sum(map(len, tables.values())),
                "not_finite": sum(map(not_finite, parts.values())),
                "window": month_names(list(trips)),
            },
        )


def _scans(inputs: Inputs) -> dict[Month, pl.LazyFrame]:
    return {
        month: pl.scan_parquet(partition.file(KEPT_FILE))
        for month, partition in inputs["cleaned_trips"].items()
    }


def _statistics(inputs: Inputs) -> dict[Month, pl.DataFrame]:
    return {
        month: pl.read_parquet(partition.file(STATISTICS_FILE))
        for month, partition in inputs["zone_statistics"].items()
    }
