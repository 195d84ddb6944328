"""Pictures for people: PNG bytes from figures drawn with Matplotlib, without a screen."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from duration_assets.modelling.features import FloatArray, IntArray

if TYPE_CHECKING:
    import xgboost

MOST_BARS = 15
_MINUTES = 60


def error_histogram(predicted: FloatArray, actual: FloatArray) -> bytes:
    """Draw how far predictions are off, in minutes, cut at 20."""

    def draw(axes: Any) -> None:
        axes.hist(np.clip(predicted - actual, -20, 20), bins=80)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set(xlabel="predicted less actual, minutes", ylabel="trips", title="Errors")

    return _png(draw)


def predicted_against_actual(predicted: FloatArray, actual: FloatArray) -> bytes:
    """Draw predicted against actual durations, in minutes."""

    def draw(axes: Any) -> None:
        # Counted by minute: Matplotlib's own way takes gigabytes for millions of trips.
        last = _MINUTES - 1
        across = np.clip(actual, 0, last).astype(np.intp)
        upward = np.clip(predicted, 0, last).astype(np.intp)
        counts = np.bincount(upward * _MINUTES + across, minlength=_MINUTES**2)
        cells = np.ma.masked_equal(counts.reshape(_MINUTES, _MINUTES), 0)
        axes.imshow(cells, norm="log", origin="lower", extent=(0, _MINUTES) * 2, aspect="auto")
        axes.plot([0, _MINUTES], [0, _MINUTES], color="red", linewidth=0.8)
        axes.set(xlabel="actual, minutes", ylabel="predicted, minutes", title="Predictions")

    return _png(draw)


def error_by_hour(predicted: FloatArray, actual: FloatArray, hours: IntArray) -> bytes:
    """Draw the mean absolute error by hour of the pickup."""

    def draw(axes: Any) -> None:
        sizes = np.abs(predicted - actual)
        counts = np.bincount(hours, minlength=24)
        means = np.bincount(hours, sizes, minlength=24) / np.maximum(counts, 1)
        axes.bar(np.arange(24), means)
        axes.set(xlabel="hour of pickup", ylabel="mean absolute error, minutes", title="By hour")

    return _png(draw)


def feature_importance(booster: xgboost.Booster, names: list[str]) -> bytes:
    """Draw the features by what their splits gained in all, the most important first."""

    def draw(axes: Any) -> None:
        gains = booster.get_score(importance_type="total_gain")
        top = sorted(gains.items(), key=lambda item: item[1], reverse=True)[:MOST_BARS][::-1]
        axes.barh([names[int(code[1:])] for code, _ in top], [gain for _, gain in top])
        axes.set(xlabel="total gain", title="Feature importance")

    return _png(draw, left=0.3)


def _png(draw: Callable[[Any], None], left: float = 0.12) -> bytes:
    """Draw on axes that begin at a share of the width, beside which their labels stand."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), dpi=80)
    FigureCanvasAgg(figure)
    # Fixed: a layout that Matplotlib works out takes as long as the rest of the drawing.
    draw(figure.add_axes((left, 0.15, 0.96 - left, 0.75)))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
