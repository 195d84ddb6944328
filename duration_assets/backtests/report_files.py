"""The files of a backtest's report: Markdown, a page made from it, a picture, all scores."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

from duration_assets.backtests.report import CHART, Results, report_of
from duration_assets.disk_space import full_disk_error, is_full_disk
from duration_assets.errors import StoreError
from duration_assets.modelling.backtesting import Candidate, Score
from duration_assets.resources.files import write_atomically

MARKDOWN_FILE, PAGE_FILE, TABLE_FILE = "report.md", "report.html", "results.csv"
CHART_FILE = f"{CHART}.png"


def write_report(results: Results, folder: Path) -> None:
    """Write all files of the report into a folder, which is made.

    Raises:
        StoreError: if they cannot be written there.
    """
    chart = draw_chart(results)
    report = report_of(results, chart)
    files = {
        CHART_FILE: chart,
        TABLE_FILE: as_csv(results).encode(),
        MARKDOWN_FILE: report.to_markdown(pictures_beside=True).encode(),
        PAGE_FILE: report.to_html().encode(),
    }
    try:
        for name, content in files.items():
            write_atomically(folder / name, content)
    except OSError as error:
        if is_full_disk(error):
            raise full_disk_error(folder) from error
        raise StoreError(
            f"The report cannot be written to {folder} ({error.strerror}): the results are kept, "
            "so run it again with another --output."
        ) from error


def draw_chart(results: Results) -> bytes:
    """Draw the RMSE by month, a line for each candidate, as PNG."""
    from duration_assets.modelling.plots import rmse_by_month

    by_month = results.by_month()
    lines = {
        name: [
            scores[name].metrics["rmse"] if name in scores else math.nan
            for scores in by_month.values()
        ]
        for name in results.names
    }
    tuned_to = None if results.tuned_to is None else str(results.tuned_to)
    title = f"RMSE by month, {results.service}{' (SIMULATED trips)' if results.simulated else ''}"
    return rmse_by_month([str(month) for month in by_month], lines, title, tuned_to)


def as_csv(results: Results) -> str:
    """Write all scores as a table, a row for each candidate and month."""
    candidates = {candidate.name: candidate for candidate in results.candidates}
    rows = [_csv_row(results, candidates[score.candidate], score) for score in results.tried.scores]
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def _csv_row(results: Results, candidate: Candidate, score: Score) -> Mapping[str, object]:
    return {
        "candidate": candidate.name,
        "feature_set": candidate.feature_set,
        "window": candidate.window,
        "parameters": candidate.parameters.name,
        "validation_month": score.month,
        "first_training_month": score.fold.window[0],
        "last_training_month": score.fold.window[-1],
        "training_months": len(score.fold.window),
        "training_trips": score.training_trips,
        "trips": score.trips,
        "rounds": score.rounds,
        "seconds": score.seconds,
        "simulated": str(results.simulated).lower(),
        **score.metrics,
    }
