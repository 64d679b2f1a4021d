"""Whether two networks that teach each other agree, and who is right where they do not.

    left     share of unlabelled clips with one label from both; share of right ones among these
    right    of the clips with two labels: who is right
    below    how many clips these shares are of

Two networks can only teach each other what they see differently; networks that have become one and
the same agree everywhere, mistakes included.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from semivideo.analysis import drawing
from semivideo.analysis.groups import Trained, by_method
from semivideo.analysis.judged_labels import JudgedLabels, share
from semivideo.base.errors import ConfigError

NEITHER = "#cccccc"
LINES = {"agree": "both give one label", "agreed right": "of these, right"}
Rows = list[dict[str, Any]]
Places = NDArray[np.int64]


def agreement(runs: Sequence[str | Path], *, out: str | Path) -> list[Path]:
    """Draw agreement over training; means over seeds.

    Args:
        runs: Finished runs of one setting of a method whose two networks label the same clips.
        out: See ``drawing.save``. The primary network is the first one in the CSV file.

    Raises:
        CheckpointError: A run holds no pseudo-labels.
        ConfigError: Several settings, other than two networks, or videos of unknown classes only.
    """
    trained = [Trained.read(run) for run in runs]
    groups = by_method(trained)
    if len(groups) != 1:
        raise ConfigError(
            "agreement is of the networks of one setting, got "
            f"{'; '.join(name for name, _ in groups)}; name the runs of one, any number of seeds"
        )
    found = [_parts(run) for run in trained]
    figure = drawing.new_figure(height=5.2)
    shares, counts = figure.subplots(2, 2, sharex=True, height_ratios=(4, 1))
    _draw_lines(shares[0], found)
    areas = {
        "first right": (f"{found[0][0]['first']} network right", drawing.COLORS[2]),
        "second right": (f"{found[0][0]['second']} network right", drawing.COLORS[4]),
        "neither right": ("neither right", NEITHER),
    }
    _stack(shares[1], found, {what: color for what, (_, color) in areas.items()})
    drawing.over_training(shares[0], "Share of unlabelled clips")
    drawing.over_training(shares[1], "Share of clips with two labels")
    for axes, what in zip(counts, ("num_clips", "num_differ"), strict=True):
        _draw_counts(axes, found, what)
    for axes in shares:
        axes.set_xlabel("")
    colors = zip(LINES.values(), drawing.COLORS, strict=False)
    entries = [drawing.line_entry(label, color) for label, color in colors]
    patches = [Patch(color=color, label=label) for label, color in areas.values()]
    drawing.legend_above(figure, [*entries, *patches])
    over = " Means over runs; band: lowest to highest." if len(trained) > 1 else ""
    total, differ = (sum(r[n] for rows in found for r in rows) for n in ("num_clips", "num_differ"))
    remark = f"Clips of labelled videos left out: {total} remain, the networks differ on {differ}."
    drawing.caption(figure, trained, remark + over)
    return drawing.save(figure, out, [row for rows in found for row in rows])


def _draw_lines(axes: Axes, found: Sequence[Rows]) -> None:
    """How often both give one label, and how often that is right."""
    for what, color in zip(LINES, drawing.COLORS, strict=False):
        curves = [{r["step"]: r[what] for r in rows if not math.isnan(r[what])} for rows in found]
        drawing.draw_curves(axes, curves, color, line="-")


def _draw_counts(axes: Axes, found: Sequence[Rows], what: str) -> None:
    """A bar a part of the training: clips of all runs together."""
    numbers: Counter[float] = Counter()
    for row in (row for rows in found for row in rows):
        numbers[row["step"]] += row[what]
    steps = sorted(numbers)
    width = min(np.diff(steps), default=2 * steps[0])
    axes.bar(steps, [numbers[step] for step in steps], width=0.9 * width, color=drawing.PALE)
    drawing.dress(axes, x="Training step", y="Clips")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=2, integer=True))


def _parts(trained: Trained) -> Rows:
    """One row a part of the training; shares of nothing are NaN."""
    given = JudgedLabels.of(trained)
    if len(given.networks) != 2:
        raise ConfigError(
            f"agreement is of two networks, and the pseudo-labels of {trained.run.path} come from "
            f"{' and '.join(given.networks)} alone; name runs of a method such as cmpl"
        )
    a, b = _paired(given, where=str(trained.run.path))
    part = given.step[a] * drawing.NUM_SPANS // given.num_steps
    rows = []
    for number in np.unique(part).tolist():
        x, y = a[part == number], b[part == number]
        agrees = given.label[x] == given.label[y]
        of_x, of_y = given.is_right[x], given.is_right[y]
        rows.append(
            {
                "run": trained.run.path.name,
                **dict(zip(("first", "second"), given.networks, strict=True)),
                "step": (number + 0.5) * given.num_steps / drawing.NUM_SPANS,
                "num_clips": len(x),
                "num_differ": int((~agrees).sum()),
                "agree": share(agrees),
                "agreed right": share(of_x[agrees]),
                "first right": share(of_x[~agrees]),
                "second right": share(of_y[~agrees]),
                "neither right": share(~(of_x | of_y)[~agrees]),
            }
        )
    return rows


def _paired(given: JudgedLabels, *, where: str) -> tuple[Places, Places]:
    """Places of the labels of one clip by the one and by the other network: int64 (num_clips,)."""
    # A video may come twice in a step; both networks log it in one order, which lexsort keeps.
    clips = (given.video, given.step)
    a, b = (
        own[np.lexsort([column[own] for column in clips])]
        for own in (np.flatnonzero(given.network == name) for name in given.networks)
    )
    if any(not np.array_equal(column[a], column[b]) for column in clips):
        raise ConfigError(
            f"the networks of {where} labelled different clips, so there is nothing to agree on; "
            "name runs of a method such as cmpl"
        )
    return a, b


def _stack(axes: Axes, found: Sequence[Rows], colors: dict[str, str]) -> None:
    """Areas that add up to all clips on which the networks differ."""
    rows = [row for own in found for row in own if not math.isnan(row["first right"])]
    steps = sorted({row["step"] for row in rows})
    heights = [[fmean(r[what] for r in rows if r["step"] == s) for s in steps] for what in colors]
    axes.stackplot(steps, heights, colors=list(colors.values()), linewidth=0)
