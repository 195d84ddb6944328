"""Carrying a request out: a backfill for each group, launched when the one before it has ended.

Dagster puts assets of a month into one run only if all their months are ready at the same time. The
months of a group are, once the group before it is made; so a month takes a run for each group.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from duration_assets.backfills.asking import Asker
from duration_assets.backfills.daemons import Daemon
from duration_assets.backfills.launching import cancel, has_ended, mark_canceled, runs_of
from duration_assets.backfills.planning import BackfillPlan, Request, Unit
from duration_assets.backfills.results import Ledger, Outcome, Result
from duration_assets.errors import ServerError
from duration_assets.resources.run_owner import Owner
from duration_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.execution.backfill import PartitionBackfill

_LOOK_EVERY = 1.0
_COMMANDS = ".backfills"


class Display(Protocol):
    """Shows a person how far a backfill is."""

    def say(self, line: str) -> None:
        """Show a line."""

    def count(self, done: int, failed: int, total: int) -> None:
        """Show how many partitions are made, how many failed, and how many there are."""


@dataclass(frozen=True)
class Carried:
    """What a request gave.

    Attributes:
        plan: what was asked for, as it was planned before anything started.
        backfill_ids: Dagster's; none if there was nothing to do.
        outcomes: by group and month.
    """

    plan: BackfillPlan
    backfill_ids: list[str]
    outcomes: dict[Unit, Outcome]


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
    _said: set[str] = field(default_factory=set)
    _backfill_ids: list[str] = field(default_factory=list)
    _ledgers: list[Ledger] = field(default_factory=list)
    _still_to_come: int = 0

    def carry_out(self) -> Carried:
        """Make what is left to do of the request, and say what became of each month.

        Raises:
            SettingsError: if there are no such months.
            ServerError: if the daemon could not do it.
            KeyboardInterrupt: if a person stops it. What a daemon of the command line was making
                is canceled then; another daemon goes on with it.
        """
        whole = self._asker.plan(self.request)
        self._show(whole)
        folder = self.settings.home / _COMMANDS / self.request.service
        command = Owner.new(folder)
        found = {unit: Outcome(Result.CURRENT) for unit in whole.current}
        with Daemon(self.settings, self.instance, self.display.say) as daemon:
            try:
                with command.alive():
                    units = {*whole.asked, *whole.left_out}
                    found |= self._make(whole, units, daemon)
            finally:
                command.forget()
            left_out = {unit for unit, each in found.items() if each.result is Result.LEFT_OUT}
            if whole.missing and self._wait_for_commands(folder, daemon):
                found |= self._make(whole, left_out, daemon)
            self._wait_for_ends(daemon)
        return Carried(whole, self._backfill_ids, found)

    def _make(self, whole: BackfillPlan, units: set[Unit], daemon: Daemon) -> dict[Unit, Outcome]:
        """Make units, one group after the other."""
        found: dict[Unit, Outcome] = {}
        for group in self.request.groups:
            of_group = {unit for unit in units if unit.group == group}
            if of_group:
                later = self.request.groups[self.request.groups.index(group) + 1 :]
                self._still_to_come = sum(
                    len(keys) for unit, keys in whole.asked.items() if unit.group in later
                )
                found |= self._make_group(group, of_group, daemon)
        for unit, outcome in found.items():
            if unit in whole.asked and outcome.result is Result.LEFT_OUT:
                # It could have been made, if what it waits for had been.
                found[unit] = Outcome(Result.NOT_STARTED, outcome.reason)
        return found

    def _make_group(self, group: str, units: set[Unit], daemon: Daemon) -> dict[Unit, Outcome]:
        """Make units of a group, when others that make the same months have ended."""
        found: dict[Unit, Outcome] = {}
        # A backfill that was begun before may not make all of them.
        while left := units - found.keys():
            answer = self._asker.ask(group, left, self._backfill_ids)
            if answer.busy is not None:
                self._say_once(f"Waiting for {answer.busy}")
                daemon.keep()
                time.sleep(_LOOK_EVERY)
                continue
            if answer.begun:
                self._say_once("Going on with the backfill that was begun before.")
            ledger = Ledger(answer.plan, self.instance)
            self._ledgers.append(ledger)
            if answer.backfill_id is not None:
                self._backfill_ids.append(answer.backfill_id)
                self._follow_or_stop(answer.backfill_id, ledger, daemon)
            found |= {unit: each for unit, each in ledger.outcomes().items() if unit in left}
        return found

    def _follow_or_stop(self, backfill_id: str, ledger: Ledger, daemon: Daemon) -> None:
        try:
            self._follow(backfill_id, ledger, daemon)
        except KeyboardInterrupt:
            self._stop(backfill_id, daemon)
            raise KeyboardInterrupt("the backfill") from None

    def _show(self, plan: BackfillPlan) -> None:
        for unit, reason in plan.left_out.items():
            self.display.say(f"{unit.month} {unit.group}: left out: {reason}")
        if (advice := plan.advice) is not None:
            self.display.say(advice)
        self.display.say(f"{len(plan.partitions)} partitions to make: {self.request}")

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
            self._say_once("Waiting for another backfill, which may make what is missing.")
        while not all(other.is_gone() for other in others):
            daemon.keep()
            time.sleep(_LOOK_EVERY)
        return bool(others)

    def _follow(self, backfill_id: str, ledger: Ledger, daemon: Daemon) -> None:
        """Show how far a backfill is, until everything is made or it has ended."""
        while True:
            daemon.keep()
            # In this order: the runs of a backfill that has ended are all there.
            backfill = self._status(backfill_id)
            runs = runs_of(self.instance, backfill_id)
            for unit, outcome in ledger.update(runs).items():
                reason = f": {outcome.reason}" if outcome.reason else ""
                self.display.say(f"{unit.month} {unit.group}: {outcome.result.value}{reason}")
            self._count()
            ended = all(run.is_finished for run in runs)
            # The daemon would say so half a minute later.
            if ended and (ledger.is_complete or has_ended(backfill.status)):
                break
            time.sleep(_LOOK_EVERY)
        if backfill.error is not None:
            raise ServerError(
                "Dagster's daemon could not go on with the backfill: "
                f"{backfill.error.message.strip()}\n"
                "If it was started with other settings than this command (DURATION_SERVICES, "
                "DURATION_FEATURE_SETS, the months), start it again with the same."
            )

    def _wait_for_ends(self, daemon: Daemon) -> None:
        """Leave no backfill behind that the daemon has not ended."""
        for backfill_id in self._backfill_ids:
            while not has_ended(self._status(backfill_id).status):
                daemon.keep()
                time.sleep(_LOOK_EVERY)

    def _count(self) -> None:
        made, failed, total = (
            sum(each) for each in zip(*(ledger.counts for ledger in self._ledgers), strict=True)
        )
        self.display.count(made, failed, total + self._still_to_come)

    def _stop(self, backfill_id: str, daemon: Daemon) -> None:
        if not daemon.ends_with_us:
            self.display.say("The daemon goes on with this group's backfill.")
            return
        self.display.say("Ending what is being made …")
        cancel(self.instance, backfill_id)
        daemon.release()
        for each in self._backfill_ids:
            mark_canceled(self.instance, each)

    @cached_property
    def _asker(self) -> Asker:
        return Asker(self.settings, self.instance, self.request)

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self.display.say(line)

    def _status(self, backfill_id: str) -> PartitionBackfill:
        found = self.instance.get_backfill(backfill_id)
        assert found is not None
        return found
