from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from duration_assets.modelling import matrices, trip_batches, zone_preprocessor
from duration_assets.modelling.cleaning import clean_month
from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.modelling.matrix_files import Examples, StoredExamples, write_examples
from duration_assets.modelling.statistics import weekly_sums
from duration_assets.modelling.trip_batches import MonthTrips
from duration_assets.modelling.zone_preprocessor import ZonePreprocessor
from duration_assets.months import Month
from duration_assets.simulation.writer import write_month
from duration_assets_tests.months import FEBRUARY, GREEN, JANUARY

ROWS = 2_000


def whole(chunks: Iterable[Examples]) -> tuple[int, np.ndarray]:
    made = list(chunks)
    rows = [np.column_stack([chunk.features, chunk.durations]) for chunk in made]
    return len(made), np.vstack(rows)


def test_matrices_are_the_same_whatever_the_threads_the_chunks_and_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, weekly = [], {}
    for month in (JANUARY, FEBRUARY):
        window.append(month_in(tmp_path, month))
        weekly[month] = weekly_sums(pl.scan_parquet(window[-1].path), month)
    preprocessor = ZonePreprocessor.fit(FEATURE_SETS["metered"], weekly.values())
    trips = pl.read_parquet(window[-1].path)

    def make(threads: int) -> dict[str, tuple[int, np.ndarray]]:
        parts = matrices.window_parts(preprocessor, window, weekly, threads)
        parts["validation"] = matrices.validation_chunks(preprocessor, trips, threads)
        return {name: whole(chunks) for name, chunks in parts.items()}

    usual = make(1)
    monkeypatch.setattr(trip_batches, "BATCH", 300)
    monkeypatch.setattr(matrices, "BATCH", 300)
    monkeypatch.setattr(zone_preprocessor, "_BLOCK", 64)
    small = make(3)
    for name, (chunks, matrix) in usual.items():
        assert small[name][0] > chunks
        np.testing.assert_array_equal(small[name][1], matrix)


def month_in(folder: Path, month: Month) -> MonthTrips:
    published, kept = folder / f"{month}.parquet", folder / f"{month}-kept.parquet"
    write_month(GREEN, month, published, ROWS)
    cleaned = clean_month(published, GREEN, month, kept, folder / f"{month}-rejected.parquet")
    return MonthTrips(month, kept, cleaned.kept)


def test_a_chunk_that_is_gone_while_examples_are_read_is_no_end_of_them(tmp_path: Path) -> None:
    chunks = [Examples(np.zeros((3, 2), np.float32), np.zeros(3, np.float32)) for _ in range(2)]
    write_examples(tmp_path / "matrix", chunks)
    stored = StoredExamples(tmp_path / "matrix")
    assert len(list(stored)) == 2
    (tmp_path / "matrix" / "00001-durations.npy").unlink()
    with pytest.raises(FileNotFoundError, match="00001-durations"):
        list(stored)
