"""Where the limits of drift come from, and what they flag: real months, and months that are broken.

    python -m benchmarks.drift_thresholds --home HOME --models champions

Every measure is worked out for every month from `--from` to `--to`. The limit proposed for a kind
of measure is the largest value up to `--limits-to`, and a quarter more. What these limits flag of
the months after is printed, and what they say of two broken months made from each of these: every
trip takes 30% longer, and the busiest zone is closed. Prints tables in Markdown.

The home is only read. Models are its `champions`, or the `newest` that each month could have had,
or with `--models small` cheap ones, trained on a sample for this alone.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from duration_assets.assets.common import kept_trips
from duration_assets.assets.drift_inputs import USUAL_MONTHS
from duration_assets.assets.raw_trips import TRIPS_FILE
from duration_assets.modelling.cleaning import KEPT_FILE, clean_month
from duration_assets.modelling.drift import (
    KINDS,
    MEASURES,
    Observed,
    Predicted,
    Usual,
    abs_if_bias,
    flagged,
    measure,
    predict_month,
    together,
)
from duration_assets.modelling.features import feature_set_named
from duration_assets.modelling.histograms import HISTOGRAMS_FILE, month_histograms
from duration_assets.modelling.matrices import training_parts, write_parts
from duration_assets.modelling.matrix_files import StoredExamples
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.parameters import FIXED
from duration_assets.modelling.preprocessors import fit_preprocessor
from duration_assets.modelling.statistics import STATISTICS_FILE
from duration_assets.modelling.training import fit_parts
from duration_assets.modelling.trip_batches import MonthTrips, sample_window
from duration_assets.months import Month, window_months
from duration_assets.resources.partition import Partition
from duration_assets.resources.store import Store
from duration_assets.services import Service, service_named
from duration_assets.simulation.breaks import BREAKS, write_broken

MARGIN = 1.25
"""A limit is the largest value that was seen, times this."""
_CHEAP = {**FIXED, "rounds": 100, "learning_rate": 0.3, "max_depth": 5, "max_bin": 128}


@dataclass(frozen=True)
class InUse:
    """A model in use: its name, the model, and the months that it was trained on."""

    name: str
    model: DurationModel
    window: list[Month]

    @property
    def judged(self) -> Month:
        """The month that it was judged on when it was new."""
        return self.window[-1].shift(1)


@dataclass
class Bench:
    """Measures months of a home, and keeps what several of them need.

    Attributes:
        store: of the home, which is only read.
        service: its service.
        feature_set: of the models.
        models: `champions`, `newest` or `small`.
        window: how many months a small model trains on.
        rows: how many trips a small model trains on.
    """

    store: Store
    service: Service
    feature_set: str
    models: str
    window: int
    rows: int
    _observed: dict[Month, Observed] = field(default_factory=dict)
    _small: dict[Month, InUse] = field(default_factory=dict)
    _predicted: dict[tuple[str, Month], Predicted] = field(default_factory=dict)

    def measure(self, month: Month) -> dict[str, float]:
        """Measure a month of the home."""
        used = self.in_use(month)
        trips = self.trips(month)
        predicted = self.predicted(used, trips)
        return measure(self.observed(month), *self._compared_with(used, month, predicted))

    def measure_broken(self, month: Month, name: str) -> dict[str, float]:
        """Measure a month to which something has happened."""
        used = self.in_use(month)
        published = self._partition("raw_trips", month).file(TRIPS_FILE)
        with tempfile.TemporaryDirectory() as scratch:
            broken, kept = Path(scratch) / "broken.parquet", Path(scratch) / KEPT_FILE
            write_broken(published, self.service, BREAKS[name], broken)
            rejected = Path(scratch) / "rejected.parquet"
            summary = clean_month(broken, self.service, month, kept, rejected)
            histograms = month_histograms(pl.scan_parquet(kept), self.service)
            observed = Observed(histograms, vars(summary))
            predicted = predict_month(used.model, MonthTrips(month, kept, summary.kept))
            return measure(observed, *self._compared_with(used, month, predicted))

    def in_use(self, month: Month) -> InUse:
        """Return the model in use in a month: none has seen more than two months before it."""
        newest = month.shift(-2)
        if self.models == "small":
            return self._small_model(newest)
        if self.models == "newest":
            model = self._partition("duration_model", newest)
            window = [Month.parse(each) for each in model.summary["window"]]
            return InUse(str(newest), DurationModel.load(model.folder), window)
        champion = self._partition("champion", month.shift(-1))
        trained = Month.parse(champion.summary["champion_training_month"])
        model = self._partition("duration_model", trained)
        window = [Month.parse(each) for each in model.summary["window"]]
        return InUse(str(trained), DurationModel.load(champion.file("model")), window)

    def observed(self, month: Month) -> Observed:
        """Return a month's trips as counts; a home of before has no histograms, but the trips."""
        if month not in self._observed:
            cleaned = self._partition("cleaned_trips", month)
            kept = pl.scan_parquet(cleaned.file(KEPT_FILE))
            stored = cleaned.folder / HISTOGRAMS_FILE
            is_there = stored.exists()
            histograms = (
                pl.read_parquet(stored) if is_there else month_histograms(kept, self.service)
            )
            self._observed[month] = Observed(histograms, cleaned.summary)
        return self._observed[month]

    def trips(self, month: Month) -> MonthTrips:
        """Return the kept trips of a month."""
        cleaned = self._partition("cleaned_trips", month)
        return kept_trips(cleaned)

    def predicted(self, used: InUse, trips: MonthTrips) -> Predicted:
        """Return a model's predictions of a month of the home, which are made once."""
        key = used.name, trips.month
        if key not in self._predicted:
            self._predicted[key] = predict_month(used.model, trips)
        return self._predicted[key]

    @cached_property
    def first(self) -> Month:
        """The first month of the home."""
        return self.store.months(f"{self.service.name}/cleaned_trips")[0]

    def _compared_with(
        self, used: InUse, month: Month, predicted: Predicted
    ) -> tuple[Observed, Predicted, Usual]:
        when_judged = self.predicted(used, self.trips(used.judged))
        usual = Usual(when_judged.histogram, self._usual_errors(used, month))
        return together(map(self.observed, used.window)), predicted, usual

    def _usual_errors(self, used: InUse, month: Month) -> list[Mapping[str, float]]:
        """Return the errors of the newest models on the months before, as evaluations do."""
        first = max(min(used.judged, month.shift(-USUAL_MONTHS)), self.first.shift(1))
        months = first.through(month.shift(-1))
        if self.models != "small":
            return [self._partition("evaluation", each).summary["metrics"] for each in months]
        models = ((self._small_model(each.shift(-1)), each) for each in months)
        return [self.predicted(model, self.trips(each)).errors for model, each in models]

    def _small_model(self, month: Month) -> InUse:
        if month not in self._small:
            window = window_months(month, self.window, self.first)
            self._small[month] = InUse(str(month), self._train(window), window)
        return self._small[month]

    def _train(self, months: Sequence[Month]) -> DurationModel:
        features = feature_set_named(self.feature_set)
        window = sample_window([self.trips(each) for each in months], self.rows)
        weekly = {
            each: pl.read_parquet(self._partition("zone_statistics", each).file(STATISTICS_FILE))
            for each in months
        }
        scans = [pl.scan_parquet(each.path) for each in window]
        preprocessor = fit_preprocessor(features, scans, weekly.values())
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            written = write_parts(folder, training_parts(preprocessor, window, weekly), window)
            parts = {name: StoredExamples(folder / name) for name in written}
            fitted = fit_parts(parts, 1, _CHEAP, with_intervals=False)
        return DurationModel(self.service, preprocessor, fitted.booster)

    def _partition(self, asset: str, month: Month) -> Partition:
        by_service = asset in ("raw_trips", "cleaned_trips", "zone_statistics")
        prefix = self.service.name if by_service else f"{self.service.name}/{self.feature_set}"
        return self.store.require(f"{prefix}/{asset}", month, "this benchmark")


