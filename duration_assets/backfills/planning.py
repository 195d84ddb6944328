"""What a backfill asks for: which partitions, and what is left out and why. Knows no Dagster.

What is current is not asked for, so that the same request made again asks for what is left.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from duration_assets.errors import SettingsError
from duration_assets.lineage import (
    CHAMPIONS,
    DATA,
    EVALUATIONS,
    MODELS,
    MONITORING,
    Node,
    nodes_of,
)
from duration_assets.modelling.quality import blocking_problems
from duration_assets.months import Month, spans
from duration_assets.partition_states import State
from duration_assets.planning import out_of_date
from duration_assets.resources.store import Store
from duration_assets.settings import Settings

GROUPS = (DATA, MODELS, EVALUATIONS)
"""What is made where no group is asked for: what a history of models costs."""
ALL_GROUPS = (*GROUPS, CHAMPIONS, MONITORING)
"""In the order in which a month goes through them."""

_NOTHING_BEFORE = "there is no month before it to train on"
_TOO_EARLY = {MONITORING: "there is no month before it with a champion"}

AssetMonth = tuple[str, Month]
States = Mapping[AssetMonth, State]


class Unit(NamedTuple):
    """A group's assets of a month: what one run makes."""

    group: str
    month: Month


@dataclass(frozen=True)
class Request:
    """What a person asks for.

    Attributes:
        service: the service.
        feature_set: the feature set.
        first: the first month.
        last: the last month.
        groups: the groups to make.
        failed: only what failed, and what is not made because of that.
        force: make what is current too, but for files that are landed.
    """

    service: str
    feature_set: str
    first: Month
    last: Month
    groups: tuple[str, ...] = GROUPS
    failed: bool = False
    force: bool = False

    @property
    def months(self) -> list[Month]:
        """The months, oldest first."""
        return list(self.first.through(self.last))

    def __str__(self) -> str:
        options = ("--failed", self.failed), ("--force", self.force)
        return " ".join(
            [
                f"{self.service}/{self.feature_set} {self.first} to {self.last}:",
                *(", ".join(self.groups),),
                *(name for name, is_on in options if is_on),
            ]
        )


@dataclass(frozen=True)
class BackfillPlan:
    """What a backfill asks for.

    Attributes:
        request: what a person asked for.
        asked: the assets to make, in the order in which they can be made.
        current: what is made already.
        left_out: what cannot be made, and why.
        missing: what that waits for, and is neither made nor asked for.
    """

    request: Request
    asked: dict[Unit, tuple[str, ...]] = field(default_factory=dict)
    current: list[Unit] = field(default_factory=list)
    left_out: dict[Unit, str] = field(default_factory=dict)
    missing: set[AssetMonth] = field(default_factory=set)

    @property
    def partitions(self) -> set[AssetMonth]:
        """Every partition that is asked for."""
        return {(key, unit.month) for unit, keys in self.asked.items() for key in keys}

    @property
    def advice(self) -> str | None:
        """What to do about what is left out because data is missing; None if nothing is."""
        service = self.request.service
        # Assets of the data group have no feature set in their keys.
        months = [month for key, month in self.missing if key.rpartition("/")[0] == service]
        if not months:
            return None
        if min(months) < self.request.first:
            return f"To make what is left out too, begin with --from {min(months)}."
        if not set(self.request.groups) <= set(GROUPS):
            # Without --only, these groups are not made.
            return (
                "To make what is left out too, leave --only away, and then ask for the same again."
            )
        return "To make what is left out too, leave --only away."


def nodes_by_group(service: str, feature_set: str, settings: Settings) -> dict[str, list[Node]]:
    """Return the assets of a service and feature set by group, in the order of `ALL_GROUPS`."""
    nodes = nodes_of(service, feature_set, settings)
    return {group: [node for node in nodes if node.group == group] for group in ALL_GROUPS}


