"""Columns of values on their way into a file, and cheap draws of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from duration_assets.simulation.city import Flags, Floats, Integers

Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class Masked:
    """Numbers or times of which some are null, where `missing` says so."""

    content: Numbers
    missing: Flags


@dataclass(frozen=True)
class Text:
    """Texts as numbers into a list of words; null where `missing` says so."""

    words: tuple[str, ...]
    codes: Integers
    missing: Flags | None = None


Values = Numbers | Masked | Text | None
"""One column; None if every row is null."""


class Draws:
    """Draws for a number of rows."""

    def __init__(self, count: int, generator: np.random.Generator) -> None:
        """Keep the number of rows and the source of chance."""
        self.count = count
        self.generator = generator

    def chance(self, share: float) -> Flags:
        """Return true for about a share of the rows."""
        flags: Flags = self.generator.random(self.count, dtype=np.float32) < share
        return flags

    def codes(self, shares: tuple[float, ...]) -> Integers:
        """Return 0, 1, … as often as `shares`, which need not add up to 1, say."""
        bounds = np.cumsum(shares, dtype=np.float64)
        drawn = self.generator.random(self.count, dtype=np.float32) * np.float32(bounds[-1])
        codes = np.searchsorted(bounds[:-1].astype(np.float32), drawn, side="right")
        return codes.astype(np.int64, copy=False)

    def numbers(self, shares: dict[float, float]) -> Floats:
        """Return the keys of `shares` about as often as its values say."""
        return np.array(list(shares))[self.codes(tuple(shares.values()))]

    def text(self, shares: dict[str, float], missing: Flags | None = None) -> Text:
        """Return the keys of `shares` about as often as its values say."""
        return Text(tuple(shares), self.codes(tuple(shares.values())), missing)


def cents(amount: Floats) -> Floats:
    """Round dollars to cents, or miles to hundredths."""
    rounded: Floats = np.rint(amount * 100) / 100
    return rounded


def to_arrow(values: Values, kind: pa.DataType, count: int, nullable_integers: bool) -> pa.Array:
    """Return a column of a file.

    Args:
        values: the column.
        kind: the type it has in the file.
        count: the number of rows.
        nullable_integers: whether whole numbers can be null; if not, such a column has none.
    """
    if values is None or pa.types.is_null(kind):
        return pa.nulls(count, kind)
    if isinstance(values, Text):
        codes = pa.array(values.codes, mask=values.missing)
        return pa.array(values.words, kind).take(codes)
    mask = None
    if isinstance(values, Masked):
        content = values.content
        if nullable_integers or not pa.types.is_integer(kind):
            mask = values.missing
    else:
        content = values
    return pa.array(content.astype(kind.to_pandas_dtype(), copy=False), kind, mask=mask)
