"""The work of a backfill by the modelling functions alone, in warm processes.

This is what is left of a backfill's time without Dagster, MLflow and the start of processes.

    python -m benchmarks.modelling_alone --source FOLDER --from 2021-01 --to 2023-12

Everything that a partition holds is read, made and written, as the assets do; nothing is recorded.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import polars as pl

from duration_assets.modelling.trip_batches import MonthTrips
from duration_assets.months import Month, window_months
from duration_assets.services import SERVICES

FEATURE_SET = "metered"


@dataclass(frozen=True)
class Work:
    """What is made: the green months of a folder, in a folder of results, with `threads` each."""

    source: Path
    results: Path
    first: Month
    last: Month
    window: int
    threads: int

    def folder(self, month: Month) -> Path:
        """Return where a month's results are."""
        return self.results / str(month)

    def trips(self, month: Month) -> MonthTrips:
        """Return the kept trips of a month that was cleaned."""
        path = self.folder(month) / "trips.parquet"
        return MonthTrips(month, path, int(pl.scan_parquet(path).select(pl.len()).collect().item()))


def make_data(work: Work, month: Month) -> None:
    """Copy, clean and add up a month."""
    from duration_assets.modelling.cleaning import clean_month
    from duration_assets.modelling.statistics import weekly_sums

    folder = work.folder(month)
    folder.mkdir(parents=True)
    published = folder / "published.parquet"
    shutil.copy(work.source / f"green_tripdata_{month}.parquet", published)
    kept = folder / "trips.parquet"
    clean_month(published, SERVICES["green"], month, kept, folder / "rejected.parquet")
    weekly_sums(pl.scan_parquet(kept), month).write_parquet(folder / "statistics.parquet")


def make_model(work: Work, month: Month) -> None:
    """Fit a preprocessor and a model on a window, and encode it."""
    from duration_assets.modelling.baselines import Baselines
    from duration_assets.modelling.features import feature_set_named
    from duration_assets.modelling.matrices import training_parts, write_parts
    from duration_assets.modelling.matrix_files import StoredExamples
    from duration_assets.modelling.model import DurationModel
    from duration_assets.modelling.parameters import parameters_of
    from duration_assets.modelling.preprocessors import fit_preprocessor
    from duration_assets.modelling.training import fit_parts

    window = window_months(month, work.window, work.first)
    sums = {each: pl.read_parquet(work.folder(each) / "statistics.parquet") for each in window}
    trips = [work.trips(each) for each in window]
    scans = [pl.scan_parquet(each.path) for each in trips]
    preprocessor = fit_preprocessor(feature_set_named(FEATURE_SET), scans, sums.values())
    scratch = Path(tempfile.mkdtemp(dir=work.results))
    written = write_parts(scratch, training_parts(preprocessor, trips, sums), trips)
    parts = {name: StoredExamples(scratch / name) for name in written}
    fitted = fit_parts(parts, work.threads, parameters_of(FEATURE_SET))
    model = work.folder(month) / "model"
    model.mkdir()
    DurationModel(SERVICES["green"], preprocessor, fitted.booster, fitted.intervals).save(model)
    uses_distance = preprocessor.feature_set.uses_distance
    Baselines.fit(pl.concat(scans), uses_distance=uses_distance).save(model)
    shutil.rmtree(scratch)


