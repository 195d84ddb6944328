"""What became of each month of a backfill: made, current before, failed and why, or left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from duration_assets.backfills.planning import ALL_GROUPS, AssetMonth, BackfillPlan, Unit
from duration_assets.errors import DurationError
from duration_assets.months import Month

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.storage.dagster_run import DagsterRun
    from rich.table import Table


class Result(Enum):
    """What became of a group's assets of a month; the value is the word for people."""

    MADE = "made"
    CURRENT = "was current"
    FAILED = "failed"
    NOT_STARTED = "not started"
    LEFT_OUT = "left out"


@dataclass(frozen=True)
class Outcome:
    """What became of a group's assets of a month, with the first line of the reason."""

    result: Result
    reason: str = ""


Outcomes = Mapping[Unit, Outcome]


class Ledger:
    """What the runs of a backfill made, asset by asset: a run may make a part of a unit, or two."""

    def __init__(self, plan: BackfillPlan, instance: DagsterInstance) -> None:
        """Begin with nothing made.

        Args:
            plan: of the backfill.
            instance: Dagster's, which knows why a run failed.
        """
        self._plan = plan
        self._instance = instance
        self._seen: set[str] = set()
        self._made: set[AssetMonth] = set()
        self._stopped: dict[Unit, Outcome] = {}

    def update(self, runs: Iterable[DagsterRun]) -> dict[Unit, Outcome]:
        """Take in the runs that have ended since the last time.

        Args:
            runs: of the backfill, oldest first.

        Returns:
            What became of the units that are decided by that, for now: a run may be tried again.
        """
        news: dict[Unit, Outcome] = {}
        for run in runs:
            if run.is_finished and run.run_id not in self._seen:
                self._seen.add(run.run_id)
                news |= self._take_in(run)
        return news

    def _take_in(self, run: DagsterRun) -> dict[Unit, Outcome]:
        month = Month.parse(run.tags["dagster/partition"])
        asked = {key.to_user_string() for key in run.asset_selection or ()}
        made = asked if run.is_success else _materialized(run, self._instance)
        self._made.update((key, month) for key in made)
        news: dict[Unit, Outcome] = {}
        for group in ALL_GROUPS:
            unit = Unit(group, month)
            if asked.isdisjoint(self._plan.asked.get(unit, ())):
                continue
            if self._is_made(unit):
                self._stopped.pop(unit, None)
                news[unit] = Outcome(Result.MADE)
            elif not run.is_success:
                news[unit] = self._stopped[unit] = _stopped(run, self._instance)
        return news

    def _is_made(self, unit: Unit) -> bool:
        return all((key, unit.month) in self._made for key in self._plan.asked[unit])

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many partitions were made, how many failed, and how many there are."""
        total = self._plan.partitions
        failed = {
            (key, unit.month)
            for unit in self._stopped
            for key in self._plan.asked[unit]
            if (key, unit.month) not in self._made
        }
        return len(total & self._made), len(failed), len(total)

    @property
    def is_complete(self) -> bool:
        """Whether everything that was asked for is made."""
        return self._plan.partitions <= self._made

    def outcomes(self) -> dict[Unit, Outcome]:
        """Say what became of everything that the plan names, now that the backfill has ended."""
        found = {unit: Outcome(Result.CURRENT) for unit in self._plan.current}
        found |= {unit: Outcome(Result.LEFT_OUT, why) for unit, why in self._plan.left_out.items()}
        for unit in self._plan.asked:
            if self._is_made(unit):
                found[unit] = Outcome(Result.MADE)
            else:
                waits = Outcome(Result.NOT_STARTED, "what it is made from was not made")
                found[unit] = self._stopped.get(unit, waits)
        return found


def any_failed(found: Outcomes) -> bool:
    """Say whether anything that was asked for was not made."""
    return any(each.result in (Result.FAILED, Result.NOT_STARTED) for each in found.values())


def table(found: Outcomes) -> Table:
    """Return a table of months by groups."""
    from rich.table import Table

    groups = [group for group in ALL_GROUPS if any(unit.group == group for unit in found)]
    shown = Table(title="Backfill")
    for heading in ("month", *groups):
        shown.add_column(heading)
    for month in _months(found):
        shown.add_row(str(month), *(_words(found.get(Unit(group, month))) for group in groups))
    return shown


def reasons(found: Outcomes) -> list[str]:
    """Return a line for everything that was not made, with the reason."""
    return [
        f"{unit.month} {unit.group}: {each.result.value}: {each.reason}"
        for unit, each in sorted(found.items(), key=lambda item: (item[0].month, item[0].group))
        if each.reason
    ]


def as_json_text(plan: BackfillPlan, backfill_ids: list[str], found: Outcomes) -> str:
    """Return the results as one JSON object."""
    request = plan.request
    months: list[dict[str, Any]] = [
        {
            "month": str(unit.month),
            "group": unit.group,
            "result": each.result.value,
            "reason": each.reason or None,
        }
        for unit, each in sorted(
            found.items(), key=lambda item: (item[0].month, ALL_GROUPS.index(item[0].group))
        )
    ]
    return json.dumps(
        {
            "service": request.service,
            "feature_set": request.feature_set,
            "from": str(request.first),
            "to": str(request.last),
            "backfills": backfill_ids,
            "months": months,
        }
    )


def _stopped(run: DagsterRun, instance: DagsterInstance) -> Outcome:
    from dagster import DagsterRunStatus

    if run.status is DagsterRunStatus.CANCELED:
        return Outcome(Result.NOT_STARTED, "it was canceled")
    return Outcome(Result.FAILED, _failure(run, instance))


def _materialized(run: DagsterRun, instance: DagsterInstance) -> set[str]:
    """Return what a run made before it stopped."""
    from dagster import DagsterEventType

    entries = instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    events = [entry.dagster_event for entry in entries]
    return {event.asset_key.to_user_string() for event in events if event and event.asset_key}


def _failure(run: DagsterRun, instance: DagsterInstance) -> str:
    """Return the first line of the reason why a run failed."""
    from dagster import DagsterEventType

    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_FAILURE):
        error = entry.dagster_event.step_failure_data.error if entry.dagster_event else None
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            return _first_line(error.message)
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.RUN_FAILURE):
        if entry.dagster_event and entry.dagster_event.message:
            return _first_line(entry.dagster_event.message)
    return f"see run {run.run_id}"


def _first_line(message: str) -> str:
    line = message.strip().splitlines()[0]
    # Dagster puts the class in front, which says nothing where the error is one of ours.
    return line.partition(": ")[2] if line.startswith(f"{DurationError.__module__}.") else line


def _months(found: Outcomes) -> list[Month]:
    return sorted({unit.month for unit in found})


def _words(outcome: Outcome | None) -> str:
    return "" if outcome is None else outcome.result.value
