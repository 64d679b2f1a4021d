"""One figure of how runs learned: accuracy, and what their pseudo-labels were worth, over training.

Left: share of held-out videos that are labelled right; the line is the quick evaluation during
training, the dot the final one. Right, as in figure 2 of the CMPL paper: share of the labels given
to unlabelled clips that were used and right (solid) and that were used (dashed). Runs of one
method, such as several seeds, become one line with a band from the lowest to the highest.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from semivideo.analysis.pseudo_labels import pseudo_label_quality, true_classes
from semivideo.data.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.errors import ConfigError
from semivideo.evaluation.metrics import Evaluation
from semivideo.files import replacing
from semivideo.runfolder import RunFolder

# Okabe and Ito's palette: told apart with any color vision, in print too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK, PALE = "#333333", "#999999"
NUM_SPANS = 40

Curve = dict[float, float]
"""Step to value."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What the figure shows of one run."""

    name: str
    method: str
    split: str
    num_classes: int
    accuracy: Curve
    final: Curve
    protocol: str
    kept: Curve
    correct: Curve


def learning_curves(
    runs: Sequence[RunFolder | str | Path],
    *,
    out: str | Path,
    truth: Mapping[str, str] | None = None,
) -> Path:
    """Draw the figure as PNG; no display is needed.

    Args:
        runs: Run folders, at least one.
        out: The file; one of that name is replaced.
        truth: Id to class name of unlabelled videos; None takes the labels of each run's manifest.
            Pseudo-labels of videos whose class nobody knows are not drawn.

    Returns:
        ``out``.

    Raises:
        ConfigError: No run was given.
        CheckpointError: A run folder is missing or broken.
    """
    if not runs:
        raise ConfigError("learning curves need at least one run folder, got none; name some")
    opened = [run if isinstance(run, RunFolder) else RunFolder.open(run) for run in runs]
    figure = _figure([_read(run, truth) for run in opened])
    out = Path(out)
    with replacing(out) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
    return out


