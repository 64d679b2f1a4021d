"""What all figures share: colours, sizes, axes, legend, caption, and the three files of a figure.

A figure is a picture (PNG), the same for print (SVG), and the numbers it shows (CSV). Equal numbers
give equal files.
"""

from __future__ import annotations

import csv
import io
import math
import textwrap
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TypeVar

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from semivideo.analysis.groups import Described, by_method
from semivideo.base.errors import ConfigError
from semivideo.base.files import replacing, write_bytes
from semivideo.base.places import check_output, head

# Okabe and Ito's palette: told apart with any colour vision, in print too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK, PALE, GRID = "#333333", "#999999", "#e6e6e6"
NUM_SPANS = 40
"""Parts of a training over which pseudo-labels are counted."""
MOST_RUNS, MOST_SPLITS = 12, 6
"""How many the caption names."""
HIDDEN = 0.02
"""Dots of shares that are nearer to each other cannot be told apart."""
ENDINGS = (".png", ".svg")

H = TypeVar("H", bound=Hashable)
Curve = Mapping[float, float]
"""Step to value."""
Row = Mapping[str, float | int | str]
"""One line of the CSV file: column to value."""


def new_figure(*, width: float = 9.6, height: float = 4.4) -> Figure:
    """Return an empty figure; no display is needed.

    Args:
        width: Inches of 150 dots.
        height: Inches.
    """
    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def colors_of(names: Iterable[H]) -> dict[H, str]:
    """Give each name a colour, in order; the eighth name has the first one's again."""
    return dict(zip(dict.fromkeys(names), cycle(COLORS), strict=False))


def dress(axes: Axes, *, x: str, y: str) -> None:
    """Label the axes, with units, over a light grid."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def in_percent(axis: Axis) -> None:
    """Show shares as percent; the label says so."""
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{round(100 * share, 6):g}"))


def over_training(axes: Axes, y: str) -> None:
    """Dress axes of a share, from 0 to 100 percent, over the steps of a training."""
    dress(axes, x="Training step", y=f"{y} [%]")
    axes.set_ylim(0, 1)
    axes.set_xlim(left=0)
    in_percent(axes.yaxis)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def draw_curves(axes: Axes, curves: Sequence[Curve], color: str, *, line: str) -> list[float]:
    """Draw the mean of the curves at each step, with a band from the lowest to the highest.

    Returns:
        The means, in the order of the steps.
    """
    steps = sorted({step for curve in curves for step in curve})
    if not steps:
        return []
    values = [[curve[step] for curve in curves if step in curve] for step in steps]
    means = [float(np.mean(v)) for v in values]
    width = 2.0 if line == "-" else 1.4
    axes.plot(steps, means, line, color=color, linewidth=width)
    if any(len(v) > 1 for v in values):
        low, high = [min(v) for v in values], [max(v) for v in values]
        axes.fill_between(steps, low, high, color=color, alpha=0.15, linewidth=0)
    return means


def mark_finals(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Draw a dot at the end of each curve; dots that would hide others become rings around them.

    Args:
        axes: Of a share from 0 to 1.
        points: x, y and color of each.
    """
    for number, (x, y, color) in enumerate(points):
        under = sum(a == x and abs(b - y) < HIDDEN for a, b, _ in points[:number])
        inside = "none" if under else color
        (mark,) = axes.plot([x], [y], "o", color=color, markersize=7 + 5 * under, clip_on=False)
        mark.set(markerfacecolor=inside, markeredgewidth=2.0 if under else 1.0, zorder=3 + under)


def mark_level(axes: Axes, value: float, name: str) -> None:
    """Draw a dotted line at a value, such as the accuracy of guessing, and name it."""
    axes.axhline(value, color=PALE, linestyle=":", linewidth=1.2)
    axes.annotate(
        name,
        (1, value),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color=PALE,
    )


def line_entry(label: str, color: str, *, line: str = "-") -> Line2D:
    """Return an entry of the legend for lines of a colour and style."""
    entry = Line2D([], [], color=color, linewidth=2, label=label)
    entry.set(linestyle=line)
    return entry


def legend_above(figure: Figure, entries: Sequence[Artist], *, columns: int | None = None) -> None:
    """Place the one legend above the axes.

    Args:
        figure: Gets the legend.
        entries: Lines or patches with labels.
        columns: None for one row, or rows of four where there are more than six.
    """
    if columns is None:
        columns = len(entries) if len(entries) <= 6 else 4
    figure.legend(
        handles=list(entries),
        loc="outside upper center",
        ncols=columns,
        frameon=False,
        fontsize=9,
        columnspacing=1.6,
    )


