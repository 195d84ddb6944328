"""Whether a challenger takes over from the champion, judged on the same trips of one month.

Two models of neighbouring months differ by little, and a month has few days, so the difference of
their errors is compared with what it would have been on other days like these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from duration_assets.modelling.judging import MODEL
from duration_assets.modelling.slices import (
    BOROUGH_PAIR,
    DISTANCE,
    HOUR,
    PAIR_SEEN,
    WEEKDAY,
    slice_errors,
)
from duration_assets.modelling.statistics import exactly_summable
from duration_assets.months import Month

CHALLENGER_MINUTES, CHAMPION_MINUTES = "challenger", "champion"
"""The columns with what either model predicts of a trip, in minutes."""

DRAWS = 2_000
_SEED = 42
_SLICES = (BOROUGH_PAIR, HOUR, WEEKDAY, DISTANCE)

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gate:
    """What a challenger has to pass.

    Attributes:
        margin: by what share of the champion's RMSE the challenger's has to be smaller.
        confidence: in what share of the drawn months it has to be smaller at all.
        slice_share: a slice with that share of the trips has weight.
        slice_limit: by what share a slice of weight may get worse.
    """

    margin: float
    confidence: float
    slice_share: float
    slice_limit: float


@dataclass(frozen=True)
class DayErrors:
    """Sums over the same trips of d days; the three arrays belong together.

    Attributes:
        trips: how many trips each day has.
        challenger: the sum of the challenger's squared errors of each, in square minutes.
        champion: the same of the champion.
    """

    trips: FloatArray
    challenger: FloatArray
    champion: FloatArray


@dataclass(frozen=True)
class Comparison:
    """Two models on the same trips.

    Attributes:
        trips: how many.
        days: in how many days.
        challenger_rmse: in minutes.
        champion_rmse: in minutes.
        probability: the share of drawn months in which the challenger's RMSE is the smaller one.
        worse: the slices of weight that get worse by more than the limit: `slice`, `part`, `share`,
            and both models' `challenger_rmse` and `champion_rmse`.
    """

    trips: int
    days: int
    challenger_rmse: float
    champion_rmse: float
    probability: float
    worse: tuple[dict[str, Any], ...] = ()

    @property
    def gain(self) -> float:
        """By what share of the champion's RMSE the challenger's is smaller."""
        if self.champion_rmse == 0.0:
            return 0.0
        return 1.0 - self.challenger_rmse / self.champion_rmse


def compare(
    trips: pl.LazyFrame,
    month: Month,
    zones: pl.DataFrame | None,
    gate: Gate,
    *,
    has_distance: bool,
) -> Comparison:
    """Compare two models.

    Args:
        trips: n trips of a month in the canonical schema, with `CHALLENGER_MINUTES` and
            `CHAMPION_MINUTES`.
        month: the month.
        zones: the zone lookup; None leaves the borough pairs out.
        gate: says which slices have weight.
        has_distance: whether the service publishes distances.
    """
    worse = _worse_slices(trips, zones, gate, has_distance=has_distance)
    return compare_days(day_errors(trips, month), tuple(worse))


def compare_days(errors: DayErrors, worse: tuple[dict[str, Any], ...] = ()) -> Comparison:
    """Compare two models by their errors of each day; see `compare`."""
    trips = errors.trips.sum()
    return Comparison(
        trips=int(trips),
        days=len(errors.trips),
        challenger_rmse=float(np.sqrt(errors.challenger.sum() / trips)),
        champion_rmse=float(np.sqrt(errors.champion.sum() / trips)),
        probability=probability_of_gain(errors),
        worse=worse,
    )


def day_errors(trips: pl.LazyFrame, month: Month) -> DayErrors:
    """Sum up squared errors by day; trips of other months count as one day more.

    The sums are exact: they do not depend on the order of the trips.
    """
    inside = pl.col("pickup_time").is_between(pl.lit(month.start), pl.lit(month.end), closed="left")
    day = pl.when(inside).then(pl.col("pickup_time").dt.day()).otherwise(0)
    sums = (
        trips.group_by(day=day)
        .agg(
            trips=pl.len(),
            **{
                name: exactly_summable((pl.col(name).cast(pl.Float64) - pl.col("duration")) ** 2)
                .sum()
                .cast(pl.Float64)
                for name in (CHALLENGER_MINUTES, CHAMPION_MINUTES)
            },
        )
        .sort("day")
        .collect(engine="streaming")
    )
    return DayErrors(
        sums["trips"].to_numpy().astype(np.float64),
        sums[CHALLENGER_MINUTES].to_numpy(),
        sums[CHAMPION_MINUTES].to_numpy(),
    )


def probability_of_gain(errors: DayErrors) -> float:
    """Return in what share of drawn months the challenger's RMSE is smaller than the champion's.

    A month is drawn as so many of its days, with replacement: the trips of a day share weather and
    traffic, so that days and not trips are what varies. Both models get the same days. The draws
    are the same each time. This is the bootstrap of paired blocks: B. Efron and R. J. Tibshirani,
    An Introduction to the Bootstrap (1993), chapters 8 and 16.
    """
    days = len(errors.trips)
    drawn = np.random.default_rng(_SEED).integers(0, days, size=(DRAWS, days))
    # The same trips in both: the smaller sum is the smaller RMSE.
    gains = (errors.champion - errors.challenger)[drawn].sum(axis=1)
    return float(np.mean(gains > 0.0))


def objections(found: Comparison, gate: Gate) -> list[str]:
    """Say in words why a challenger does not take over; nothing if it does."""
    said = []
    if found.gain < gate.margin or found.gain <= 0.0:
        said.append(
            f"Its RMSE is smaller by {found.gain:.2%}, and {gate.margin:.2%} are asked for."
            if found.gain > 0.0
            else f"Its RMSE is not smaller: {found.challenger_rmse:.4f} against "
            f"{found.champion_rmse:.4f} minutes."
        )
    if found.probability < gate.confidence:
        said.append(
            f"It is better in {found.probability:.1%} of the months that were drawn from this "
            f"one's days, and {gate.confidence:.1%} are asked for."
        )
    said += [
        f"Trips of {each['slice']} {each['part']} ({each['share']:.0%} of all) get worse: "
        f"{each['champion_rmse']:.3f} before, {each['challenger_rmse']:.3f} now."
        for each in found.worse
    ]
    return said


def _worse_slices(
    trips: pl.LazyFrame, zones: pl.DataFrame | None, gate: Gate, *, has_distance: bool
) -> list[dict[str, Any]]:
    """Return the slices of weight that get worse by more than the limit."""
    challenger, champion = (
        slice_errors(
            trips.with_columns(pl.col(name).alias(MODEL), pl.lit(True).alias(PAIR_SEEN)),
            zones,
            has_distance=has_distance,
        ).select("slice", "part", "share", pl.col("rmse").alias(f"{name}_rmse"))
        for name in (CHALLENGER_MINUTES, CHAMPION_MINUTES)
    )
    both = challenger.join(
        champion.drop("share"), on=["slice", "part"], nulls_equal=True, maintain_order="left"
    )
    limit = pl.col("champion_rmse") * (1.0 + gate.slice_limit)
    return both.filter(
        pl.col("slice").is_in(_SLICES),
        pl.col("share") >= gate.slice_share,
        pl.col("challenger_rmse") > limit,
    ).to_dicts()
