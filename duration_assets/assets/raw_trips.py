"""`raw_trips`: the published file of a month, byte for byte."""

import os

import dagster as dg
import polars as pl

from duration_assets.assets.common import Place, month_of
from duration_assets.assets.descriptions import describe_table, result
from duration_assets.checks import check_results, check_specs
from duration_assets.modelling.trip_files import column_problems, read_trip_file
from duration_assets.progress import Progress
from duration_assets.resources.store import Store
from duration_assets.resources.trip_source import TripSource

TRIPS_FILE = "trips.parquet"


def build_raw_trips(place: Place) -> dg.AssetsDefinition:
    """Build the asset for a service."""

    @dg.asset(
        **place.spec_options(
            f"{place.service.title} trips of a month, byte for byte as TLC publishes them.",
            {"parquet", "file"},
        ),
        partitions_def=place.partitions,
        check_specs=check_specs(place),
    )
    @place.step
    def raw_trips(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[Store],
        trip_source: dg.ResourceParam[TripSource],
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        month = month_of(context)
        with store.writing(place.node.key, month) as draft:
            path = draft.folder / TRIPS_FILE
            with progress.task(f"Fetching {month}", "bytes", context.log) as report:
                fetched = trip_source.fetch(place.service, month, path, report)
            file = read_trip_file(path, fetched.address)
            _keep_by_content(store, draft.folder / TRIPS_FILE, fetched.sha256)
            summary = {
                "rows": file.rows,
                "size": fetched.size,
                "address": fetched.address,
                "columns": file.columns,
                "column_problems": column_problems(file.columns, place.service),
            }
            partition = place.commit(
                draft, {}, data_version=fetched.sha256, summary=summary, simulated=file.simulated
            )
        needed = {name.lower() for name in place.service.columns}
        shown = [name for name in file.columns if name.lower() in needed]
        return result(
            partition,
            {
                **describe_table(
                    pl.scan_parquet(partition.file(TRIPS_FILE)), file.rows, shown=shown
                ),
                "size_bytes": fetched.size,
                "source": fetched.address,
            },
            check_results(place, partition, store),
        )

    return raw_trips


def _keep_by_content(store: Store, path: os.PathLike[str], sha256: str) -> None:
    """Give the file a second name by its content, under which it outlives the partition."""
    kept = store.content(sha256)
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        os.link(path, kept)
