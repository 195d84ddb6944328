"""A linear regression that a model has to beat, fitted by least squares on sums over a window.

A trip's duration is put together from its hour, its weekday, the mean of its zone pair and, where
the model knows it too, its distance. The window is gone through once: all that least squares needs
are sums by hour and weekday, so that memory does not grow with the window, and since the sums are
exact, the same trips give the same coefficients in whatever order they are added.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from duration_assets.modelling.features import FloatArray
from duration_assets.modelling.statistics import LONGEST_DISTANCE, exactly_summable

HOURS, WEEKDAYS = 24, 7
PAIR_MEAN = "pair_mean"
"""The column that holds the mean of each trip's zone pair, in minutes."""

_DIGITS = 9
"""Coefficients are rounded to so many decimals: beyond them, machines differ."""


@dataclass(frozen=True)
class LinearBaseline:
    """The coefficients of the regression.

    Attributes:
        intercept: minutes.
        hours: minutes that each of the 24 hours adds to the first.
        weekdays: minutes that each of the 7 weekdays adds to Monday.
        pair_mean: minutes for each minute of the zone pair's mean.
        distance: minutes for each mile; None if the distance is not looked at.
    """

    intercept: float
    hours: tuple[float, ...]
    weekdays: tuple[float, ...]
    pair_mean: float
    distance: float | None

    @classmethod
    def fit(cls, trips: pl.LazyFrame, *, uses_distance: bool) -> Self:
        """Fit the regression to trips.

        Args:
            trips: rows in the canonical schema, and with `PAIR_MEAN`.
            uses_distance: whether the distance is looked at.
        """
        names = [PAIR_MEAN, *(["distance"] if uses_distance else [])]
        gram, moments = _normal_equations(_sums_by_time(trips, names), names)
        # An hour without trips leaves a column of zeros, and gets the coefficient 0.
        solved, *_ = np.linalg.lstsq(gram, moments, rcond=None)
        found = [round(float(value), _DIGITS) for value in solved]
        intercept, rest = found[0], found[1:]
        hours, rest = rest[: HOURS - 1], rest[HOURS - 1 :]
        weekdays, rest = rest[: WEEKDAYS - 1], rest[WEEKDAYS - 1 :]
        return cls(
            intercept,
            (0.0, *hours),
            (0.0, *weekdays),
            rest[0],
            rest[1] if uses_distance else None,
        )

    def prediction(self) -> pl.Expr:
        """Return the predicted minutes of trips in the canonical schema and with `PAIR_MEAN`."""
        minutes = (
            pl.lit(self.intercept)
            + _looked_up(_hour(), self.hours)
            + _looked_up(_weekday(), self.weekdays)
            + pl.col(PAIR_MEAN) * self.pair_mean
        )
        return minutes if self.distance is None else minutes + _distance() * self.distance

    def save(self, path: Path) -> None:
        """Write the coefficients as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        content = json.loads(path.read_text())
        lists = {name: tuple(content[name]) for name in ("hours", "weekdays")}
        return cls(**{**content, **lists})


def _hour() -> pl.Expr:
    return pl.col("pickup_time").dt.hour()


def _weekday() -> pl.Expr:
    """Return the weekday, 0 for Monday."""
    return pl.col("pickup_time").dt.weekday() - 1


def _distance() -> pl.Expr:
    return pl.col("distance").clip(0, LONGEST_DISTANCE).fill_null(0.0)


def _looked_up(index: pl.Expr, values: tuple[float, ...]) -> pl.Expr:
    return index.replace_strict(list(range(len(values))), list(values), return_dtype=pl.Float64)


def _sums_by_time(trips: pl.LazyFrame, names: list[str]) -> pl.DataFrame:
    """Sum up what least squares needs, by hour and weekday.

    Returns:
        A row for each hour and weekday that occurs: `trips`, and the sums of the duration, of each
        of the n columns `names`, and of all their products, as `a`, and `a*b`.
    """
    values = {"duration": pl.col("duration"), PAIR_MEAN: pl.col(PAIR_MEAN), "distance": _distance()}
    used = ["duration", *names]
    products = {
        f"{left}*{right}": values[left] * values[right]
        for place, left in enumerate(used)
        for right in used[place:]
    }
    sums = {**{name: values[name] for name in used}, **products}
    return (
        trips.group_by(hour=_hour(), weekday=_weekday())
        .agg(
            trips=pl.len().cast(pl.Float64),
            **{name: exactly_summable(value).sum() for name, value in sums.items()},
        )
        .sort("hour", "weekday")
        .collect(engine="streaming")
    )


def _normal_equations(sums: pl.DataFrame, names: list[str]) -> tuple[FloatArray, FloatArray]:
    """Return the matrix and the right-hand side of the normal equations."""
    # What is the same for all trips of an hour and weekday: 1, and a 1 for either but the first.
    shared = np.hstack(
        [
            np.ones((len(sums), 1)),
            np.eye(HOURS)[sums["hour"].to_numpy()][:, 1:],
            np.eye(WEEKDAYS)[sums["weekday"].to_numpy()][:, 1:],
        ]
    )
    own = sums.select(names).to_numpy()
    between = shared.T @ own
    products = np.array(
        [[_product(sums, left, right) for right in names] for left in names], dtype=np.float64
    )
    gram = np.block(
        [
            [shared.T @ (shared * sums["trips"].to_numpy()[:, None]), between],
            [between.T, products],
        ]
    )
    with_duration = [_product(sums, "duration", name) for name in names]
    moments = np.concatenate([shared.T @ sums["duration"].to_numpy(), with_duration])
    return gram, moments


def _product(sums: pl.DataFrame, left: str, right: str) -> float:
    name = f"{left}*{right}"
    return float(sums[name if name in sums.columns else f"{right}*{left}"].sum())
