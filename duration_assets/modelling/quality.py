"""What is wrong with a month: the rules behind the asset checks, as pure functions of counts.

A blocking rule does more than show a check in red: the store refuses to hand out a partition that
breaks one, so that nothing is built on it, in whichever run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from duration_assets.modelling.baselines import BASELINES

LEAST_IN_MONTH = 0.9
"""Share of trips picked up in the month of the file; real files have at least 0.999."""
MOST_UNKNOWN_ZONES = 0.01
MOST_REJECTED = 0.15
_WHICH_COLUMNS = (
    "Ask the source for this service's file; duration_assets/services.py lists what it needs."
)
FEWEST_ROWS, MOST_ROWS = 0.5, 2.0
"""Rows of a month, as a share of the median of the months before it."""


def readable(summary: dict[str, Any]) -> str | None:
    """Say if a published file lacks trips or columns that its service needs."""
    if summary["rows"] == 0:
        return "It holds no trips: ask the source for the whole file and land the month again."
    problems = summary["column_problems"]
    return " ".join([*problems, _WHICH_COLUMNS]) if problems else None


def some_trips_kept(summary: dict[str, Any]) -> str | None:
    """Say if cleaning left nothing."""
    if summary["kept"]:
        return None
    return (
        f"None of its {summary['rows']:,} rows is a trip of 1 to 60 minutes. Ask the source for "
        "the right file and land the month again."
    )


def trips_in_month(summary: dict[str, Any]) -> str | None:
    """Say if the trips are not those of the month that the file is named after."""
    if not summary["kept"]:
        # That none was kept says nothing of the month.
        return None
    share = summary["picked_up_in_month"] / summary["kept"]
    if share >= LEAST_IN_MONTH:
        return None
    return (
        f"Only {share:.1%} of its trips were picked up in its month: it looks like another "
        "month's file. Ask the source for the right file and land the month again."
    )


def zones_known(summary: dict[str, Any]) -> str | None:
    """Say if more trips than a few have a zone id that their service does not have."""
    share = summary["unknown_zones"] / max(summary["kept"], 1)
    if share <= MOST_UNKNOWN_ZONES:
        return None
    return (
        f"{share:.1%} of its trips have a zone id that is none of the service's (TLC's are 1 to "
        "265). Ask the source for the right file and land the month again, or see last_zone in "
        "duration_assets/services.py."
    )


def rejected_share(summary: dict[str, Any]) -> str | None:
    """Say if unusually many rows were rejected."""
    share = 1 - summary["kept"] / summary["rows"]
    if share <= MOST_REJECTED:
        return None
    return f"{share:.1%} of the rows were rejected; up to {MOST_REJECTED:.0%} is usual."


def rows_like_before(rows: int, before: Sequence[int]) -> str | None:
    """Say if a month has far fewer or more rows than the months before it."""
    if not before:
        return None
    usual = float(np.median(before))
    if FEWEST_ROWS * usual <= rows <= MOST_ROWS * usual:
        return None
    return f"{rows:,} rows, where the {len(before)} months before it have a median of {usual:,.0f}."


def features_finite(summary: dict[str, Any]) -> str | None:
    """Say if a matrix holds a null or infinite feature."""
    bad = summary["not_finite"]
    if not bad:
        return None
    return f"{bad:,} of its features are null or infinite: see the trips with a null distance."


def better_than_baselines(metrics: dict[str, float]) -> str | None:
    """Say if a model is no better than one of the baselines made from its window."""
    beaten = [
        f"{name.replace('_', ' ')} ({metrics[f'baseline_{name}_rmse']:.3f})"
        for name in BASELINES
        if metrics["rmse"] >= metrics[f"baseline_{name}_rmse"]
    ]
    if not beaten:
        return None
    return f"RMSE {metrics['rmse']:.3f} minutes is no better than the {' and the '.join(beaten)}."


Rule = Callable[[dict[str, Any]], str | None]
"""Takes a partition's summary; returns what is wrong, or None."""

BLOCKING: dict[str, tuple[Rule, ...]] = {
    "raw_trips": (readable,),
    "cleaned_trips": (some_trips_kept, trips_in_month, zones_known),
    "training_matrix": (features_finite,),
    "validation_matrix": (features_finite,),
}
"""The rules that block, by the last part of an asset's key."""


def blocking_problems(asset: str, summary: dict[str, Any]) -> list[str]:
    """Say why nothing may be built on a partition.

    Args:
        asset: its asset's key.
        summary: its summary.
    """
    rules = BLOCKING.get(asset.rpartition("/")[2], ())
    return [problem for rule in rules if (problem := rule(summary)) is not None]
