"""One trial: a model fitted on a window as the assets fit it, and judged on the month after.

Nothing of it is kept but the figures. Which windows are tried, and with what, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from duration_assets.errors import BadFileError
from duration_assets.modelling.features import FeatureSet
from duration_assets.modelling.matrices import (
    TRAINING,
    Progress,
    training_parts,
    validation_chunks,
    write_parts,
)
from duration_assets.modelling.matrix_files import Examples, StoredExamples, write_examples
from duration_assets.modelling.metrics import error_metrics
from duration_assets.modelling.model import predict_matrix
from duration_assets.modelling.preprocessors import fit_preprocessor
from duration_assets.modelling.quality import features_finite
from duration_assets.modelling.training import FittedBooster, fit_parts
from duration_assets.modelling.trip_batches import MonthTrips
from duration_assets.months import Month

_VALIDATION = "validation"


@dataclass(frozen=True)
class EncodedTrial:
    """A window and the month after it as matrices.

    Attributes:
        feature_names: their k columns.
        parts: the parts of the training matrix.
        validation: the month after, as a model that has never seen it does.
        training_trips: how many trips the window has.
        trips: how many the month after has.
    """

    feature_names: list[str]
    parts: Mapping[str, Iterable[Examples]]
    validation: Iterable[Examples]
    training_trips: int
    trips: int

    def fit(
        self,
        threads: int,
        parameters: Mapping[str, Any],
        progress: Progress | None = None,
        *,
        overrides: Mapping[str, Any] = MappingProxyType({}),
    ) -> FittedBooster:
        """Fit on the window, without intervals; see `training.fit_parts`."""
        return fit_parts(
            self.parts,
            threads,
            parameters,
            progress,
            with_intervals=False,
            overrides=overrides,
        )

    def judge(self, fitted: FittedBooster) -> dict[str, float]:
        """Judge on the month after; see `metrics.error_metrics`."""
        predicted, actual = [], []
        for chunk in self.validation:
            predicted.append(predict_matrix(fitted.booster, chunk.features))
            actual.append(chunk.durations)
        return error_metrics(np.concatenate(predicted), np.concatenate(actual))

    def without(self, names: Iterable[str]) -> EncodedTrial:
        """Return the same with some of the columns left out."""
        left_out = set(names)
        kept = [index for index, name in enumerate(self.feature_names) if name not in left_out]
        return replace(
            self,
            feature_names=[self.feature_names[index] for index in kept],
            parts={name: _Columns(part, kept) for name, part in self.parts.items()},
            validation=_Columns(self.validation, kept),
        )


@dataclass(frozen=True)
class _Columns:
    """Some of the columns of examples, which can be gone through again and again."""

    examples: Iterable[Examples]
    kept: list[int]

    def __iter__(self) -> Iterator[Examples]:
        for chunk in self.examples:
            yield Examples(chunk.features[:, self.kept], chunk.durations)


def encode_trial(
    feature_set: FeatureSet,
    window: Sequence[MonthTrips],
    weekly: Mapping[Month, pl.DataFrame],
    judged: MonthTrips,
    folder: Path,
) -> EncodedTrial:
    """Encode a window, and the month after it, with a preprocessor fitted on the window alone.

    Args:
        feature_set: the features.
        window: the kept trips of each month, oldest first.
        weekly: the zone statistics of each month, for a feature set that uses them.
        judged: the kept trips of the month after.
        folder: an existing empty folder, which holds the matrices afterwards.

    Raises:
        BadFileError: if the window cannot be trained on, or a feature is null or infinite.
    """
    scans = (pl.scan_parquet(month.path) for month in window)
    preprocessor = fit_preprocessor(feature_set, scans, weekly.values())
    written = write_parts(folder, training_parts(preprocessor, window, weekly), window)
    chunks = (
        chunk for batch in judged.batches() for chunk in validation_chunks(preprocessor, batch)
    )
    summary = write_examples(folder / _VALIDATION, chunks)
    parts = {f"window's {name} part": part for name, part in written.items()}
    for what, part in {**parts, f"month {judged.month}": summary}.items():
        if problem := features_finite({"not_finite": part.not_finite}):
            raise BadFileError(f"The {what}: {problem}")
    return EncodedTrial(
        preprocessor.feature_names,
        {name: StoredExamples(folder / name) for name in written},
        StoredExamples(folder / _VALIDATION),
        written[TRAINING].rows,
        summary.rows,
    )
