"""Pictures for people: PNG bytes from figures drawn with Matplotlib, without a screen.

Each is drawn from sums and counts, never from single trips.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from duration_assets.modelling.features import IntArray
from duration_assets.modelling.judging import BIN, MINUTES, MOST_OFF

if TYPE_CHECKING:
    import polars as pl
    import xgboost

MOST_BARS = 15
_MOST_LABELS = 8
_COLOURS = 128


def error_histogram(errors: pl.DataFrame) -> bytes:
    """Draw how far predictions are off, in minutes, cut at 20.

    Args:
        errors: as of `Judgement`.
    """

    def draw(axes: Any) -> None:
        edges = np.arange(-MOST_OFF, MOST_OFF + BIN, BIN)
        counts = np.zeros(len(edges) - 1)
        counts[errors["bin"].to_numpy()] = errors["trips"]
        axes.stairs(counts, edges, fill=True)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set(xlabel="predicted less actual, minutes", ylabel="trips", title="Errors")

    return _png(draw)


def predicted_against_actual(cells: pl.DataFrame) -> bytes:
    """Draw predicted against actual durations, in minutes.

    Args:
        cells: as of `Judgement`.
    """

    def draw(axes: Any) -> None:
        counts = np.zeros((MINUTES, MINUTES))
        counts[cells["predicted"].to_numpy(), cells["actual"].to_numpy()] = cells["trips"]
        shown = np.ma.masked_equal(counts, 0)
        axes.imshow(shown, norm="log", origin="lower", extent=(0, MINUTES) * 2, aspect="auto")
        axes.plot([0, MINUTES], [0, MINUTES], color="red", linewidth=0.8)
        axes.set(xlabel="actual, minutes", ylabel="predicted, minutes", title="Predictions")

    return _png(draw)


def errors_by(parts: Sequence[str], errors: Sequence[float], what: str) -> bytes:
    """Draw the mean absolute error of the parts of a slice.

    Args:
        parts: their names.
        errors: minutes, one for each part.
        what: what the slice is by, as the axis says.
    """

    def draw(axes: Any) -> None:
        places = np.arange(len(parts))
        axes.bar(places, errors)
        _label(axes, places, parts)
        axes.set(xlabel=what, ylabel="mean absolute error, minutes", title=f"Errors by {what}")

    return _png(draw)


def shares_beside(
    names: Sequence[str], groups: Mapping[str, Sequence[float]], what: str, title: str
) -> bytes:
    """Draw the shares of bins of several groups of trips side by side, in percent.

    Args:
        names: of k bins.
        groups: k shares of 1 for each group, by its name.
        what: what the bins are of, as the axis says.
        title: of the picture.
    """

    def draw(axes: Any) -> None:
        places = np.arange(len(names))
        width = 0.8 / len(groups)
        for number, (name, shares) in enumerate(groups.items()):
            axes.bar(
                places + (number + 0.5) * width - 0.4, np.multiply(shares, 100), width, label=name
            )
        _label(axes, places, names)
        axes.set(xlabel=what, ylabel="trips, %", title=title)
        axes.legend(loc="upper right", frameon=False, fontsize="small")

    return _png(draw)


def lines_by_month(
    months: Sequence[str],
    lines: Mapping[str, Sequence[float]],
    what: str,
    limit: float | None = None,
) -> bytes:
    """Draw figures by month.

    Args:
        months: the names of k months, in time.
        lines: k values for each figure; NaN where it has none.
        what: what the values are, as the axis says.
        limit: a value that is marked, if there is one.
    """

    def draw(axes: Any) -> None:
        for name, values in lines.items():
            axes.plot(values, marker="o", markersize=3, label=name)
        if limit is not None:
            axes.axhline(limit, color="red", linewidth=0.8, linestyle="--", label="limit")
        _label(axes, np.arange(len(months)), months)
        axes.set(
            xlim=(-0.5, len(months) - 0.5), xlabel="month", ylabel=what, title=f"{what} by month"
        )
        axes.grid(axis="y", linewidth=0.3)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize="small")

    return _png(draw, left=0.07, right=0.78, size=(10, 3.4))


def calibration(groups: pl.DataFrame) -> bytes:
    """Draw what trips took against what was predicted for them, by groups of equal size.

    Args:
        groups: as of `Judgement`.
    """

    def draw(axes: Any) -> None:
        predicted, actual = groups["mean_predicted"].to_numpy(), groups["mean_actual"].to_numpy()
        end = max(predicted.max(), actual.max()) * 1.05
        axes.plot([0, end], [0, end], color="red", linewidth=0.8)
        axes.plot(predicted, actual, marker="o")
        axes.set(
            xlabel="mean of the predictions, minutes",
            ylabel="mean of the trips, minutes",
            title="Calibration",
        )

    return _png(draw)


def feature_importance(booster: xgboost.Booster, names: list[str]) -> bytes:
    """Draw the features by what their splits gained in all, the most important first."""
    gains: dict[str, Any] = booster.get_score(importance_type="total_gain")
    named = {names[int(code[1:])]: gain for code, gain in gains.items()}
    return bars_by_feature(named, "total gain", "Feature importance")


def bars_by_feature(values: Mapping[str, float], what: str, title: str) -> bytes:
    """Draw a figure of each feature, the largest ones first.

    Args:
        values: the figures by feature.
        what: what they are, as the axis says.
        title: of the picture.
    """

    def draw(axes: Any) -> None:
        top = sorted(values.items(), key=lambda item: item[1], reverse=True)[:MOST_BARS][::-1]
        axes.barh([name for name, _ in top], [value for _, value in top])
        axes.set(xlabel=what, title=title)

    return _png(draw, left=0.42)


def rmse_by_month(
    months: Sequence[str],
    lines: Mapping[str, Sequence[float]],
    title: str,
    tuned_through: str | None = None,
) -> bytes:
    """Draw the RMSE of some predictors by the month that they were judged on, in minutes.

    Args:
        months: the names of k months, in time.
        lines: k values for each of them; NaN where it has none.
        title: what is above the picture.
        tuned_through: the last month that had a part in choosing parameters; those up to it are
            shaded.
    """

    def draw(axes: Any) -> None:
        tuned = sum(tuned_through is not None and month <= tuned_through for month in months)
        if tuned:
            label = f"tuned up to {tuned_through}"
            axes.axvspan(-0.5, tuned - 0.5, color="0.9", linewidth=0, label=label)
        # Colours come again after ten lines.
        for number, (name, values) in enumerate(lines.items()):
            style = ("-", "--", ":")[number // 10 % 3]
            axes.plot(values, linestyle=style, marker="o", markersize=3, label=name)
        _label(axes, np.arange(len(months)), months)
        axes.set(xlim=(-0.5, len(months) - 0.5), xlabel="validation month")
        axes.set(ylabel="RMSE, minutes", title=title)
        axes.grid(axis="y", linewidth=0.3)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize="small")

    return _png(draw, left=0.07, right=0.78, size=(10, 4.2))


def _label(axes: Any, places: IntArray, names: Sequence[str]) -> None:
    """Name places on the axis; not all of many, which would take long to draw, and to read."""
    every = -(-len(names) // _MOST_LABELS)
    axes.set_xticks(places[::every], names[::every], fontsize=8)


def _png(
    draw: Callable[[Any], None],
    left: float = 0.12,
    right: float = 0.96,
    size: tuple[float, float] = (6, 3.6),
) -> bytes:
    """Draw on axes between two shares of the width, beside which their labels stand."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=size, dpi=80)
    canvas: Any = FigureCanvasAgg(figure)
    # Fixed: a layout that Matplotlib works out takes as long as the rest of the drawing.
    axes = figure.add_axes((left, 0.15, right - left, 0.75))
    draw(axes)
    # Where it is told to stand, Matplotlib does not have to look for a free place.
    axes.set_title(axes.get_title(), y=1.0)
    canvas.draw()
    pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    buffer = io.BytesIO()
    # With a palette a file has a third of the size; Dagster keeps it in its database.
    pixels.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE).save(buffer, "png")
    return buffer.getvalue()
