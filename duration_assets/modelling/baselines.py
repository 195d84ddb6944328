"""What a model has to beat: simple predictions made from its training window.

These are the mean of all trips, each zone pair's median, and a linear regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import polars as pl

from duration_assets.modelling.linear_baseline import PAIR_MEAN, LinearBaseline
from duration_assets.modelling.statistics import exactly_summable
from duration_assets.modelling.zone_preprocessor import PSEUDO_TRIPS

PAIR = ("pickup_zone", "dropoff_zone")

BASELINES = ("mean", "pair_median", "linear")
"""What they are called."""

MEDIANS_FILE, LINEAR_FILE = "pair_medians.parquet", "linear_baseline.json"
BASELINE_FILES = (MEDIANS_FILE, LINEAR_FILE)


@dataclass(frozen=True)
class Baselines:
    """The baselines of one window.

    Attributes:
        pairs: what `pair_medians` made of its trips.
        linear: the regression.
    """

    pairs: pl.DataFrame
    linear: LinearBaseline

    @classmethod
    def fit(cls, trips: pl.LazyFrame, *, uses_distance: bool) -> Self:
        """Fit all baselines.

        Args:
            trips: the window's kept trips.
            uses_distance: whether the regression looks at the distance.
        """
        pairs = pair_medians(trips)
        described = _with_pairs(trips, pairs, order="none")
        return cls(pairs, LinearBaseline.fit(described, uses_distance=uses_distance))

    def predict(self, trips: pl.DataFrame) -> pl.DataFrame:
        """Predict n trips in the canonical schema.

        Returns:
            n rows: the minutes of each of `BASELINES`, where the mean stands in for the median of
            a pair that the window does not know; and `pair_seen`, whether it does.
        """
        mean = pl.lit(float(self.pairs["mean"][0]))
        return (
            _with_pairs(trips.lazy(), self.pairs, order="left")
            .select(
                mean=mean,
                pair_median=pl.col("median").fill_null(mean),
                linear=self.linear.prediction(),
                pair_seen=pl.col("median").is_not_null(),
            )
            .collect()
        )

    def save(self, folder: Path) -> None:
        """Write `BASELINE_FILES` into a folder."""
        self.pairs.write_parquet(folder / MEDIANS_FILE)
        self.linear.save(folder / LINEAR_FILE)

    @classmethod
    def load(cls, medians: Path, linear: Path) -> Self:
        """Read both of the files that `save` wrote."""
        return cls(pl.read_parquet(medians), LinearBaseline.load(linear))


def pair_medians(trips: pl.LazyFrame) -> pl.DataFrame:
    """Compute the mean of all trips, and how many each zone pair has, their sum and median.

    Args:
        trips: the window's kept trips.

    Returns:
        A row for each pair, sorted, with `trips`, `minutes` (the sum), `median` and the overall
        `mean`; all but the first in minutes.
    """
    minutes = exactly_summable(pl.col("duration"))
    pairs = (
        trips.group_by(PAIR)
        .agg(trips=pl.len(), minutes=minutes.sum(), median=pl.col("duration").median())
        .sort(PAIR)
        .collect(engine="streaming")
    )
    return pairs.with_columns(mean=pl.col("minutes").sum() / pl.col("trips").sum())


def _with_pairs(
    trips: pl.LazyFrame, pairs: pl.DataFrame, order: Literal["none", "left"]
) -> pl.LazyFrame:
    """Add each trip's `median`, null if its pair is unknown, and `PAIR_MEAN`.

    A pair's mean is shrunk towards the overall mean, which is also that of an unknown pair: the
    mean of a single trip is that trip's own duration, which the regression must not lean on.
    """
    mean = pl.col("mean").first()
    shrunk = (pl.col("minutes") + PSEUDO_TRIPS * mean) / (pl.col("trips") + PSEUDO_TRIPS)
    known = pairs.lazy().select(*PAIR, "median", shrunk.alias(PAIR_MEAN))
    joined = trips.join(known, on=PAIR, how="left", nulls_equal=True, maintain_order=order)
    return joined.with_columns(pl.col(PAIR_MEAN).fill_null(float(pairs["mean"][0])))
