"""Asking Dagster for what is left of a request, when nobody else makes the same months."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import filelock

from duration_assets.backfills.launching import REQUEST_TAG, launch, open_backfills, targets
from duration_assets.backfills.planning import (
    AssetMonth,
    BackfillPlan,
    Request,
    Unit,
    by_asset,
    plan_backfill,
)
from duration_assets.lineage import Node, nodes_of
from duration_assets.partition_states import State, StoreView, partition_states
from duration_assets.resources.store import Store
from duration_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

_LOCK = ".backfill.lock"


@dataclass(frozen=True)
class Answer:
    """What came of asking.

    Attributes:
        plan: what is left to do.
        backfill_id: of the backfill that does it; None if there is none.
        busy: what has to end before it can be asked for; None if nothing.
        begun: whether that backfill was begun by a command before.
    """

    plan: BackfillPlan
    backfill_id: str | None = None
    busy: str | None = None
    begun: bool = False


@dataclass(frozen=True)
class Asker:
    """Asks for a request, group by group.

    Attributes:
        settings: with the service and feature set among those that are on.
        instance: Dagster's.
        request: what a person asked for.
    """

    settings: Settings
    instance: DagsterInstance
    request: Request

    def plan(self, request: Request) -> BackfillPlan:
        """Plan a request by what there is now.

        Raises:
            SettingsError: if there are no such months.
        """
        store = StoreView(Store(self.settings.home / "store"))
        states = self._states() if request.failed else {}
        return plan_backfill(request, self.settings, store, states)

    def ask(self, group: str, units: set[Unit], ours: Collection[str]) -> Answer:
        """Launch what is left to do of a group, unless something else has to end before.

        Two commands that ask at once would ask for the same months, so one waits for the other.

        Args:
            group: the group.
            units: ask for these alone.
            ours: ids of this command's backfills, which have nothing more to do.
        """
        with filelock.FileLock(self.settings.home / _LOCK):
            # Looked at before the plan is made: what ends in between is not planned again.
            others = [
                each for each in open_backfills(self.instance) if each.backfill_id not in ours
            ]
            in_progress = self._in_progress()
            # What failed at the beginning may be made by now: `units` say what was meant.
            plan = self.plan(replace(self.request, groups=(group,), failed=False))
            asked = {unit: keys for unit, keys in plan.asked.items() if unit in units}
            plan = replace(plan, asked=asked, request=self.request)
            touched = self._touched(plan)
            for backfill in others:
                told, name = targets(backfill), backfill.tags.get(REQUEST_TAG)
                if name == str(self.request) and (begun := self._begun(told, units)):
                    return Answer(replace(plan, asked=begun), backfill.backfill_id, begun=True)
                if told & touched:
                    what = name or backfill.backfill_id
                    return Answer(plan, busy=f"another backfill of the same months: {what}")
            if busy := [each for each in in_progress if each in touched]:
                return Answer(plan, busy=f"runs that make {', '.join(by_asset(busy))}")
            if not asked:
                return Answer(plan)
            return Answer(plan, launch(self.instance, self.settings, plan))

    def _begun(self, told: set[AssetMonth], units: set[Unit]) -> dict[Unit, tuple[str, ...]]:
        """Return what a backfill that was begun before was told to make of some units."""
        asked: dict[Unit, tuple[str, ...]] = {}
        for unit in sorted(units):
            nodes = (node for node in self._nodes.values() if node.group == unit.group)
            keys = tuple(node.key for node in nodes if (node.key, unit.month) in told)
            if keys:
                asked[unit] = keys
        return asked

    def _touched(self, plan: BackfillPlan) -> set[AssetMonth]:
        """Return what a plan makes, what that is made from, and what it waits for."""
        first = self.settings.first_month_of(self.request.service)
        made = plan.partitions
        read = {each for key, month in made for each in self._nodes[key].inputs(month, first)}
        return made | read | plan.missing

    def _in_progress(self) -> list[AssetMonth]:
        """Return what runs make at the moment, of a backfill or not: the sensors' for one."""
        states = self._states()
        return [each for each, state in states.items() if state is State.IN_PROGRESS]

    def _states(self) -> dict[AssetMonth, State]:
        """Return how the months asked for stand, and those before, which windows may hold."""
        store = Store(self.settings.home / "store")
        nodes = list(self._nodes.values())
        months = self.settings.first_month_of(self.request.service).through(self.request.last)
        return partition_states(self.settings, self.instance, store, nodes, months)

    @cached_property
    def _nodes(self) -> dict[str, Node]:
        request = self.request
        nodes = nodes_of(request.service, request.feature_set, self.settings)
        return {node.key: node for node in nodes}
