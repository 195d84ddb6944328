"""What a model has to beat: the mean and each zone pair's median of its training window."""

from __future__ import annotations

import numpy as np
import polars as pl

from duration_assets.modelling.features import FloatArray
from duration_assets.modelling.statistics import exactly_summable

PAIR = ("pickup_zone", "dropoff_zone")


def pair_medians(trips: pl.LazyFrame) -> pl.DataFrame:
    """Compute the mean of all trips and the median of each zone pair.

    Args:
        trips: the window's kept trips.

    Returns:
        A row for each pair, sorted, with `median` and the overall `mean`, both in minutes.
    """
    mean = trips.select(exactly_summable(pl.col("duration")).mean()).collect(engine="streaming")
    medians = trips.group_by(PAIR).agg(median=pl.col("duration").median())
    return (
        medians.sort(PAIR)
        .collect(engine="streaming")
        .with_columns(mean=pl.lit(mean.item(), pl.Float64))
    )


def baseline_predictions(trips: pl.DataFrame, medians: pl.DataFrame) -> dict[str, FloatArray]:
    """Predict n trips by the mean, and by the pair's median (the mean for an unseen pair).

    Returns:
        `mean` and `pair_median`, n minutes each.
    """
    mean = float(medians["mean"][0])
    found = trips.select(PAIR).join(
        medians, on=PAIR, how="left", nulls_equal=True, maintain_order="left"
    )
    return {
        "mean": np.full(len(trips), mean),
        "pair_median": found["median"].fill_null(mean).to_numpy(),
    }