def plan_backfill(
    request: Request, settings: Settings, store: Store, states: States
) -> BackfillPlan:
    """Decide what to ask for.

    Args:
        request: what a person asks for.
        settings: say which partitions there are.
        store: where the partitions are.
        states: of every partition of the months asked for and of those that windows hold.

    Raises:
        SettingsError: if there are no such months.
    """
    check_months(request, settings)
    first = settings.first_month_of(request.service)
    plan = BackfillPlan(request)
    groups = nodes_by_group(request.service, request.feature_set, settings)
    failed = _failed(groups, first, states) if request.failed else None
    coming: set[AssetMonth] = set()
    for group in request.groups:
        for month in request.months:
            unit = Unit(group, month)
            nodes = tuple(node for node in groups[group] if node.first_month <= month)
            if failed is not None and not any((node.key, month) in failed for node in nodes):
                continue
            if not nodes:
                plan.left_out[unit] = _TOO_EARLY.get(group, _NOTHING_BEFORE)
                continue
            needed = _needed(nodes, month, first, store, coming, failed or (), force=request.force)
            waits = _waits(needed, month, first, store, coming)
            if not needed:
                plan.current.append(unit)
            elif waits:
                plan.left_out[unit] = _explain(waits, store)
                plan.missing.update(waits)
            else:
                plan.asked[unit] = tuple(node.key for node in needed)
                coming.update((node.key, month) for node in needed)
    return plan


def check_months(request: Request, settings: Settings) -> None:
    """Refuse months that there are no partitions for.

    Raises:
        SettingsError: naming them.
    """
    if request.first > request.last:
        raise SettingsError(
            f"There are no months from {request.first} to {request.last}: --from is after --to."
        )
    first, last = settings.first_month_of(request.service), settings.last_partition
    outside = [month for month in request.months if not first <= month <= last]
    if outside:
        raise SettingsError(
            f"{request.service} has months from {first} to {last}, and {spans(outside)} is not "
            "among them: see DURATION_FIRST_MONTH and DURATION_LAST_MONTH."
        )


def _failed(groups: Mapping[str, list[Node]], first: Month, states: States) -> set[AssetMonth]:
    """Return the partitions that failed, and those that are not made because of that."""
    failed: set[AssetMonth] = set()
    # In the order of the lineage: what a partition is made from is seen before it.
    for node in (node for group in groups.values() for node in group):
        for month in sorted(month for key, month in states if key == node.key):
            state = states[node.key, month]
            unmade = state in (State.MISSING, State.STALE)
            because = unmade and any(each in failed for each in node.inputs(month, first))
            if state is State.FAILED or because:
                failed.add((node.key, month))
    return failed


def _needed(
    nodes: tuple[Node, ...],
    month: Month,
    first: Month,
    store: Store,
    coming: set[AssetMonth],
    failed: Container[AssetMonth],
    *,
    force: bool,
) -> tuple[Node, ...]:
    """Return what is out of date now or failed, or will be when what it is made from was made."""
    badly = {node.key for node in nodes if (node.key, month) in failed}
    now = out_of_date(nodes, month, first, store, force=force, failed=badly)
    needed: list[Node] = []
    for node in nodes:
        again = {(other.key, month) for other in needed} | coming
        if node in now or any(each in again for each in node.inputs(month, first)):
            needed.append(node)
    return tuple(needed)


def _waits(
    needed: Iterable[Node], month: Month, first: Month, store: Store, coming: set[AssetMonth]
) -> list[AssetMonth]:
    """Return what has to be there first, and is neither in the store, nor good, nor coming."""
    keys = {node.key for node in needed}
    inputs = {each: None for node in needed for each in node.inputs(month, first)}
    return [
        (key, upstream)
        for key, upstream in inputs
        if key not in keys
        and (key, upstream) not in coming
        and (_refusals(store, key, upstream) or store.find(key, upstream) is None)
    ]


def _refusals(store: Store, key: str, month: Month) -> list[str]:
    found = store.find(key, month)
    return [] if found is None else list(blocking_problems(key, found.summary))


def _explain(waits: Iterable[AssetMonth], store: Store) -> str:
    refused = [f"{key} for {month}" for key, month in waits if _refusals(store, key, month)]
    if refused:
        return f"a blocking check refuses {', '.join(refused)}"
    return f"waits for {', '.join(by_asset(waits))}"


def by_asset(partitions: Iterable[AssetMonth]) -> Iterator[str]:
    """Yield a few words for each asset, with its months."""
    months: dict[str, list[Month]] = {}
    for key, month in partitions:
        months.setdefault(key.rpartition("/")[2], []).append(month)
    for name, found in months.items():
        yield f"{name} of {spans(found)}"