def judge_model(work: Work, month: Month) -> None:
    """Encode a month with the model of the month before, and judge that."""
    from duration_assets.modelling.baselines import LINEAR_FILE, MEDIANS_FILE, Baselines
    from duration_assets.modelling.intervals import IntervalModel
    from duration_assets.modelling.judging import judge, score_trips
    from duration_assets.modelling.matrices import judged_trips, validation_chunks
    from duration_assets.modelling.matrix_files import StoredExamples, write_examples
    from duration_assets.modelling.model import load_booster
    from duration_assets.modelling.preprocessors import PREPROCESSOR_FILE, load_preprocessor
    from duration_assets.modelling.reliance import mean_contributions
    from duration_assets.modelling.reports.errors_by_slice import SLICES_FILE, Zones
    from duration_assets.modelling.reports.evaluation_report import (
        Others,
        Subject,
        evaluation_report,
    )

    folder, model = work.folder(month), work.folder(month.shift(-1)) / "model"
    trips = judged_trips(folder / "trips.parquet", folder / "rejected.parquet")
    preprocessor = load_preprocessor(model / PREPROCESSOR_FILE)
    write_examples(folder / "validation", validation_chunks(preprocessor, trips))
    trips.write_parquet(folder / "judged.parquet")
    booster, intervals = load_booster(model), IntervalModel.load(model)
    scored = score_trips(
        booster,
        intervals,
        StoredExamples(folder / "validation"),
        folder / "judged.parquet",
        Baselines.load(model / MEDIANS_FILE, model / LINEAR_FILE),
        folder / "scored",
    )
    assert scored.sample is not None
    judgement = judge(scored.trips, None, intervals, has_distance=True)
    judgement.slices.write_parquet(folder / SLICES_FILE)
    window = window_months(month.shift(-1), work.window, work.first)
    report = evaluation_report(
        Subject(
            SERVICES["green"],
            preprocessor.feature_set,
            [str(each) for each in window],
            sum(len(work.trips(each)) for each in window),
            month,
            "none",
            simulated=False,
        ),
        judgement,
        Zones(None, "The pairs of boroughs are left out."),
        mean_contributions(booster, scored.sample, preprocessor.feature_names),
        Others(),
    )
    (folder / "report.html").write_text(report.to_html())


def work_alone(work: Work, processes: int) -> dict[str, float]:
    """Do all of it in warm processes.

    Returns:
        Seconds by stage.
    """
    months = list(work.first.through(work.last))
    stages: tuple[tuple[str, Callable[[Work, Month], None], list[Month]], ...] = (
        ("data", make_data, months),
        ("models", make_model, months),
        ("evaluations", judge_model, months[1:]),
    )
    # Read by Polars when a process loads it.
    os.environ["POLARS_MAX_THREADS"] = str(work.threads)
    taken: dict[str, float] = {}
    with ProcessPoolExecutor(processes, get_context("spawn"), _warm_up) as pool:
        _wait(pool.submit(time.sleep, 1.0) for _ in range(processes))
        for name, make, asked in stages:
            began = time.perf_counter()
            _wait(pool.submit(make, work, month) for month in asked)
            taken[name] = time.perf_counter() - began
    return taken


def _warm_up() -> None:
    """Import what the work needs before the clock runs."""
    import importlib

    for name in ("cleaning", "statistics", "training", "model", "plots", "matrices"):
        importlib.import_module(f"duration_assets.modelling.{name}")
    importlib.import_module("xgboost")
    importlib.import_module("matplotlib.figure")


def _wait(futures: Iterable[Future[None]]) -> None:
    for future in list(futures):
        future.result()


def parser_of(document: str | None) -> argparse.ArgumentParser:
    """Return a parser of what the work is, described by the first line of a module's docstring."""
    parser = argparse.ArgumentParser(description=(document or "").partition("\n")[0])
    parser.add_argument("--source", type=Path, required=True, help="the folder of published files")
    parser.add_argument("--from", dest="first", type=Month.parse, required=True)
    parser.add_argument("--to", dest="last", type=Month.parse, required=True)
    parser.add_argument("--window", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    return parser


def work_given(given: argparse.Namespace, results: Path) -> Work:
    """Return the work that arguments of `parser_of` ask for."""
    source = given.source.absolute()
    return Work(source, results, given.first, given.last, given.window, given.threads)


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = work_given(given, Path(scratch))
        for name, seconds in work_alone(work, given.processes).items():
            print(f"{name}: {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
