"""A booster asked for one row at a time, through XGBoost's C API.

`Booster.inplace_predict` finds out each time what kind of matrix it was given, which takes longer
than the trees do. Here the description of a row is written once, and every question fills the same
buffer. The functions called are the ones that `inplace_predict` calls, with the same arguments, so
the answers are the same to the last bit; a new `DenseRowBooster` or `SparseRowBooster` is to be
compared with it once (see `single_trips.py`).
"""

from __future__ import annotations

import ctypes
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from duration_assets.modelling.features import FloatArray

if TYPE_CHECKING:
    import xgboost

_ARGUMENTS = json.dumps(
    {
        "type": 0,
        "training": False,
        "iteration_begin": 0,
        "iteration_end": 0,
        "missing": float("nan"),
        "strict_shape": False,
        "cache_id": 0,
    }
).encode()
"""What `inplace_predict` asks for by default: predictions of all trees, NaN is missing."""


class _RowBooster:
    """What both kinds share: where XGBoost puts its answer.

    The answer lies in memory that XGBoost keeps for the booster and the thread that asks, until
    the next question; so an instance is for one thread at a time.
    """

    def __init__(self, booster: xgboost.Booster) -> None:
        """Take a booster, which lives as long as this does."""
        from xgboost import core

        self._library, self._check = core._LIB, core._check_call
        self._booster = booster
        self._handle = booster.handle
        self._no_matrix = ctypes.c_void_p()
        shape, dimensions = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64()
        self._answer = ctypes.POINTER(ctypes.c_float)()
        self._places = tuple(map(ctypes.byref, (shape, dimensions, self._answer)))


class DenseRowBooster(_RowBooster):
    """Asks for rows of float32 features that are all there; NaN is missing.

    Attributes:
        row: the k features of the next question, to be filled in place.
    """

    def __init__(self, booster: xgboost.Booster, row: FloatArray, outputs: int = 1) -> None:
        """Take a booster, and the row that is to be filled for each question.

        Args:
            booster: trained on k features.
            row: k features, float32; several boosters may share one.
            outputs: how many numbers the booster predicts.
        """
        super().__init__(booster)
        self.row = row
        self._outputs = outputs
        self._described = _described(row.reshape(1, -1))

    def predict(self) -> list[float]:
        """Predict from `row`: as many float32 numbers as the booster has outputs."""
        self._check(
            self._library.XGBoosterPredictFromDense(
                self._handle, self._described, _ARGUMENTS, self._no_matrix, *self._places
            )
        )
        return self._answer[: self._outputs]


class SparseRowBooster(_RowBooster):
    """Asks for rows of which one or two of k features are there, as a sparse matrix has them."""

    def __init__(self, booster: xgboost.Booster, columns: int) -> None:
        """Take a booster.

        Args:
            booster: trained on `columns` features.
            columns: k.
        """
        super().__init__(booster)
        self._columns = ctypes.c_uint64(columns)
        self._indices = np.zeros(2, dtype=np.int32)
        self._values = np.zeros(2, dtype=np.float64)
        # One description for each number of entries; its arrays must outlive it.
        self._ends = {count: np.array([0, count], dtype=np.int32) for count in (1, 2)}
        self._described = {
            count: tuple(
                _described(each) for each in (ends, self._indices[:count], self._values[:count])
            )
            for count, ends in self._ends.items()
        }

    def predict(self, entries: list[tuple[int, float]]) -> float:
        """Predict one float32 number from one or two entries: column and value, by column."""
        for place, (column, value) in enumerate(entries):
            self._indices[place], self._values[place] = column, value
        self._check(
            self._library.XGBoosterPredictFromCSR(
                self._handle,
                *self._described[len(entries)],
                self._columns,
                _ARGUMENTS,
                self._no_matrix,
                *self._places,
            )
        )
        minutes: float = self._answer[0]
        return minutes


def _described(array: np.ndarray[Any, Any]) -> bytes:
    """Return where an array lies and what it holds, as XGBoost reads it."""
    return json.dumps(array.__array_interface__).encode()
