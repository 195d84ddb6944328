"""When an asset's partition is asked for: the automation conditions, by its place in its group.

Each is latched: it fires once for a change of a data version upstream, then waits for the next
change. A partition that failed is not asked for again until then, and a month that was published
again with the same bytes changes nothing. Dagster's own `eager()` looks at the newest month only,
and would never make one that arrives late.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dagster import AssetSelection, AutomationCondition

from duration_assets.lineage import Node

Condition = AutomationCondition[Any]


def condition_of(node: Node, nodes: Iterable[Node]) -> Condition | None:
    """Return the condition under which a partition is asked for.

    Args:
        node: the asset.
        nodes: all assets of its service or feature set; those of its group are made in one run.

    Returns:
        None for an asset that reads none: a sensor asks for it.
    """
    if not node.reads:
        return None
    group = {other.key for other in nodes if other.group == node.group}
    inside = [reads.asset for reads in node.reads if reads.asset in group]
    outside = [reads.asset for reads in node.reads if reads.asset not in group]
    return _behind_the_first(inside, outside) if inside else _at_the_entrance(outside)


def _at_the_entrance(outside: list[str]) -> Condition:
    """Ask for the first asset of a group: when something it reads changed and nothing is coming."""
    return _latched(_dependency_changed()) & _ready() & ~_coming(outside)


def _behind_the_first(inside: list[str], outside: list[str]) -> Condition:
    """Ask for the others in the same tick as for the first, so that one run makes them all.

    Where something they read was made without them, they are asked for a tick later: most often
    the run that made it is about to make them too.
    """
    coming, changed = _coming(inside), _dependency_changed()
    return _latched(changed | coming) & (coming | ~changed) & _ready() & ~_coming(outside)


def _coming(assets: list[str]) -> Condition:
    """Say whether any of these that a partition reads is asked for in this tick."""
    requested = AutomationCondition.any_deps_match(AutomationCondition.will_be_requested())
    return requested.allow(AssetSelection.assets(*(asset.split("/") for asset in assets)))


def _ready() -> Condition:
    """Wait for what is missing, refused by a blocking check, or being made.

    A tick reads first what was made, and then what is being made: what is made in between would be
    neither. So a partition that is no longer being made is looked at in the next tick.
    """
    refused = AutomationCondition.any_checks_match(
        AutomationCondition.check_failed(), blocking_only=True
    )
    return (
        ~AutomationCondition.any_deps_missing()
        & ~AutomationCondition.any_deps_in_progress()
        & ~AutomationCondition.any_deps_match(refused)
        & ~AutomationCondition.in_progress()
        & ~(~AutomationCondition.in_progress()).newly_true()
    )


def _dependency_changed() -> Condition:
    return AutomationCondition.any_deps_match(AutomationCondition.data_version_changed())


def _latched(change: Condition) -> Condition:
    """Remember a change until the partition was asked for, made, or failed since."""
    answered = (
        AutomationCondition.newly_requested()
        | AutomationCondition.newly_updated()
        | AutomationCondition.execution_failed().newly_true()
    )
    return change.since(answered)
