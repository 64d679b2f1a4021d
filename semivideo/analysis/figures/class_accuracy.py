"""Accuracy in each class, of one or several methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from semivideo.analysis import drawing
from semivideo.analysis.comparison import class_accuracies, tested_alike
from semivideo.analysis.groups import by_method

MARKS = "osD^vP*"
"""Of the methods, so that no colour is needed to tell them apart."""
MOST_NAMES = 120
"""Above so many classes their names are left out; the CSV file has them."""


def accuracy_by_class(runs: Sequence[str | Path], *, out: str | Path) -> list[Path]:
    """Draw a row of dots for each class, sorted by the method whose run is named first.

    Args:
        runs: Evaluated runs; those that differ in the seed alone become one dot, their mean.
        out: See ``drawing.save``.

    Raises:
        ConfigError: They were tested on other videos.
        CheckpointError: A run was not evaluated.
    """
    results = tested_alike(runs)
    groups = by_method(results)
    found = [class_accuracies(members) for _, members in groups]
    ordered = sorted(found[0], key=lambda name: (-found[0][name], name))
    rows: list[drawing.Row] = [
        {"class": label, "method": name, "num_runs": len(members), "accuracy": own[label]}
        for label in ordered
        for (name, members), own in zip(groups, found, strict=True)
    ]
    names = ordered if len(ordered) <= MOST_NAMES else []
    figure = drawing.new_figure(
        width=7.2, height=1.9 + (0.23 if len(ordered) <= 60 else 0.15) * len(names)
    )
    if not names:
        figure.set_figheight(7.0)
    axes = figure.subplots()
    places = np.arange(len(ordered))
    axes.hlines(
        places,
        [min(own[label] for own in found) for label in ordered],
        [max(own[label] for own in found) for label in ordered],
        color=drawing.GRID if len(found) == 1 else "#bbbbbb",
        linewidth=1.5,
        zorder=1,
    )
    entries: list[Line2D] = []
    pairs = zip(groups, found, drawing.colors_of(range(len(groups))).items(), strict=True)
    for (name, _), own, (number, color) in pairs:
        mean = sum(own.values()) / len(own)
        style: dict[str, Any] = {"color": color, "marker": MARKS[number % len(MARKS)]}
        label = f"{name}, {100 * mean:.1f} %"
        # Side by side, so that equal dots do not hide each other.
        beside = places + 0.4 * ((number + 0.5) / len(groups) - 0.5)
        values = [own[label] for label in ordered]
        entries += axes.plot(values, beside, ls="", ms=4.5, label=label, **style)
    drawing.dress(axes, x="Accuracy on held-out videos of the class [%]", y="")
    drawing.in_percent(axes.xaxis)
    axes.set_xlim(-0.02, 1.02)
    size = 8.0 if len(ordered) <= 60 else 6.5
    axes.set_yticks(range(len(names)), names, fontsize=size, parse_math=False)
    axes.set_ylim(len(ordered) - 0.3, -0.7)  # the best class on top
    drawing.legend_above(figure, entries, columns=min(len(entries), 3))
    over = " Means over seeds." if len(groups) < len(results) else ""
    views = f"{results[0].evaluation.protocol} views"
    remark = f"{views}, sorted by {groups[0][0]}; legend: mean over classes.{over}"
    drawing.caption(figure, results, remark)
    return drawing.save(figure, out, rows)
