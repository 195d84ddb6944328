"""The sensor that looks at a service's source, and asks for the months that arrive or change.

What it asks for is decided in `arrivals.py`; here stands what Dagster has to know of it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import dagster as dg
from dagster._core.storage.tags import RUN_KEY_TAG, SENSOR_NAME_TAG

from duration_assets.assets.common import Place
from duration_assets.automation.arrival_notes import notes_on
from duration_assets.automation.arrivals import Decision, Landed, Limits, Request, decide
from duration_assets.automation.looking import look_at
from duration_assets.automation.memory import Known, Memory
from duration_assets.errors import SourceError, StoreError
from duration_assets.months import Month
from duration_assets.resources.source_watch import SourceWatch
from duration_assets.resources.store import Store
from duration_assets.resources.trip_source import TripSource
from duration_assets.settings import Settings

ARRIVAL_TAG = "duration/arrival"
"""Says of a run whether its month was new at the source, or had other bytes."""

_LOST = (
    "What was known of the source was no cursor of this sensor, and is forgotten: it starts anew."
)


def source_sensor(raw_trips: Place, job: str) -> dg.SensorDefinition:
    """Build the sensor of a service.

    Args:
        raw_trips: the asset that lands a month.
        job: the name of the job that makes a month's data.
    """
    service, settings, key = raw_trips.service, raw_trips.settings, raw_trips.node.key
    partitions = raw_trips.partitions
    name = f"{service.name}_source"

    @dg.sensor(
        name=name,
        job_name=job,
        minimum_interval_seconds=settings.seconds_between_looks,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Looks for {service.name} months that are new at the source, or have other "
        "bytes, and lands them.",
    )
    def source(
        context: dg.SensorEvaluationContext,
        store: dg.ResourceParam[Store],
        trip_source: dg.ResourceParam[TripSource],
    ) -> dg.SensorResult:
        memory = None if context.cursor is None else Memory.read(context.cursor)
        lost = [_LOST] if context.cursor is not None and memory is None else []
        if memory is None:
            memory = _begun(context.instance, name)
        limits = limits_of(settings, partitions.get_partition_keys())
        landed = landed_months(store, key)
        try:
            look = look_at(SourceWatch(trip_source, service), memory, landed, limits)
        except SourceError as error:
            # Nothing was seen, which is not to have seen that nothing is there.
            return dg.SensorResult(
                skip_reason=f"{error} Nothing is forgotten.", cursor=context.cursor
            )
        decision = decide(memory, look, landed, limits)
        notes = [*lost, *notes_on(decision, look, landed, limits)]
        return _result(context, service.name, job, decision, notes)

    return source


def limits_of(settings: Settings, months: Iterable[str]) -> Limits:
    """Return what a service's sensor asks for at most.

    Args:
        settings: the settings.
        months: the names of the partitions there are.
    """
    return Limits(
        months=tuple(sorted(Month.parse(month) for month in months)),
        window=max(map(settings.window_of, settings.feature_sets), default=settings.window),
        land_all=settings.land_all,
    )


def landed_months(store: Store, asset: str) -> Mapping[Month, Landed]:
    """Return what is landed of an asset."""
    return {month: _landed(store, asset, month) for month in store.months(asset)}


def _landed(store: Store, asset: str, month: Month) -> Landed:
    try:
        found = store.find(asset, month)
    except StoreError:
        # The run that is asked for says what to do about it.
        found = None
    return Landed("") if found is None else Landed(found.data_version, found.summary.get("size"))


def _begun(instance: dg.DagsterInstance, sensor: str) -> Memory:
    """Return what a sensor without a cursor knows: how often it asked for each month before.

    Dagster skips a run whose key there was already, for ever, also when the cursor was cleared.
    """
    revisions: dict[Month, int] = {}
    for run in instance.get_runs(filters=dg.RunsFilter(tags={SENSOR_NAME_TAG: sensor})):
        match = re.fullmatch(r"[^/]+/(\d{4}-\d{2})/(\d+)", run.tags.get(RUN_KEY_TAG, ""))
        if match is not None:
            month, revision = Month.parse(match[1]), int(match[2])
            revisions[month] = max(revision, revisions.get(month, 0))
    return Memory({month: replace(Known(), revision=number) for month, number in revisions.items()})


def _result(
    context: dg.SensorEvaluationContext,
    service: str,
    job: str,
    decision: Decision,
    notes: list[str],
) -> dg.SensorResult:
    """Put a decision into Dagster's terms; a tick shows either its runs, or a reason for none."""
    cursor = decision.memory.text()
    if decision.requests:
        for note in notes:
            context.log.info(note)
        requests = [_run_request(service, job, request) for request in decision.requests]
        return dg.SensorResult(run_requests=requests, cursor=cursor)
    return dg.SensorResult(skip_reason=" ".join(["Nothing to land.", *notes]), cursor=cursor)


def _run_request(service: str, job: str, request: Request) -> dg.RunRequest:
    return dg.RunRequest(
        # Not the content: a month that goes back to earlier bytes would have an earlier key.
        run_key=f"{service}/{request.month}/{request.revision}",
        job_name=job,
        partition_key=str(request.month),
        tags={ARRIVAL_TAG: "other bytes" if request.is_change else "new"},
    )
