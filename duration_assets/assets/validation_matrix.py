"""`validation_matrix`: a month's trips as the model of the month before sees them."""

from typing import Any

import dagster as dg
import numpy as np

from duration_assets.assets.cleaned_trips import KEPT_FILE, REJECTED_FILE
from duration_assets.assets.common import Place, month_of, preview, result
from duration_assets.modelling.matrices import (
    durations_of,
    judged_trips,
    not_finite,
    write_examples,
)
from duration_assets.modelling.preprocessors import PREPROCESSOR_FILE, load_preprocessor
from duration_assets.modelling.training import Examples
from duration_assets.resources.store import Store, content_hash

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
    )
    def validation_matrix(
        context: dg.AssetExecutionContext, store: dg.ResourceParam[Store]
    ) -> dg.MaterializeResult[Any]:
        month = month_of(context)
        inputs = place.inputs(month, store)
        cleaned = inputs["cleaned_trips"][month]
        model = inputs["duration_model"][month.shift(-1)]
        trips = judged_trips(cleaned.file(KEPT_FILE), cleaned.file(REJECTED_FILE))
        preprocessor = load_preprocessor(model.file(PREPROCESSOR_FILE))
        examples = Examples(preprocessor.transform(trips), durations_of(trips))
        kept = trips["kept"].to_numpy()
        with store.writing(place.node.key, month) as draft:
            write_examples(draft.folder, VALIDATION, examples)
            trips.write_parquet(draft.folder / TRIPS_FILE)
            features = len(preprocessor.feature_names)
            partition = place.commit(
                draft,
                inputs,
                data_version=content_hash(*sorted(draft.folder.iterdir())),
                summary={
                    "rows": len(trips),
                    "kept": int(np.sum(kept)),
                    "features": features,
                    "not_finite": not_finite(examples),
                },
            )
        return result(
            partition,
            {
                "dagster/row_count": len(trips),
                "trips_kept": partition.summary["kept"],
                "features": features,
                "preview": preview(trips),
            },
        )

    return validation_matrix
