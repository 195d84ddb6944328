"""What stands for the content of a partition, where that is more than the hash of its files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from duration_assets.modelling.cleaning import TRIP_SCHEMA
from duration_assets.modelling.intervals import CALIBRATION_FILE, INTERVAL_FILE
from duration_assets.modelling.model import BOOSTER_FILE
from duration_assets.modelling.preprocessors import PREPROCESSOR_FILE
from duration_assets.resources.files import content_hash


def cleaned_version(kept: Path, rejected: Path) -> str:
    """Stand for the trips of a month, but not for published columns that nothing is made from.

    Args:
        kept: the file of kept trips that `clean_month` wrote.
        rejected: the file of rejected ones.
    """
    digest = hashlib.sha256(content_hash(kept).encode())
    with pq.ParquetFile(rejected) as file:
        for batch in file.iter_batches(columns=["reason", *TRIP_SCHEMA]):
            # As text: the binary formats of equal tables may differ.
            table = pl.DataFrame(pl.from_arrow(batch))
            digest.update(table.write_csv(include_header=False).encode())
    return digest.hexdigest()


def model_content(folder: Path) -> str:
    """Stand for what a model predicts, in a folder that `DurationModel.save` wrote."""
    files = [folder / name for name in (BOOSTER_FILE, PREPROCESSOR_FILE)]
    intervals = [folder / name for name in (INTERVAL_FILE, CALIBRATION_FILE)]
    return content_hash(*files, *(path for path in intervals if path.exists()))
