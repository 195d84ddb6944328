"""The preprocessor of `course`: the zone pair as one column each, and the distance.

The columns are those of a scikit-learn `DictVectorizer` fitted on the training month, and the
matrix is the one it would make, entry by entry, but built from integer codes without a Python dict
for each trip.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import polars as pl

from duration_assets.modelling.features import FEATURE_SETS

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction import DictVectorizer

_METADATA_KEY = "duration_assets.preprocessor"
_DISTANCE = "trip_distance"


class PairPreprocessor:
    """Encodes trips as the course's script does.

    Attributes:
        pairs: the zone pairs of the training month, as `43_151`, sorted as text.
        feature_names: the columns, as `DictVectorizer` calls them.
    """

    feature_set = FEATURE_SETS["course"]

    def __init__(self, pairs: pl.Series) -> None:
        """Take the pairs in the order of their columns."""
        self.pairs = pairs
        self.feature_names = [*(f"PU_DO={pair}" for pair in pairs), _DISTANCE]

    @classmethod
    def fit(cls, trips: pl.LazyFrame) -> Self:
        """Collect the zone pairs that occur in the training month."""
        pairs = trips.select(_pair()).unique().collect().to_series()
        # DictVectorizer sorts by code point, as Polars does.
        return cls(pairs.sort())

    def transform(self, trips: pl.DataFrame) -> csr_matrix:
        """Encode n trips.

        Args:
            trips: n rows in the canonical schema.

        Returns:
            A sparse matrix of n rows, float64: a 1 in the column of the trip's pair, none if the
            training month never saw it, and the distance in miles in the last column.
        """
        from scipy.sparse import csr_matrix

        columns = pl.DataFrame({"pair": self.pairs}).with_row_index("column")
        found = (
            trips.select(_pair(), "distance")
            .join(columns, on="pair", how="left", maintain_order="left")
            .select(pl.col("column").cast(pl.Int32), "distance")
        )
        known = found["column"].is_not_null().to_numpy()
        starts = np.concatenate([[0], np.cumsum(known + 1)]).astype(np.int32)
        # The distance is the last entry of each row; a known pair stands before it.
        indices = np.full(starts[-1], len(self.pairs), dtype=np.int32)
        values = np.empty(starts[-1])
        values[starts[1:] - 1] = found["distance"].to_numpy()
        indices[starts[:-1][known]] = found["column"].drop_nulls().to_numpy()
        values[starts[:-1][known]] = 1.0
        return csr_matrix((values, indices, starts), shape=(len(trips), len(self.feature_names)))

    def as_dict_vectorizer(self) -> DictVectorizer:
        """Return a fitted scikit-learn `DictVectorizer` with the same columns."""
        from sklearn.feature_extraction import DictVectorizer

        vectorizer = DictVectorizer(sparse=True)
        return vectorizer.fit({"PU_DO": pair, _DISTANCE: 0.0} for pair in self.pairs)

    def save(self, path: Path) -> None:
        """Write everything to one Parquet file."""
        pl.DataFrame({"pair": self.pairs}).write_parquet(
            path, metadata={_METADATA_KEY: json.dumps({"feature_set": "course"})}
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        return cls(pl.read_parquet(path)["pair"])


def _pair() -> pl.Expr:
    return pl.concat_str(
        pl.col("pickup_zone").cast(pl.String).fill_null("nan"),
        pl.col("dropoff_zone").cast(pl.String).fill_null("nan"),
        separator="_",
    ).alias("pair")
