"""Whether two networks that teach each other agree, and who is right where they do not.

    left     share of unlabelled clips with one label from both; share of right ones among these
    right    of the clips with two labels: who is right

Two networks can only teach each other what they see differently; networks that have become one and
the same agree everywhere, mistakes included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray

from semivideo.analysis.drawing import (
    COLORS,
    NUM_SPANS,
    caption,
    draw_curves,
    legend_above,
    line_entry,
    new_figure,
    over_training,
    save,
)
from semivideo.analysis.groups import Trained, by_method
from semivideo.analysis.judged_labels import JudgedLabels, share
from semivideo.base.errors import ConfigError

NEITHER = "#cccccc"
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
    figure = new_figure()
    left, right = figure.subplots(1, 2)
    lines = {"agree": "both give one label", "agreed right": "of these, right"}
    for what, color in zip(lines, COLORS, strict=False):
        curves = [{r["step"]: r[what] for r in rows if not math.isnan(r[what])} for rows in found]
        draw_curves(left, curves, color, line="-")
    areas = {
        "first right": (f"{found[0][0]['first']} network right", COLORS[2]),
        "second right": (f"{found[0][0]['second']} network right", COLORS[4]),
        "neither right": ("neither right", NEITHER),
    }
    _stack(right, found, {what: color for what, (_, color) in areas.items()})
    over_training(left, "Share of unlabelled clips")
    over_training(right, "Share of clips with two labels")
    right.set_xlim(left.get_xlim())
    entries = [line_entry(label, c) for label, c in zip(lines.values(), COLORS, strict=False)]
    patches = [Patch(color=color, label=label) for label, color in areas.values()]
    legend_above(figure, [*entries, *patches])
    over = " Means over runs; band: lowest to highest." if len(trained) > 1 else ""
    caption(figure, trained, f"Clips of labelled videos left out.{over}")
    return save(figure, out, [row for rows in found for row in rows])


def _parts(trained: Trained) -> Rows:
    """One row a part of the training; shares of nothing are NaN."""
    given = JudgedLabels.of(trained)
    if len(given.networks) != 2:
        raise ConfigError(
            f"agreement is of two networks, and the pseudo-labels of {trained.run.path} come from "
            f"{' and '.join(given.networks)} alone; name runs of a method such as cmpl"
        )
    a, b = _paired(given, where=str(trained.run.path))
    part = given.step[a] * NUM_SPANS // given.num_steps
    rows = []
    for number in np.unique(part).tolist():
        x, y = a[part == number], b[part == number]
        agrees = given.label[x] == given.label[y]
        of_x, of_y = given.is_right[x], given.is_right[y]
        rows.append(
            {
                "run": trained.run.path.name,
                **dict(zip(("first", "second"), given.networks, strict=True)),
                "step": (number + 0.5) * given.num_steps / NUM_SPANS,
                "num_clips": len(x),
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
