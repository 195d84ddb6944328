from __future__ import annotations

from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from duration_assets.assets.drift_inputs import observed
from duration_assets.modelling.cleaning import KEPT_FILE
from duration_assets.modelling.histograms import HISTOGRAMS_FILE, month_histograms
from duration_assets.resources.partition import Partition
from duration_assets_tests.modelling.trips import trips_of
from duration_assets_tests.months import GREEN


def test_a_month_that_was_cleaned_before_histograms_were_kept_is_counted_anew(
    tmp_path: Path,
) -> None:
    trips = trips_of([5.0, 9.0], distance=[1.0, 2.0])
    trips.write_parquet(tmp_path / KEPT_FILE)
    cleaned = Partition(
        "green/cleaned_trips", "2023-01", "data", "2", {}, {"kept": 2}, True, "v", "", tmp_path
    )
    counted = month_histograms(trips.lazy(), GREEN)
    assert_frame_equal(observed(cleaned).histograms, counted)
    kept: pl.DataFrame = counted.with_columns(trips=pl.col("trips") * 2)
    kept.write_parquet(tmp_path / HISTOGRAMS_FILE)
    assert_frame_equal(observed(cleaned).histograms, kept)
