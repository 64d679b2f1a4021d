"""Whether a network is right as often as it is sure: the reliability diagram."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from semivideo.analysis import drawing
from semivideo.analysis.calibration import NUM_BINS, Bins, calibration
from semivideo.analysis.comparison import tested_alike
from semivideo.analysis.groups import by_method
from semivideo.analysis.result import Result

FEW = 10
"""The accuracy of fewer videos says little: such bins are hollow and not connected."""


def reliability(runs: Sequence[str | Path], *, out: str | Path) -> list[Path]:
    """Draw accuracy over confidence, and how often each confidence comes.

    Args:
        runs: Evaluated runs; the videos of runs that differ in the seed alone share their bins, and
            the error in the legend is the mean of theirs.
        out: See ``drawing.save``.

    Raises:
        ConfigError: They were tested on other videos.
        CheckpointError: A run was not evaluated.
    """
    results = tested_alike(runs)
    groups = by_method(results)
    figure = drawing.new_figure(width=6.4, height=6.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color=drawing.PALE, linestyle=":", linewidth=1.2)
    rows: list[drawing.Row] = []
    entries: list[Line2D] = []
    for (name, members), color in zip(
        groups, drawing.colors_of(range(len(groups))).values(), strict=True
    ):
        bins = [_bins([result]) for result in members]
        for result, own in zip(members, bins, strict=True):
            rows += _numbers(name, result, own)
        _draw(upper, lower, _bins(members), color, has_gaps=len(groups) == 1)
        error = fmean(own.error for own in bins)
        entries.append(drawing.line_entry(f"{name}, ECE {100 * error:.1f} %", color))
    drawing.dress(upper, x="", y="Right videos [%]")
    drawing.dress(lower, x="Confidence: greatest probability of a video [%]", y="Videos [%]")
    for axis in (upper.yaxis, lower.yaxis, lower.xaxis):
        drawing.in_percent(axis)
    upper.set_xlim(0, 1)
    upper.set_ylim(0, 1.02)
    entries.append(drawing.line_entry("calibrated", drawing.PALE, line=":"))
    drawing.legend_above(figure, entries, columns=2 if len(entries) > 2 else None)
    over = " Bins: all seeds; ECE: mean over seeds." if len(groups) < len(results) else ""
    test = results[0].evaluation
    views = f"{test.num_videos} held-out videos, {test.protocol} views"
    few = f"{NUM_BINS} bins; hollow: fewer than {FEW} videos"
    drawing.caption(figure, results, f"{views}, {few}. ECE: expected calibration error.{over}")
    return drawing.save(figure, out, rows)


def _bins(results: Sequence[Result]) -> Bins:
    """The videos of all results together."""
    tests = [result.evaluation for result in results]
    sure = np.concatenate([test.scores.max(axis=1) for test in tests])
    right = np.concatenate([test.scores.argmax(axis=1) == test.labels for test in tests])
    return calibration(sure, right)


def _numbers(name: str, result: Result, bins: Bins) -> list[drawing.Row]:
    """One row a bin."""
    return [
        {
            "method": name,
            "run": result.run.path.name,
            "from": number / NUM_BINS,
            "to": (number + 1) / NUM_BINS,
            "num_videos": int(num),
            "confidence": float(confidence),
            "accuracy": float(accuracy),
            "ece": bins.error,
        }
        for number, (num, confidence, accuracy) in enumerate(zip(*bins, strict=True))
    ]


def _draw(upper: Axes, lower: Axes, bins: Bins, color: str, *, has_gaps: bool) -> None:
    """Points of one method, its gaps if it is alone, and its histogram."""
    x, y = bins.confidence, bins.accuracy
    is_many = bins.num_videos >= FEW
    is_few = (bins.num_videos > 0) & ~is_many
    if has_gaps:
        upper.vlines(x, np.minimum(x, y), np.maximum(x, y), color=color, linewidth=6, alpha=0.25)
    upper.plot(x[is_many], y[is_many], "-o", color=color, markersize=5)
    upper.plot(x[is_few], y[is_few], "o", color=color, markersize=5, markerfacecolor="white")
    shares = bins.num_videos / bins.num_videos.sum()
    lower.stairs(shares, np.linspace(0, 1, NUM_BINS + 1), color=color, linewidth=1.6)
