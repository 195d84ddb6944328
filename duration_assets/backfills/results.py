"""What became of each month of a backfill: made, current before, failed and why, or left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from duration_assets.backfills.planning import GROUPS, BackfillPlan, Unit
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


def outcomes(
    plan: BackfillPlan, runs: Iterable[DagsterRun], instance: DagsterInstance
) -> dict[Unit, Outcome]:
    """Say what became of everything that a plan names.

    Args:
        plan: of the backfill.
        runs: its runs, oldest first; a later one of the same month counts.
        instance: Dagster's, which knows why a run failed.
    """
    last = {unit: run for run in runs if (unit := unit_of(plan, run)) is not None}
    found = {unit: Outcome(Result.CURRENT) for unit in plan.current}
    found |= {unit: Outcome(Result.LEFT_OUT, why) for unit, why in plan.left_out.items()}
    for unit in plan.asked:
        found[unit] = (
            outcome_of_run(last[unit], instance)
            if unit in last
            else Outcome(Result.NOT_STARTED, "what it is made from was not made")
        )
    return found


def unit_of(plan: BackfillPlan, run: DagsterRun) -> Unit | None:
    """Return the group and month that a run of a backfill makes."""
    month = run.tags.get("dagster/partition")
    made = {"/".join(key.path) for key in run.asset_selection or ()}
    for unit, keys in plan.asked.items():
        if str(unit.month) == month and made & set(keys):
            return unit
    return None


def any_failed(found: Outcomes) -> bool:
    """Say whether anything that was asked for was not made."""
    return any(each.result in (Result.FAILED, Result.NOT_STARTED) for each in found.values())


def table(found: Outcomes) -> Table:
    """Return a table of months by groups."""
    from rich.table import Table

    groups = [group for group in GROUPS if any(unit.group == group for unit in found)]
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


def as_json_text(plan: BackfillPlan, backfill_id: str | None, found: Outcomes) -> str:
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
            found.items(), key=lambda item: (item[0].month, GROUPS.index(item[0].group))
        )
    ]
    return json.dumps(
        {
            "service": request.service,
            "feature_set": request.feature_set,
            "from": str(request.first),
            "to": str(request.last),
            "backfill": backfill_id,
            "months": months,
        }
    )


def outcome_of_run(run: DagsterRun, instance: DagsterInstance) -> Outcome:
    """Say what became of what a finished run was to make."""
    from dagster import DagsterRunStatus

    if run.status is DagsterRunStatus.SUCCESS:
        return Outcome(Result.MADE)
    if run.status is DagsterRunStatus.CANCELED:
        return Outcome(Result.NOT_STARTED, "it was canceled")
    return Outcome(Result.FAILED, _failure(run, instance))


def _failure(run: DagsterRun, instance: DagsterInstance) -> str:
    """Return the first line of the reason why a run failed."""
    from dagster import DagsterEventType

    for kind in (DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE):
        for entry in instance.all_logs(run.run_id, of_type=kind):
            event = entry.dagster_event
            if event is None:
                continue
            if kind is DagsterEventType.STEP_FAILURE:
                error = event.step_failure_data.error
                while error is not None and error.cause is not None:
                    error = error.cause
                if error is not None:
                    return _first_line(error.message)
            elif event.message:
                return _first_line(event.message)
    return f"see run {run.run_id}"


def _first_line(message: str) -> str:
    return message.strip().splitlines()[0]


def _months(found: Outcomes) -> list[Month]:
    return sorted({unit.month for unit in found})


def _words(outcome: Outcome | None) -> str:
    return "" if outcome is None else outcome.result.value
