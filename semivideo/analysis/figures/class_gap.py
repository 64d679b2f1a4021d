"""Per-class gap of two networks, as in figure 1 of the CMPL paper.

The paper trains a small and a large network supervised on the same few labels: the small one is
worse on the whole and still better in some classes, which is why it has something to teach.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from semivideo.analysis import drawing
from semivideo.analysis.comparison import class_accuracies, tested_alike
from semivideo.analysis.groups import by_method
from semivideo.analysis.result import Result
from semivideo.base.errors import ConfigError

MOST_NAMES = 60
"""Above so many classes their names are left out; the CSV file has them."""


def class_gap(runs: Sequence[str | Path], *, out: str | Path) -> list[Path]:
    """Draw the accuracy of the network with fewer weights minus that of the other, by class.

    Args:
        runs: Runs of two methods or networks, any number of seeds of each; accuracies are means
            over seeds. Of networks with equally many weights the one named first counts as small.
        out: See ``drawing.save``.

    Raises:
        ConfigError: Other than two methods or networks, or other test videos.
        CheckpointError: A run was not evaluated.
    """
    results = tested_alike(runs)
    groups = by_method(results)
    if len(groups) != 2:
        names = "; ".join(name for name, _ in groups)
        raise ConfigError(
            f"a gap is between two networks, these runs are of {len(groups)} ({names}); name the "
            "runs of two settings, any number of seeds of each"
        )
    (small, ours), (large, theirs) = sorted(groups, key=lambda it: it[1][0].num_parameters)
    labels = _labels((small, ours), (large, theirs))
    rows = _gaps(class_accuracies(ours), class_accuracies(theirs))
    figure = _figure(rows, labels)
    seeds = "" if len(ours) == len(theirs) == 1 else f" Means over {len(ours)} and {len(theirs)}"
    remark = f"{seeds} runs." if seeds else ""
    protocol = results[0].evaluation.protocol
    drawing.caption(figure, results, f"Held-out videos, {protocol} views, classes by gap.{remark}")
    return drawing.save(figure, out, rows)


def _gaps(small: dict[str, float], large: dict[str, float]) -> list[drawing.Row]:
    """One row a class, the greatest gap first."""
    gaps = {name: small[name] - large[name] for name in small}
    ordered = sorted(gaps, key=lambda name: (-gaps[name], name))
    return [
        {"class": name, "small": small[name], "large": large[name], "gap": gaps[name]}
        for name in ordered
    ]


def _figure(rows: Sequence[drawing.Row], labels: Sequence[str]) -> Figure:
    """One bar a class, names at the left."""
    has_names = len(rows) <= MOST_NAMES
    figure = drawing.new_figure(width=7.2, height=2.4 + 0.2 * len(rows) if has_names else 6.0)
    axes = figure.subplots()
    gaps = [float(row["gap"]) for row in rows]
    colors = [drawing.COLORS[0] if gap > 0 else drawing.COLORS[1] for gap in gaps]
    axes.barh(range(len(rows)), gaps, height=0.75 if has_names else 1.0, color=colors)
    axes.axvline(0, color=drawing.INK, linewidth=1)
    drawing.dress(axes, x="Difference of accuracy, first minus second [points]", y="")
    drawing.in_percent(axes.xaxis)
    axes.grid(visible=False, axis="y")
    names = [str(row["class"]) for row in rows] if has_names else []
    axes.set_yticks(range(len(names)), names, fontsize=8, parse_math=False)
    axes.set_ylim(len(rows) - 0.3, -0.7)  # the greatest gap on top
    wins = [sum(gap > 0 for gap in gaps), sum(gap < 0 for gap in gaps)]
    entries = [
        Patch(color=color, label=f"{label}: better in {count} of {len(rows)} classes")
        for color, label, count in zip(drawing.COLORS, labels, wins, strict=False)
    ]
    drawing.legend_above(figure, entries, columns=1)
    return figure


def _labels(*groups: tuple[str, Sequence[Result]]) -> list[str]:
    """What the legend calls the networks: by their size or, if they are as large, all that differs.

    A small network differs in many settings; that it is small says enough.
    """
    differ = len({members[0].num_parameters for _, members in groups}) > 1
    names = [members[0].settings.method.name if differ else name for name, members in groups]
    sizes = [members[0].num_parameters / 1e6 for _, members in groups]
    return [
        textwrap.fill(f"{name}, {size:.2f} M weights", 80)
        for name, size in zip(names, sizes, strict=True)
    ]