def caption(figure: Figure, runs: Sequence[Described], remark: str) -> None:
    """Write the names of runs and splits, and a remark in whole sentences, below the axes.

    Runs of one method that are named by their seeds, as those of a sweep, become one name.
    """
    # A run may be shown several times; runs on several splits may have one name.
    shown = list({run.run.path: run for run in runs}.values())
    names = list(dict.fromkeys(name for _, members in by_method(shown) for name in _named(members)))
    text = f"Runs: {_first(names, MOST_RUNS)}. Split: {_first(_splits(shown), MOST_SPLITS)}. "
    width = round(figure.get_figwidth() * 150 / 9.6)  # characters of 8 points that fit
    style = {"fontsize": 8, "color": INK, "ha": "left", "parse_math": False}
    text = textwrap.fill(text + remark, width, break_on_hyphens=False)
    figure.supxlabel(text, x=0.01, **style)


def _named(runs: Sequence[Described]) -> list[str]:
    """Names of the runs of a method: "cmpl, seeds 0 1 2" of cmpl-0, cmpl-1 and cmpl-2."""
    names = [run.run.path.name for run in runs]
    seeds = [run.settings.engine.seed for run in runs]
    stems = {
        name.removesuffix(f"-{seed}") if name.endswith(f"-{seed}") else name
        for name, seed in zip(names, seeds, strict=True)
    }
    if len(runs) > 1 and len(stems) == 1 and stems.isdisjoint(names):
        return [f"{stems.pop()} (seeds {', '.join(map(str, seeds))})"]
    return names


def _splits(runs: Sequence[Described]) -> list[str]:
    """Splits with the start of their hashes; those that differ in the seed alone share a name."""
    names: dict[str, dict[str, str]] = {}  # without the seed: hash to name
    for run in sorted(runs, key=lambda run: (run.split.name, run.split.hash)):
        split = run.split
        alike = names.setdefault(split.name.removesuffix(f"-seed{split.seed}"), {})
        alike[split.hash[:8]] = split.name
    return [
        f"{name if len(own) > 1 else next(iter(own.values()))} ({_first(list(own), MOST_SPLITS)})"
        for name, own in names.items()
    ]


def _first(names: Sequence[str], most: int) -> str:
    """The first names of a list, and how many there are more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def save(figure: Figure, out: str | Path, numbers: Sequence[Row]) -> list[Path]:
    """Write a figure as PNG, SVG and CSV, each at once.

    Args:
        figure: The picture.
        out: A file that ends in .png or .svg; the others lie beside it. Those of an earlier figure
            with the same columns are replaced.
        numbers: What is shown, all rows with the same columns; shares, not percent, and empty
            cells for NaN.

    Returns:
        The three files.

    Raises:
        ConfigError: As ``checked_out``.
        WriteError: They cannot be written.
    """
    out = checked_out(out, columns=list(numbers[0]) if numbers else None)
    picture, drawing, table = _three_files(out)
    write_bytes(table, _as_csv(numbers).encode())
    with replacing(drawing) as temporary, rc_context({"svg.hashsalt": "semivideo"}):
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})
    save_picture(figure, picture)
    return [picture, drawing, table]


def save_picture(figure: Figure, out: Path) -> None:
    """Write a figure as PNG, at once."""
    with replacing(out) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def checked_out(
    out: str | Path,
    *,
    columns: Sequence[str] | None = None,
    inputs: Iterable[str | Path] = (),
    named: str = "out",
) -> Path:
    """Return the path of a figure, or say how it must end and what lies in its way.

    Args:
        out: As in ``save``.
        columns: Of the numbers, by which an earlier figure of the kind is known; None for any.
        inputs: What the command reads, which is never written over.
        named: The argument that names ``out``.

    Raises:
        ConfigError: ``out`` has another ending, or one of the three files is something else.
        WriteError: The folder cannot be written to.
    """
    out = Path(out)
    if out.suffix.lower() not in ENDINGS:
        raise ConfigError(
            f"a figure is written as PNG, SVG and CSV of one name; {str(out)!r} must end in .png "
            "or .svg, such as figures/gap.png"
        )
    files = _three_files(out)

    def is_earlier(file: Path) -> bool:
        # A picture has no mark of ours; three files of one name are a figure, one alone is not.
        return all(each.is_file() for each in files) and (
            columns is None
            or next(csv.reader(head(files[-1]).splitlines()), []) in ([], list(columns))
        )

    for file in files:
        check_output(
            file, what="of an earlier figure", is_ours=is_earlier, inputs=inputs, named=named
        )
    return out


def _three_files(out: Path) -> list[Path]:
    """Picture, drawing and numbers of a figure; the one that is named keeps its letters."""
    return [
        out if out.suffix.lower() == ending else out.with_suffix(ending)
        for ending in (*ENDINGS, ".csv")
    ]


def _as_csv(rows: Sequence[Row]) -> str:
    """Six digits of each number."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue()


def _cell(value: float | int | str) -> str:
    """A number in short, nothing for NaN."""
    if isinstance(value, float | np.floating):
        return "" if math.isnan(value) else f"{value:.6g}"
    return str(value)
