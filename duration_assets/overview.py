"""What the overall report is made from: decisions and partitions of a home, read as they are.

Only reading belongs here. Knows no Dagster, and needs neither MLflow nor the source.
"""

from __future__ import annotations

from duration_assets.modelling.reports.overall_report import Overview
from duration_assets.months import Month
from duration_assets.resources.decisions_file import kept_decisions
from duration_assets.resources.partition import Partition
from duration_assets.resources.registry import REGISTERED_FOLDER, registered_name
from duration_assets.resources.store import Store
from duration_assets.services import service_named
from duration_assets.settings import Settings

_COURSE = "course"


def overview_of(service: str, feature_set: str, settings: Settings) -> Overview:
    """Return what a home holds of a service and feature set.

    Raises:
        StoreError: if a manifest or the copy of the decisions is damaged.
    """
    store = Store(settings.home / "store")
    prefix = f"{service}/{feature_set}"
    found = {
        name: _partitions(store, key)
        for name, key in {
            "champions": f"{prefix}/champion",
            "evaluations": f"{prefix}/evaluation",
            "course": f"{service}/{_COURSE}/evaluation",
            "drifts": f"{prefix}/drift",
            "cleaned": f"{service}/cleaned_trips",
            "models": f"{prefix}/duration_model",
        }.items()
        # Beside itself it would stand twice.
        if name != _COURSE or feature_set != _COURSE
    }
    summaries = {
        name: {month: partition.summary for month, partition in partitions.items()}
        for name, partitions in found.items()
    }
    by_month = summaries.pop("champions")
    decisions = kept_decisions(
        settings.home / REGISTERED_FOLDER / registered_name(service, feature_set)
    )
    if decisions is None:
        # An earlier version decided, and kept no copy: the months' partitions have most of it.
        decisions = [{"month": str(month), **each} for month, each in by_month.items()]
    return Overview(
        service_named(service).title,
        feature_set,
        decisions,
        **summaries,
        limits=settings.drift_limits,
        simulated=any(each.simulated for months in found.values() for each in months.values()),
    )


def _partitions(store: Store, asset: str) -> dict[Month, Partition]:
    months = store.months(asset)
    return {month: found for month in months if (found := store.find(asset, month)) is not None}
