"""Carrying a backfill out: what is open is waited for, what is left is launched and followed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import filelock

from duration_assets.backfills.daemons import Daemon
from duration_assets.backfills.launching import (
    REQUEST_TAG,
    cancel,
    has_ended,
    launch,
    mark_canceled,
    open_backfills,
    runs_of,
    targets,
)
from duration_assets.backfills.planning import (
    AssetMonth,
    BackfillPlan,
    Request,
    Unit,
    nodes_by_group,
    plan_backfill,
)
from duration_assets.backfills.results import Ledger, Outcome
from duration_assets.errors import ServerError
from duration_assets.partition_states import StoreView, partition_states
from duration_assets.resources.run_owner import Owner
from duration_assets.resources.store import Store
from duration_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.execution.backfill import PartitionBackfill

_LOOK_EVERY = 1.0
_LOCK = ".backfill.lock"
_COMMANDS = ".backfills"


class Display(Protocol):
    """Shows a person how far a backfill is."""

    def say(self, line: str) -> None:
        """Show a line."""

    def count(self, done: int, failed: int, total: int) -> None:
        """Show how many partitions are made, how many failed, and how many there are."""


@dataclass(frozen=True)
class Carried:
    """What a backfill gave.

    Attributes:
        plan: what was asked for.
        backfill_id: Dagster's; None if there was nothing to do.
        outcomes: by group and month.
    """

    plan: BackfillPlan
    backfill_id: str | None
    outcomes: dict[Unit, Outcome]

    def completed_by(self, later: Carried) -> Carried:
        """Put together what two backfills gave, of which the later made what the first lacked."""
        again = {unit: later.outcomes[unit] for unit in self.plan.left_out}
        return replace(
            later,
            backfill_id=later.backfill_id or self.backfill_id,
            outcomes=self.outcomes | again,
        )


@dataclass
class Backfilling:
    """One request, from its plan to its results.

    Attributes:
        settings: with the service and feature set among those that are on.
        instance: Dagster's.
        request: what a person asked for.
        display: shown how far it is.
    """

    settings: Settings
    instance: DagsterInstance
    request: Request
    display: Display
    _waited_for: set[str] = field(default_factory=set)

    def carry_out(self) -> Carried:
        """Make what is left to do of the request, and say what became of each month.

        Raises:
            SettingsError: if there are no such months.
            ServerError: if the daemon could not do it.
            KeyboardInterrupt: if a person stops it. What a daemon of the command line was making
                is canceled then; another daemon goes on with it.
        """
        folder = self.settings.home / _COMMANDS / self.request.service
        command = Owner.new(folder)
        with Daemon(self.settings, self.instance, self.display.say) as daemon:
            try:
                with command.alive():
                    carried = self._make(daemon)
            finally:
                command.forget()
            if carried.plan.missing and self._wait_for_commands(folder, daemon):
                carried = carried.completed_by(self._make(daemon, set(carried.plan.left_out)))
        return carried

    def _make(self, daemon: Daemon, only: set[Unit] | None = None) -> Carried:
        """Carry out one backfill, when others of the same months have ended."""
        while True:
            plan, backfill_id, other = self._ask(only)
            if other is None:
                break
            self._wait_for(other, daemon)
        ledger = Ledger(plan, self.instance)
        if backfill_id is not None:
            try:
                self._follow(backfill_id, ledger, daemon)
            except KeyboardInterrupt:
                self._stop(backfill_id, daemon)
                raise KeyboardInterrupt("the backfill") from None
        return Carried(plan, backfill_id, ledger.outcomes())

    def _wait_for_commands(self, folder: Path, daemon: Daemon) -> bool:
        """Wait for other commands that may make what this one lacks; say whether there were any.

        This one has made what it could, and does not count for others any more: no two commands
        wait for each other.
        """
        others: list[Owner] = []
        for owner in Owner.all_in(folder):
            if owner.is_gone():
                owner.forget()
            else:
                others.append(owner)
        if others:
            self.display.say("Waiting for another backfill, which may make what is missing.")
        while not all(other.is_gone() for other in others):
            daemon.keep()
            time.sleep(_LOOK_EVERY)
        return bool(others)

    def _ask(
        self, only: set[Unit] | None
    ) -> tuple[BackfillPlan, str | None, PartitionBackfill | None]:
        """Launch what is left to do, unless another backfill has to end before.

        Two commands that ask at once would ask for the same months, so one waits for the other.

        Args:
            only: ask for no other months than these.

        Returns:
            The plan, the backfill that makes it, and the one that has to end before it can be.
        """
        with filelock.FileLock(self.settings.home / _LOCK):
            plan = self._plan()
            if only is not None:
                plan = replace(
                    plan, asked={unit: keys for unit, keys in plan.asked.items() if unit in only}
                )
            for backfill in open_backfills(self.instance):
                if backfill.tags.get(REQUEST_TAG) == str(self.request):
                    self.display.say("Going on with the backfill that was begun before.")
                    return self._begun(backfill, plan), backfill.backfill_id, None
                if targets(backfill) & self._touched(plan):
                    return plan, None, backfill
            if not plan.asked:
                return plan, None, None
            self._show(plan)
            return plan, launch(self.instance, self.settings, plan), None

    def _plan(self) -> BackfillPlan:
        store = StoreView(Store(self.settings.home / "store"))
        request, settings = self.request, self.settings
        groups = nodes_by_group(request.service, request.feature_set, settings)
        nodes = [node for group in groups.values() for node in group]
        states = {}
        if request.failed:
            months = settings.first_month_of(request.service).through(request.last)
            states = partition_states(settings, self.instance, store, nodes, months)
        return plan_backfill(request, settings, store, states)

    def _begun(self, backfill: PartitionBackfill, plan: BackfillPlan) -> BackfillPlan:
        """Return the plan of a backfill that was begun before, by what it was told to make."""
        request = self.request
        told = targets(backfill)
        asked: dict[Unit, tuple[str, ...]] = {}
        groups = nodes_by_group(request.service, request.feature_set, self.settings)
        for group, nodes in groups.items():
            for month in request.months:
                keys = tuple(node.key for node in nodes if (node.key, month) in told)
                if keys:
                    asked[Unit(group, month)] = keys
        return replace(
            plan,
            asked=asked,
            current=[unit for unit in plan.current if unit not in asked],
            left_out={unit: why for unit, why in plan.left_out.items() if unit not in asked},
        )

    def _show(self, plan: BackfillPlan) -> None:
        for unit, reason in plan.left_out.items():
            self.display.say(f"{unit.month} {unit.group}: left out: {reason}")
        if (advice := plan.advice) is not None:
            self.display.say(advice)
        self.display.say(f"Asking for {len(plan.partitions)} partitions: {self.request}")

    def _touched(self, plan: BackfillPlan) -> set[AssetMonth]:
        """Return what a plan makes, what that is made from, and what it waits for."""
        request, settings = self.request, self.settings
        first = settings.first_month_of(request.service)
        groups = nodes_by_group(request.service, request.feature_set, settings)
        nodes = {node.key: node for group in groups.values() for node in group}
        made = plan.partitions
        read = {each for key, month in made for each in nodes[key].inputs(month, first)}
        return made | read | plan.missing

    def _wait_for(self, backfill: PartitionBackfill, daemon: Daemon) -> None:
        if backfill.backfill_id not in self._waited_for:
            self._waited_for.add(backfill.backfill_id)
            name = backfill.tags.get(REQUEST_TAG, f"backfill {backfill.backfill_id}")
            self.display.say(f"Waiting for another backfill of the same months: {name}")
        while not has_ended(self._status(backfill.backfill_id).status):
            daemon.keep()
            time.sleep(_LOOK_EVERY)

    def _follow(self, backfill_id: str, ledger: Ledger, daemon: Daemon) -> None:
        """Show how far a backfill is until it and all its runs have ended."""
        while True:
            daemon.keep()
            # In this order: the runs of a backfill that has ended are all there.
            backfill = self._status(backfill_id)
            runs = runs_of(self.instance, backfill_id)
            for unit, outcome in ledger.update(runs).items():
                reason = f": {outcome.reason}" if outcome.reason else ""
                self.display.say(f"{unit.month} {unit.group}: {outcome.result.value}{reason}")
            self.display.count(*ledger.counts)
            if has_ended(backfill.status) and all(run.is_finished for run in runs):
                break
            time.sleep(_LOOK_EVERY)
        if backfill.error is not None:
            raise ServerError(
                "Dagster's daemon could not go on with the backfill: "
                f"{backfill.error.message.strip()}\n"
                "If it was started with other settings than this command (DURATION_SERVICES, "
                "DURATION_FEATURE_SETS, the months), start it again with the same."
            )

    def _stop(self, backfill_id: str, daemon: Daemon) -> None:
        if not daemon.ends_with_us:
            self.display.say("The daemon goes on with the backfill.")
            return
        self.display.say("Ending what is being made …")
        cancel(self.instance, backfill_id)
        daemon.release()
        mark_canceled(self.instance, backfill_id)

    def _status(self, backfill_id: str) -> PartitionBackfill:
        found = self.instance.get_backfill(backfill_id)
        assert found is not None
        return found
