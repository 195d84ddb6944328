"""The part of the overall report on the data: how many rows were kept and rejected, by month."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from duration_assets.modelling import plots
from duration_assets.modelling.cleaning import REASONS
from duration_assets.modelling.reports.report import (
    Block,
    Picture,
    Table,
    counts,
    months,
    shares,
)
from duration_assets.months import Month


def quality_by_month(cleaned: Mapping[Month, Mapping[str, Any]]) -> Iterator[Block]:
    """Yield what stands in the report of the months' own counts, by month in time."""
    if not cleaned:
        yield "No month is there yet: `duration-prediction backfill --only data` lands and cleans."
        return
    yield (
        "Rows of the published files: how many were kept as trips of 1 to 60 minutes, the shares "
        "that were rejected for each reason, and the shares of the kept trips without a zone or a "
        "distance."
    )
    rejected = {
        reason: [100 * _share(each["rejected"][reason], each["rows"]) for each in cleaned.values()]
        for reason in REASONS
    }
    names = list(map(str, cleaned))
    content = plots.lines_by_month(names, rejected, "rejected rows, %")
    yield Picture("rejected_by_month", content, "Rejected rows by month and reason")
    rows = [
        [
            str(month),
            each["rows"],
            each["kept"],
            *(_share(each["rejected"][reason], each["rows"]) for reason in REASONS),
            _share(each["missing_zones"], each["kept"]),
            _share(each["missing_distance"], each["kept"]),
        ]
        for month, each in cleaned.items()
    ]
    yield Table(
        (
            months("month"),
            counts("rows"),
            counts("kept"),
            *map(shares, REASONS),
            shares("no zone"),
            shares("no distance"),
        ),
        rows,
    )


def _share(part: int, whole: int) -> float:
    return part / max(whole, 1)
