"""What a look at the source has to say for people, in sentences. Knows no Dagster."""

from __future__ import annotations

from collections.abc import Collection

from duration_assets.automation.arrivals import Decision, Limits, Look
from duration_assets.months import Month, spans


def notes_on(
    decision: Decision, look: Look, landed: Collection[Month], limits: Limits
) -> list[str]:
    """Return what a look found and nothing was asked for, and what was asked for.

    Args:
        decision: what was decided.
        look: what was seen.
        landed: what is in the store.
        limits: what is asked for at most.
    """
    known = {month: decision.memory.of(month) for month in limits.months}
    new = [request.month for request in decision.requests if not request.is_change]
    changed = [request.month for request in decision.requests if request.is_change]
    unsettled = [month for month, each in known.items() if each.pending and month in look.found]
    left = [month for month, each in known.items() if each.left and month not in landed]
    gone = [month for month, each in known.items() if each.asked and month in look.absent]
    foreign = [month for month in look.found if month not in limits.months]
    return [
        *_said(new, "{} asked for, new at the source."),
        *_said(changed, "{} asked for again, with other bytes at the source."),
        *_said(decision.later, "{} asked for at the next looks: too many at once."),
        *_said(
            [month for month in unsettled if month not in left],
            "{} not settled: what looks the same at two looks and can be read counts.",
        ),
        *look.problems,
        *_said(gone, "{} not at the source any more; what was landed stays."),
        *_said(
            foreign,
            "{} at the source, without a partition: see DURATION_FIRST_MONTH and "
            "DURATION_LAST_MONTH.",
        ),
        *_said(
            left,
            "{} older than the newest window at the first look, and left to a backfill; "
            "DURATION_LAND_ALL=true lands such months too.",
        ),
    ]


def _said(months: Collection[Month], sentence: str) -> list[str]:
    """Return the sentence about these months, if there are any."""
    if not months:
        return []
    return [sentence.format(f"{spans(months)} {'is' if len(months) == 1 else 'are'}")]
