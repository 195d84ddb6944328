"""`validation_matrix`: a month's trips as the model of the month before sees them."""

import dagster as dg

from duration_assets.assets.common import Place, month_of
from duration_assets.assets.descriptions import describe_matrix, result
from duration_assets.checks import check_results, check_specs
from duration_assets.modelling.cleaning import KEPT_FILE, REJECTED_FILE
from duration_assets.modelling.matrices import judged_trips, validation_chunks
from duration_assets.modelling.matrix_files import StoredExamples, write_examples
from duration_assets.modelling.preprocessors import PREPROCESSOR_FILE, load_preprocessor
from duration_assets.resources.files import folder_hash
from duration_assets.resources.store import Store

VALIDATION = "validation"
TRIPS_FILE = "trips.parquet"


def build_validation_matrix(place: Place) -> dg.AssetsDefinition:
    """Build the asset for a service and feature set."""

    @dg.asset(
        **place.spec_options(
            "A month's features and durations, encoded by the model of the month before: the "
            "kept trips, and besides them all trips of 0 to 180 minutes.",
            {"numpy"},
        ),
        partitions_def=place.partitions,
        check_specs=check_specs(place),
    )
    @place.step
    def validation_matrix(
        context: dg.AssetExecutionContext, store: dg.ResourceParam[Store]
    ) -> dg.MaterializeResult:
        month = month_of(context)
        inputs = place.inputs(month, store)
        cleaned = inputs["cleaned_trips"][month]
        model = inputs["duration_model"][month.shift(-1)]
        trips = judged_trips(cleaned.file(KEPT_FILE), cleaned.file(REJECTED_FILE))
        preprocessor = load_preprocessor(model.file(PREPROCESSOR_FILE))
        with store.writing(place.node.key, month) as draft:
            chunks = validation_chunks(preprocessor, trips, place.settings.threads)
            written = write_examples(draft.folder / VALIDATION, chunks)
            trips.write_parquet(draft.folder / TRIPS_FILE)
            partition = place.commit(
                draft,
                inputs,
                data_version=folder_hash(draft.folder),
                summary={
                    "rows": len(trips),
                    "kept": int(trips["kept"].sum()),
                    "features": len(preprocessor.feature_names),
                    "not_finite": written.not_finite,
                },
            )
        return result(
            partition,
            {
                **describe_matrix(
                    StoredExamples(partition.file(VALIDATION)),
                    preprocessor.feature_names,
                    len(trips),
                ),
                "trips_kept": partition.summary["kept"],
            },
            check_results(place, partition, store),
        )

    return validation_matrix
