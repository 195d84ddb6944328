"""Asset checks by month: the rules of `modelling/quality.py`, shown in the web UI.

The step that makes a partition checks it too. A rule that blocks stops what follows in the same
run; the store refuses the partition to every later run, so that a check cannot be passed by.
"""

from collections.abc import Callable, Iterable
from typing import Any

import dagster as dg

from duration_assets.assets.common import Place
from duration_assets.modelling import drift, quality
from duration_assets.months import Month
from duration_assets.resources.partition import Partition
from duration_assets.resources.store import Store

MONTHS_BEFORE = 3
"""How many months a month's rows are compared with."""

Judge = Callable[[Partition, Store], str | None]


def check_specs(place: Place) -> list[dg.AssetCheckSpec]:
    """Declare every check of an asset."""
    return [
        dg.AssetCheckSpec(
            name,
            asset=dg.AssetKey.from_user_string(place.node.key),
            blocking=blocking,
            partitions_def=place.partitions,
            description=_description(judge),
        )
        for name, judge, blocking in _judges(place)
    ]


def check_results(place: Place, partition: Partition, store: Store) -> list[dg.AssetCheckResult]:
    """Judge a partition that was just written by every check of its asset."""
    results = []
    for name, judge, blocking in _judges(place):
        problem = judge(partition, store)
        is_error = blocking or name in _SERIOUS
        results.append(
            dg.AssetCheckResult(
                check_name=name,
                passed=problem is None,
                severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
                description=problem or "As it should be.",
            )
        )
    return results


def _judges(place: Place) -> list[tuple[str, Judge, bool]]:
    """Return name and judge of each check of an asset, and whether it blocks."""
    name = place.node.key.rpartition("/")[2]
    blocking = [(rule.__name__, _by_summary(rule), True) for rule in quality.BLOCKING.get(name, ())]
    warnings = [(check, judge, False) for check, judge in _WARNINGS.get(name, ())]
    return [*blocking, *warnings]


def _description(judge: Judge) -> str:
    """Turn what a rule says of itself, "Say if …", into what a reader of the web UI looks for."""
    return f"Fails if {(judge.__doc__ or '').strip().removeprefix('Say if ')}"


def _by_summary(rule: quality.Rule) -> Judge:
    def judge(partition: Partition, _store: Store) -> str | None:
        return rule(partition.summary)

    judge.__doc__ = rule.__doc__
    return judge


def _rows_like_before(partition: Partition, store: Store) -> str | None:
    """Say if a month has far fewer or more rows than the three months before it."""
    month = Month.parse(partition.month)
    before = (store.find(partition.asset, month.shift(-back)) for back in _back())
    rows = [found.summary["rows"] for found in before if found is not None]
    return quality.rows_like_before(partition.summary["rows"], rows)


def _better_than_baselines(partition: Partition, _store: Store) -> str | None:
    """Say if the model is no better than one of the baselines made from its window."""
    return quality.better_than_baselines(partition.summary["metrics"])


def _within_limits(kind: str) -> Judge:
    def judge(partition: Partition, _store: Store) -> str | None:
        return drift.problem(kind, partition.summary)

    judge.__doc__ = f"Say if {drift.KINDS[kind].says}."
    return judge


def _back() -> Iterable[int]:
    return range(1, MONTHS_BEFORE + 1)


_WARNINGS: dict[str, tuple[tuple[str, Any], ...]] = {
    "raw_trips": (("rows_like_before", _rows_like_before),),
    "cleaned_trips": (("rejected_share", _by_summary(quality.rejected_share)),),
    "evaluation": (("better_than_baselines", _better_than_baselines),),
    "drift": tuple((kind, _within_limits(kind)) for kind in drift.KINDS),
}
_SERIOUS = {name for name, kind in drift.KINDS.items() if kind.is_serious}
"""Checks that block nothing, and show as errors all the same."""