def propose(found: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return a limit for each kind of measure from those of usual months, rounded up."""
    largest = dict.fromkeys(KINDS, 0.0)
    for measures in found:
        for name, value in measures.items():
            kind = MEASURES[name]
            largest[kind] = max(largest[kind], abs_if_bias(name, value))
    return {kind: math.ceil(value * MARGIN * 100) / 100 for kind, value in largest.items()}


def as_table(found: Mapping[str, Mapping[str, float]], limits: Mapping[str, float]) -> str:
    """Return the measures of months, or of broken ones, and what is flagged, in Markdown."""
    lines = [f"| month | {' | '.join(MEASURES)} | flagged |", "|---" * (len(MEASURES) + 2) + "|"]
    for month, measures in found.items():
        cells = (f"{measures[name]:.3f}" if name in measures else "" for name in MEASURES)
        above = ", ".join(flagged(measures, limits)) or "-"
        lines.append(f"| {month} | {' | '.join(cells)} | {above} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, propose, and print."""
    given = _arguments()
    bench = Bench(
        Store(given.home.absolute() / "store"),
        service_named(given.service),
        given.feature_set,
        given.models,
        given.window,
        given.rows,
    )
    first = given.first or bench.first.shift(2)
    months = {str(month): bench.measure(month) for month in first.through(given.last)}
    before = {month: each for month, each in months.items() if month <= str(given.limits_to)}
    after = {month: each for month, each in months.items() if month not in before}
    limits = propose(before.values())
    broken = {
        name: {month: bench.measure_broken(Month.parse(month), name) for month in after}
        for name in BREAKS
    }
    print(f"Limits by {MARGIN} times the largest value up to {given.limits_to}:\n")
    print("\n".join(f"- {kind}: {limit:.2f}" for kind, limit in limits.items()))
    for title, table in {"Months": before, "Months after": after, **broken}.items():
        count = sum(bool(flagged(measures, limits)) for measures in table.values())
        print(f"\n{title}: {count} of {len(table)} flagged\n\n{as_table(table, limits)}")
    if given.output:
        content = {"limits": limits, "months": months, "broken": broken}
        given.output.write_text(json.dumps(content, indent=1))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--models", choices=("champions", "newest", "small"), default="champions")
    parser.add_argument("--from", dest="first", type=Month.parse, help="by default the third month")
    parser.add_argument("--to", dest="last", type=Month.parse, default=Month(2023, 12))
    parser.add_argument("--limits-to", type=Month.parse, default=Month(2022, 12))
    parser.add_argument("--service", default="green")
    parser.add_argument("--feature-set", default="metered")
    parser.add_argument("--window", type=int, default=12, help="months of a small model")
    parser.add_argument("--rows", type=int, default=40_000, help="trips of a small model")
    parser.add_argument("--output", type=Path, help="a JSON file for all figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
