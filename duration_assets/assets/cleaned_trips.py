"""`cleaned_trips`: the kept trips of a month in one schema, and the rejected ones beside them.

A histogram of each feature lies with them, for whoever compares months later.
"""

from dataclasses import asdict

import dagster as dg
import polars as pl

from duration_assets.assets.common import Place, month_of
from duration_assets.assets.descriptions import describe_table, result
from duration_assets.assets.raw_trips import TRIPS_FILE
from duration_assets.checks import check_results, check_specs
from duration_assets.data_versions import cleaned_version
from duration_assets.modelling.cleaning import (
    COLUMN_DESCRIPTIONS,
    KEPT_FILE,
    REJECTED_FILE,
    clean_month,
)
from duration_assets.modelling.histograms import HISTOGRAMS_FILE, month_histograms
from duration_assets.resources.store import Store


def build_cleaned_trips(place: Place) -> dg.AssetsDefinition:
    """Build the asset for a service."""

    @dg.asset(
        **place.spec_options(
            "Trips of 1 to 60 minutes in one schema for every year and service. The rejected "
            "rows are kept in a file beside them, each with its reason.",
            {"parquet", "polars"},
        ),
        partitions_def=place.partitions,
        check_specs=check_specs(place),
    )
    @place.step
    def cleaned_trips(
        context: dg.AssetExecutionContext, store: dg.ResourceParam[Store]
    ) -> dg.MaterializeResult:
        month = month_of(context)
        inputs = place.inputs(month, store)
        published = inputs["raw_trips"][month].file(TRIPS_FILE)
        with store.writing(place.node.key, month) as draft:
            kept, rejected = draft.folder / KEPT_FILE, draft.folder / REJECTED_FILE
            summary = clean_month(published, place.service, month, kept, rejected)
            histograms = month_histograms(pl.scan_parquet(kept), place.service)
            histograms.write_parquet(draft.folder / HISTOGRAMS_FILE)
            partition = place.commit(
                draft,
                inputs,
                data_version=cleaned_version(kept, rejected),
                summary=asdict(summary),
            )
        trips = partition.file(KEPT_FILE)
        reasons = {f"rejected {reason}": count for reason, count in summary.rejected.items()}
        return result(
            partition,
            {
                **describe_table(pl.scan_parquet(trips), summary.kept, COLUMN_DESCRIPTIONS),
                "rows_published": summary.rows,
                **reasons,
                "mean_duration_minutes": summary.mean_duration or 0.0,
            },
            check_results(place, partition, store),
        )

    return cleaned_trips
