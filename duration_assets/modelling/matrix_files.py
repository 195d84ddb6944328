"""Feature matrices on disk: chunks of NumPy or SciPy files, none of which can hold a pickle.

A matrix is written and read chunk by chunk, so that memory does not grow with its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from duration_assets.modelling.features import FloatArray

FEATURES_FILE = "features.json"
"""Beside a training matrix: the names of its columns, in order."""


@dataclass(frozen=True)
class Examples:
    """A matrix and what it should lead to.

    Attributes:
        features: n rows of k features, dense or sparse.
        durations: n minutes.
    """

    features: Any
    durations: FloatArray


@dataclass(frozen=True)
class MatrixSummary:
    """What was written.

    Attributes:
        rows: how many.
        not_finite: how many features are null or infinite.
    """

    rows: int
    not_finite: int


class StoredExamples:
    """Written examples, to be read as often as needed, a chunk at a time."""

    def __init__(self, folder: Path) -> None:
        """Take a folder that `write_examples` filled."""
        self.folder = folder
        # Looked for once: reading is to fail if one is gone later, and not to go on without it.
        self._durations = sorted(folder.glob("*-durations.npy"))

    def __iter__(self) -> Iterator[Examples]:
        for durations in self._durations:
            dense = durations.with_name(durations.name.replace("-durations", ""))
            features = np.load(dense, allow_pickle=False) if dense.exists() else _sparse(dense)
            yield Examples(features, np.load(durations, allow_pickle=False))


def write_examples(folder: Path, chunks: Iterable[Examples]) -> MatrixSummary:
    """Write examples chunk by chunk into a folder, which is made."""
    folder.mkdir()
    rows = bad = 0
    for number, chunk in enumerate(chunks):
        path = folder / f"{number:05d}.npy"
        if isinstance(chunk.features, np.ndarray):
            np.save(path, chunk.features, allow_pickle=False)
        else:
            from scipy.sparse import save_npz

            save_npz(path.with_suffix(".npz"), chunk.features, compressed=False)
        durations = path.with_name(f"{path.stem}-durations.npy")
        np.save(durations, chunk.durations, allow_pickle=False)
        rows += len(chunk.durations)
        bad += _not_finite(chunk.features)
    return MatrixSummary(rows, bad)


def _sparse(dense: Path) -> Any:
    from scipy.sparse import load_npz

    return load_npz(dense.with_suffix(".npz"))


def _not_finite(features: Any) -> int:
    values: Any = features if isinstance(features, np.ndarray) else features.data
    return int(values.size - np.isfinite(values).sum())
