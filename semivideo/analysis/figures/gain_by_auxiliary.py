"""Where CMPL gains over FixMatch: figure 7 of the CMPL paper.

Classes in which a network of the auxiliary's size does well, trained supervised, should gain more:
there the auxiliary has something to teach. The line is fitted to the classes, not to the means of
the bins, so that it does not depend on where bins begin; its interval comes from classes drawn with
replacement.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from semivideo.analysis import drawing
from semivideo.analysis.comparison import class_accuracies, tested_alike
from semivideo.analysis.groups import by_method
from semivideo.base.errors import ConfigError

BINS_OF_ALL = 20
"""Bins of 0.05."""
METHODS = ("supervised", "fixmatch", "cmpl")
Floats = NDArray[np.float64]


class Line(NamedTuple):
    """A least-squares line and the 95 % interval of its slope."""

    slope: float
    intercept: float
    low: float
    high: float


def gain_by_auxiliary(runs: Sequence[str | Path], *, out: str | Path) -> list[Path]:
    """Draw the gain of each class, in points, over the supervised network's accuracy.

    Args:
        runs: Evaluated runs of supervised (a network of the auxiliary's size), fixmatch and cmpl,
            any number of seeds of each; accuracies are means over seeds.
        out: See ``drawing.save``.

    Raises:
        ConfigError: Other methods, several settings of one, other test videos, or a supervised
            network that is as good in every class.
        CheckpointError: A run was not evaluated.
    """
    results = tested_alike(runs)
    groups = by_method(results)
    if sorted(members[0].settings.method.name for _, members in groups) != sorted(METHODS):
        raise ConfigError(
            "gain-by-auxiliary wants runs of supervised (with the auxiliary's network), fixmatch "
            f"and cmpl, one setting of each, got {'; '.join(name for name, _ in groups)}"
        )
    members = {m[0].settings.method.name: m for _, m in groups}
    supervised, fixmatch, cmpl = (class_accuracies(members[name]) for name in METHODS)
    x_K = np.array(list(supervised.values()))
    gain_K = np.array([cmpl[name] - fixmatch[name] for name in supervised])
    rows: list[drawing.Row] = [
        {"class": name, "supervised": x, "gain": gain, "bin": number / BINS_OF_ALL}
        for name, x, gain, number in zip(supervised, x_K, gain_K, _bins(x_K), strict=True)
    ]
    figure = _figure(x_K, gain_K, fit(x_K, gain_K))
    size = members["supervised"][0].num_parameters / 1e6
    remark = f"Held-out videos, means over runs; supervised network of {size:.2f} M weights."
    drawing.caption(figure, results, remark)
    return drawing.save(figure, out, rows)


def fit(x_K: Floats, y_K: Floats, *, num_samples: int = 2000) -> Line:
    """Fit a line to the classes.

    Args:
        x_K: (K,).
        y_K: (K,).
        num_samples: Sets of K classes drawn with replacement for the interval, >= 1.

    Raises:
        ConfigError: All of ``x_K`` are equal.
    """
    if np.ptp(x_K) == 0:
        raise ConfigError(
            f"the supervised network is right in {100 * x_K[0]:.0f} % of every class; a line needs "
            "classes that differ: train it longer"
        )

    def slopes(x_SK: Floats, y_SK: Floats) -> Floats:
        x_SK = x_SK - x_SK.mean(axis=1, keepdims=True)
        squares_S = (x_SK**2).sum(axis=1)
        varies = squares_S > 0
        steepness: Floats = (x_SK * y_SK).sum(axis=1)[varies] / squares_S[varies]
        return steepness

    (slope,) = slopes(x_K[None], y_K[None])
    drawn = np.random.default_rng(0).integers(len(x_K), size=(num_samples, len(x_K)))
    low, high = np.percentile(slopes(x_K[drawn], y_K[drawn]), [2.5, 97.5])
    return Line(float(slope), float(y_K.mean() - slope * x_K.mean()), float(low), float(high))


def _bins(x_K: Floats) -> Floats:
    """The bin of each class; 1.0 belongs to the last one."""
    # The small number: 0.15 * 20 is 3 - 4e-16.
    bins: Floats = np.minimum(np.floor(x_K * BINS_OF_ALL + 1e-9), BINS_OF_ALL - 1)
    return bins


def _figure(x_K: Floats, gain_K: Floats, line: Line) -> Figure:
    """Classes pale, means of bins, the line."""
    figure = drawing.new_figure(width=7.2, height=4.8)
    axes = figure.subplots()
    axes.axhline(0, color=drawing.INK, linewidth=1)
    axes.plot(x_K, gain_K, "o", color=drawing.PALE, markersize=4, alpha=0.7)
    bins = _bins(x_K)
    is_in_BK = bins == np.unique(bins)[:, None]
    # At the mean of its classes, not at the middle of the bin: a bin of one class lies on it.
    means = [[values[is_in].mean() for is_in in is_in_BK] for values in (x_K, gain_K)]
    axes.plot(*means, "s", color=drawing.COLORS[0], markersize=7, markerfacecolor="none")
    ends = np.array([x_K.min(), x_K.max()])
    axes.plot(ends, line.slope * ends + line.intercept, color=drawing.COLORS[1], linewidth=2)
    drawing.dress(
        axes,
        x="Accuracy of the supervised network in a class [%]",
        y="Gain of CMPL over FixMatch [points]",
    )
    drawing.in_percent(axes.xaxis)
    drawing.in_percent(axes.yaxis)
    slope = f"slope {line.slope:+.2f} [{line.low:+.2f}, {line.high:+.2f}], 95 % over classes"
    entries = [
        Line2D([], [], color=drawing.PALE, marker="o", markersize=4, linestyle="", label="class"),
        Line2D(
            [],
            [],
            color=drawing.COLORS[0],
            marker="s",
            markerfacecolor="none",
            linestyle="",
            label="mean of classes within 5 points",
        ),
        Line2D([], [], color=drawing.COLORS[1], linewidth=2, label=slope),
    ]
    drawing.legend_above(figure, entries)
    return figure
