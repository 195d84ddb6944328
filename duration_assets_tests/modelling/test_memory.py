from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from duration_assets.modelling.trip_batches import BATCH
from duration_assets.months import Month
from duration_assets.services import SERVICES
from duration_assets.simulation.writer import write_month
from duration_assets_tests.modelling.quick_models import quick_model

TO_THE_MATRIX = """
import resource, sys
from pathlib import Path
import polars as pl
from duration_assets.modelling.cleaning import clean_month
from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.modelling.matrices import window_parts
from duration_assets.modelling.matrix_files import write_examples
from duration_assets.modelling.statistics import weekly_sums
from duration_assets.modelling.trip_batches import MonthTrips
from duration_assets.modelling.zone_preprocessor import ZonePreprocessor
from duration_assets.months import Month
from duration_assets.services import SERVICES

month, folder = Month(2024, 5), Path(sys.argv[2])
kept = folder / "kept.parquet"
summary = clean_month(
    Path(sys.argv[1]), SERVICES["yellow"], month, kept, folder / "rejected.parquet"
)
weekly = weekly_sums(pl.scan_parquet(kept), month)
preprocessor = ZonePreprocessor.fit(FEATURE_SETS["metered"], [weekly])
window = [MonthTrips(month, kept, summary.kept)]
for name, chunks in window_parts(preprocessor, window, {month: weekly}, threads=2).items():
    write_examples(folder / name, chunks)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak_megabytes(rows: int, folder: Path) -> float:
    folder.mkdir()
    published = folder / "published.parquet"
    write_month(SERVICES["yellow"], Month(2024, 5), published, rows)
    command = [sys.executable, "-c", TO_THE_MATRIX, str(published), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def test_memory_up_to_the_matrix_grows_far_less_than_the_matrix(tmp_path: Path) -> None:
    small, large = (peak_megabytes(parts * BATCH, tmp_path / str(parts)) for parts in (3, 12))
    further = sum(path.stat().st_size for path in (tmp_path / "12" / "training").iterdir()) / 1e6
    further -= sum(path.stat().st_size for path in (tmp_path / "3" / "training").iterdir()) / 1e6
    assert further > 250
    assert large < small + 0.5 * further


PREDICTING = """
import resource, sys
from pathlib import Path
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.published_rows import open_rows
from duration_assets.predicting import write_predictions

model = DurationModel.load(Path(sys.argv[1]))
trips, output = Path(sys.argv[2]), Path(sys.argv[3])
summary = write_predictions(
    model,
    open_rows(trips, model.service, model.preprocessor.feature_set),
    output,
    rides="2024/05",
    model_version="yellow/1",
    simulated=True,
    report=lambda done, total: None,
    threads=2,
)
assert summary.predicted == summary.rows > 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def test_memory_of_predictions_does_not_grow_with_the_trips(tmp_path: Path) -> None:
    yellow, month = SERVICES["yellow"], Month(2024, 5)
    training, model = tmp_path / "training.parquet", tmp_path / "model"
    write_month(yellow, month, training, 20_000)
    model.mkdir()
    quick_model(training, yellow, month, "metered", tmp_path).save(model)

    def peak(batches: int) -> float:
        trips, output = tmp_path / f"{batches}.parquet", tmp_path / f"{batches}-out.parquet"
        write_month(yellow, month, trips, batches * BATCH)
        command = [sys.executable, "-c", PREDICTING, str(model), str(trips), str(output)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return float(done.stdout)

    # Nine further batches of features alone would be over 500 megabytes.
    assert peak(12) < peak(3) + 120
