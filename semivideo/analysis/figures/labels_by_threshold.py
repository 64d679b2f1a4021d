"""What another confidence threshold would have kept of the late pseudo-labels, and how right it is.

Late is the last fifth of the training, as in the table of ``compare``: earlier on a network gives
other confidences. The labels come from a training under its own threshold; another one would have
led to other networks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from semivideo.analysis import drawing
from semivideo.analysis.groups import Trained, by_method
from semivideo.analysis.judged_labels import JudgedLabels, share

THRESHOLDS = np.linspace(0, 1, 101).tolist()
PARTS = 5
"""The last of so many parts of the training is judged."""
Rows = list[dict[str, Any]]


def thresholds(runs: Sequence[str | Path], *, out: str | Path) -> list[Path]:
    """Draw the share kept and the precision over the threshold, a colour for each network.

    Args:
        runs: Finished runs of methods that give pseudo-labels; seeds become a mean with a band.
        out: See ``drawing.save``. Rows "used" of the CSV file are what the training kept.

    Raises:
        CheckpointError: A run holds no pseudo-labels.
        ConfigError: Nobody knows the class of any unlabelled video.
    """
    trained = [Trained.read(run) for run in runs]
    groups = by_method(trained)
    rows: Rows = [
        {"method": name, "run": run.run.path.name, **row}
        for name, members in groups
        for run in members
        for row in _swept(run)
    ]
    keys = dict.fromkeys((row["method"], row["network"]) for row in rows)
    figure = drawing.new_figure()
    panels = dict(zip(("kept", "precision"), figure.subplots(1, 2, sharex=True), strict=True))
    entries = []
    for (method, network), color in drawing.colors_of(keys).items():
        own = [row for row in rows if (row["method"], row["network"]) == (method, network)]
        for what, axes in panels.items():
            _draw(axes, own, what, color)
        has_several = sum(name == method for name, _ in keys) > 1
        label = f"{method}: {network} network" if has_several else method
        entries.append(drawing.line_entry(label, color))
    drawing.dress(panels["kept"], x="Threshold of the confidence", y="Pseudo-labels kept [%]")
    drawing.dress(
        panels["precision"], x="Threshold of the confidence", y="Kept ones that are right [%]"
    )
    for axes in panels.values():
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        drawing.in_percent(axes.yaxis)
    mark = drawing.line_entry("as in the training", drawing.INK, line="")
    mark.set_marker("o")
    drawing.legend_above(figure, [*entries, mark], columns=min(len(entries) + 1, 4))
    band = " Means over seeds; band: lowest to highest." if len(groups) < len(trained) else ""
    remark = f"Labels of the last fifth of the training, clips of labelled videos left out.{band}"
    drawing.caption(figure, trained, remark)
    return drawing.save(figure, out, rows)


def _swept(trained: Trained) -> Rows:
    """One row a network and threshold, and one of what the training kept."""
    given = JudgedLabels.of(trained)
    is_late = given.step * PARTS // given.num_steps == PARTS - 1
    setting = trained.settings.method.options.get("threshold", math.nan)
    rows: Rows = []
    for name in given.networks:
        own = is_late & (given.network == name)
        choices = [("if", t, given.confidence[own] >= t) for t in THRESHOLDS]
        for what, threshold, chosen in [*choices, ("used", setting, given.kept[own])]:
            shares = {"kept": share(chosen), "precision": share(given.is_right[own][chosen])}
            rows.append({"network": name, "what": what, "threshold": threshold, **shares})
    return rows


def _draw(axes: Axes, rows: Rows, what: str, color: str) -> None:
    """One network's curve, and the mean of its points as in the training."""
    known = [row for row in rows if not math.isnan(row[what])]
    curves = [
        {r["threshold"]: r[what] for r in known if (r["run"], r["what"]) == (run, "if")}
        for run in dict.fromkeys(row["run"] for row in rows)
    ]
    drawing.draw_curves(axes, curves, color, line="-")
    used = [row for row in known if row["what"] == "used" and not math.isnan(row["threshold"])]
    if used:
        setting = used[0]["threshold"]
        axes.axvline(setting, color=drawing.PALE, linestyle=":", linewidth=1, zorder=0)
        axes.plot([setting], [np.mean([row[what] for row in used])], "o", color=color)
