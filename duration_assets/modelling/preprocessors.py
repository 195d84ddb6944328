"""What every preprocessor can do, and how one is fitted, and read from its file."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from duration_assets.errors import BadFileError
from duration_assets.modelling.features import FeatureSet
from duration_assets.modelling.pair_preprocessor import PairPreprocessor
from duration_assets.modelling.zone_preprocessor import ZonePreprocessor

PREPROCESSOR_FILE = "preprocessor.parquet"
COURSE_FILE = "preprocessor.b"
"""The name that the course's users know."""

_METADATA_KEY = "duration_assets.preprocessor"


class Preprocessor(Protocol):
    """Turns trips into the matrix that a model sees."""

    feature_set: FeatureSet
    feature_names: list[str]

    def transform(self, trips: pl.DataFrame) -> Any:
        """Encode n trips as n rows, dense float32 or sparse float64."""

    def save(self, path: Path) -> None:
        """Write everything to one Parquet file."""


def fit_preprocessor(
    feature_set: FeatureSet,
    trips: Iterable[pl.LazyFrame],
    statistics: Iterable[pl.DataFrame],
) -> PairPreprocessor | ZonePreprocessor:
    """Fit the preprocessor of a feature set on a window.

    Args:
        feature_set: says which of the two others is looked at.
        trips: the kept trips of each month, for a feature set without zone statistics.
        statistics: the zone statistics of each month, for one with them.
    """
    if feature_set.uses_zone_statistics:
        return ZonePreprocessor.fit(feature_set, statistics)
    return PairPreprocessor.fit(pl.concat(trips))


def load_preprocessor(path: Path) -> PairPreprocessor | ZonePreprocessor:
    """Read a preprocessor of any feature set.

    Raises:
        BadFileError: if the file is no preprocessor.
    """
    marks = pl.read_parquet_metadata(path).get(_METADATA_KEY)
    if marks is None:
        raise BadFileError(f"{path.name} is no preprocessor of this project.")
    is_course = json.loads(marks)["feature_set"] == "course"
    return PairPreprocessor.load(path) if is_course else ZonePreprocessor.load(path)


def save_for_course_users(preprocessor: Preprocessor, path: Path) -> None:
    """Write `preprocessor.b`, as the course's users expect it.

    For `course` it is a pickled `DictVectorizer`, which the project writes and never reads; for
    the others it is the same Parquet file as `PREPROCESSOR_FILE`.
    """
    if isinstance(preprocessor, PairPreprocessor):
        path.write_bytes(pickle.dumps(preprocessor.as_dict_vectorizer()))
    else:
        preprocessor.save(path)