def _figure(runs: list[_Run]) -> Figure:
    """Two panels, one legend, one caption."""
    methods = dict.fromkeys(run.method for run in runs)
    colors = dict(zip(methods, cycle(COLORS), strict=False))
    figure = Figure(figsize=(9.6, 4.4), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    for method, color in colors.items():
        of_method = [run for run in runs if run.method == method]
        _draw_accuracy(left, of_method, color)
        _draw_pseudo_labels(right, of_method, color)
    _dress(left, "Accuracy on held-out videos")
    _dress(right, "Share of unlabelled clips")
    _mark_chance(left, runs[0].num_classes)
    if not right.lines:
        note = "no pseudo-labels of videos\nwhose class is known"
        right.text(0.5, 0.5, note, transform=right.transAxes, ha="center", color=PALE)
    entries = _legend(colors, runs)
    columns = len(entries) if len(entries) <= 6 else 4
    figure.legend(
        handles=entries,
        loc="outside upper center",
        ncols=columns,
        frameon=False,
        fontsize=9,
        columnspacing=1.6,
    )
    caption = {"fontsize": 8, "color": INK, "ha": "left", "parse_math": False}
    figure.supxlabel(_caption(runs), x=0.01, **caption)
    return figure


def _read(run: RunFolder, truth: Mapping[str, str] | None) -> _Run:
    """Collect what the figure shows of a run."""
    settings, lines = run.settings(), run.metrics()
    manifest, split = Manifest.read(run.manifest_file), Split.read(run.split_file)
    last_step = max((line["step"] for line in lines), default=0)
    final = Evaluation.read(run.evaluation_file) if run.evaluation_file.exists() else None
    quality = _quality(run, manifest=manifest, split=split, truth=truth)
    return _Run(
        name=run.path.name,
        method=settings.method.name.rpartition(":")[2],
        split=f"{split.name} ({split.hash[:8]})",
        num_classes=len(manifest.classes),
        accuracy={
            line["step"]: line["evaluation"]["top1"] for line in lines if "evaluation" in line
        },
        final={last_step: final.top1} if final else {},
        protocol=final.protocol if final else "",
        kept=dict(zip(quality["step"].to_pylist(), quality["kept"].to_pylist(), strict=True)),
        correct=dict(zip(quality["step"].to_pylist(), quality["correct"].to_pylist(), strict=True)),
    )


def _quality(
    run: RunFolder, *, manifest: Manifest, split: Split, truth: Mapping[str, str] | None
) -> pa.Table:
    """Quality of a run's pseudo-labels over training, of all its networks together."""
    columns = ["step", "video", "label", "kept"]
    if run.pseudo_labels_file.exists():
        table = pq.read_table(run.pseudo_labels_file, columns=columns)
    else:
        table = pa.table({name: pa.array([], pa.int32()) for name in columns})
    labels = manifest.labels if truth is None else [truth.get(id) for id in manifest.ids]
    # Labelled videos are in the unlabelled stream too; that they are labelled right proves little.
    labeled = pa.array([manifest.row_of(id) for id in split.labeled], pa.int32())
    table = table.filter(pc.invert(pc.is_in(table["video"], labeled)))
    table = table.append_column("network", pa.repeat("all", len(table)))
    return pseudo_label_quality(table, true_classes(labels, manifest.classes), num_bins=NUM_SPANS)


def _draw_accuracy(axes: Axes, runs: list[_Run], color: str) -> None:
    """Held-out accuracy of the runs of one method."""
    _draw(axes, [run.accuracy for run in runs], color, line="-")
    final = [run.final for run in runs if run.final]
    if final:
        step = max(step for curve in final for step in curve)
        value = np.mean([value for curve in final for value in curve.values()])
        axes.plot([step], [value], "o", color=color, markersize=7, clip_on=False, zorder=3)


def _draw_pseudo_labels(axes: Axes, runs: list[_Run], color: str) -> None:
    """What the pseudo-labels of the runs of one method were worth."""
    _draw(axes, [run.kept for run in runs], color, line="--")
    _draw(axes, [run.correct for run in runs], color, line="-")


def _draw(axes: Axes, curves: list[Curve], color: str, *, line: str) -> None:
    """Mean of the curves at each step, with a band from the lowest to the highest."""
    steps = sorted({step for curve in curves for step in curve})
    if not steps:
        return
    values = [[curve[step] for curve in curves if step in curve] for step in steps]
    width = 2.0 if line == "-" else 1.4
    axes.plot(steps, [float(np.mean(v)) for v in values], line, color=color, linewidth=width)
    if any(len(v) > 1 for v in values):
        low, high = [min(v) for v in values], [max(v) for v in values]
        axes.fill_between(steps, low, high, color=color, alpha=0.15, linewidth=0)


def _mark_chance(axes: Axes, num_classes: int) -> None:
    """A dotted line at the accuracy of guessing."""
    axes.axhline(1 / num_classes, color=PALE, linestyle=":", linewidth=1.2)
    axes.annotate(
        "chance",
        (1, 1 / num_classes),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color=PALE,
    )


def _dress(axes: Axes, title: str) -> None:
    """Axes from zero, in per cent over steps, with a light grid."""
    axes.set_ylim(0, 1)
    axes.set_xlim(left=0)
    axes.set_ylabel(f"{title} [%]")
    axes.set_xlabel("Training step")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=None))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(colors: dict[str, str], runs: list[_Run]) -> list[Line2D]:
    """One entry a method, then one a kind of mark."""
    entries = [Line2D([], [], color=c, linewidth=3, label=m) for m, c in colors.items()]
    if any(run.final for run in runs):
        protocols = ", ".join(sorted({run.protocol for run in runs if run.protocol}))
        label = f"final ({protocols})"
        entries.append(Line2D([], [], color=INK, marker="o", linestyle="", label=label))
    if any(run.kept for run in runs):
        label = "pseudo-labels used and right"
        entries.append(Line2D([], [], color=INK, linewidth=2.0, label=label))
        label = "pseudo-labels used"
        entries.append(Line2D([], [], color=INK, linewidth=1.4, linestyle="--", label=label))
    return entries


def _caption(runs: list[_Run]) -> str:
    """Names of runs and splits."""
    names = ", ".join(run.name for run in runs[:8])
    more = f" and {len(runs) - 8} more" if len(runs) > 8 else ""
    splits = ", ".join(sorted({run.split for run in runs}))
    band = "; band: lowest to highest run" if len({r.method for r in runs}) < len(runs) else ""
    text = (
        f"Runs: {names}{more}. Split: {splits}. Right: labelled clips left out, mean over the "
        f"networks of a method{band}."
    )
    return textwrap.fill(text, 150)
