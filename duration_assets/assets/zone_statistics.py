"""`zone_statistics`: a month's sums by week, zone pair and time block, which add up."""

import dagster as dg
import polars as pl

from duration_assets.assets.common import Place, month_of
from duration_assets.assets.descriptions import describe_table, result
from duration_assets.modelling.cleaning import KEPT_FILE
from duration_assets.modelling.statistics import STATISTICS_FILE, weekly_sums
from duration_assets.resources.files import content_hash
from duration_assets.resources.store import Store


def build_zone_statistics(place: Place) -> dg.AssetsDefinition:
    """Build the asset for a service."""

    @dg.asset(
        **place.spec_options(
            "Counts and sums of duration, log duration, distance and log speed by week, zone "
            "pair and time block. They add up, so that every window reuses them.",
            {"parquet", "polars"},
        ),
        partitions_def=place.partitions,
    )
    @place.step
    def zone_statistics(
        context: dg.AssetExecutionContext, store: dg.ResourceParam[Store]
    ) -> dg.MaterializeResult:
        month = month_of(context)
        inputs = place.inputs(month, store)
        trips = pl.scan_parquet(inputs["cleaned_trips"][month].file(KEPT_FILE))
        with store.writing(place.node.key, month) as draft:
            sums = weekly_sums(trips, month)
            sums.write_parquet(draft.folder / STATISTICS_FILE)
            partition = place.commit(
                draft,
                inputs,
                data_version=content_hash(draft.folder / STATISTICS_FILE),
                summary={"rows": len(sums)},
            )
        return result(partition, describe_table(sums.lazy(), len(sums)))

    return zone_statistics
