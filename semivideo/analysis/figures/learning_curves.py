"""One figure of how runs learned: accuracy, and what their pseudo-labels were worth, over training.

Left: share of held-out videos that are labelled right; the line is the quick evaluation during
training, the dot the final one. Right, as in figure 2 of the CMPL paper: share of the labels given
to unlabelled clips that were used and right (solid) and that were used (dashed). Runs of one
method, such as several seeds, become one line with a band from the lowest to the highest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from semivideo.analysis.drawing import (
    COLORS,
    INK,
    NUM_SPANS,
    PALE,
    Curve,
    Row,
    caption,
    colors_of,
    draw_curves,
    legend_above,
    mark_finals,
    mark_level,
    new_figure,
    over_training,
    save,
    save_picture,
)
from semivideo.analysis.groups import Trained
from semivideo.analysis.pseudo_labels import (
    pseudo_label_quality,
    read_pseudo_labels,
    true_classes,
    without_labeled,
)
from semivideo.base.errors import ConfigError
from semivideo.evaluation.metrics import Evaluation
from semivideo.runfolder import RunFolder

__all__ = ["COLORS", "learning", "learning_curves"]


@dataclass(frozen=True, slots=True)
class _Run:
    """What the figure shows of one run."""

    trained: Trained
    accuracy: Curve
    final: Curve
    protocol: str
    kept: Curve
    correct: Curve

    @property
    def method(self) -> str:
        """Its name, of a user's class without the module."""
        return self.trained.settings.method.name.rpartition(":")[2]


def learning(runs: Sequence[str | Path], *, out: str | Path) -> list[Path]:
    """Draw the figure of ``learning_curves`` with its numbers; runs may still be training.

    Args:
        runs: Run folders, at least one.
        out: See ``drawing.save``.
    """
    read = [_read(RunFolder.open(run), None) for run in runs]
    return save(_figure(read), out, _numbers(read))


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
    save_picture(_figure([_read(run, truth) for run in opened]), Path(out))
    return Path(out)


def _figure(runs: list[_Run]) -> Figure:
    """Two panels, one legend, one caption."""
    colors = colors_of([run.method for run in runs])
    figure = new_figure()
    left, right = figure.subplots(1, 2, sharex=True)
    for method, color in colors.items():
        of_method = [run for run in runs if run.method == method]
        _draw_accuracy(left, of_method, color)
        _draw_pseudo_labels(right, of_method, color)
    by_color = [(c, [run for run in runs if run.method == m]) for m, c in colors.items()]
    mark_finals(left, [(*_final(own), c) for c, own in by_color if any(r.final for r in own)])
    over_training(left, "Accuracy on held-out videos")
    over_training(right, "Share of unlabelled clips")
    mark_level(left, 1 / len(runs[0].trained.manifest.classes), "chance")
    if not right.lines:
        note = "no pseudo-labels of videos\nwhose class is known"
        right.text(0.5, 0.5, note, transform=right.transAxes, ha="center", color=PALE)
    legend_above(figure, _legend(colors, runs))
    caption(figure, [run.trained for run in runs], _remark(runs))
    return figure


def _read(run: RunFolder, truth: Mapping[str, str] | None) -> _Run:
    """Collect what the figure shows of a run."""
    trained, lines = Trained.read(run.path), run.metrics()
    last_step = max((line["step"] for line in lines), default=0)
    final = Evaluation.read(run.evaluation_file) if run.evaluation_file.exists() else None
    quality = _quality(trained, truth)
    return _Run(
        trained=trained,
        accuracy={
            line["step"]: line["evaluation"]["top1"] for line in lines if "evaluation" in line
        },
        final={last_step: final.top1} if final else {},
        protocol=final.protocol if final else "",
        kept=dict(zip(quality["step"].to_pylist(), quality["kept"].to_pylist(), strict=True)),
        correct=dict(zip(quality["step"].to_pylist(), quality["correct"].to_pylist(), strict=True)),
    )


def _quality(trained: Trained, truth: Mapping[str, str] | None) -> pa.Table:
    """Quality of a run's pseudo-labels over training, of all its networks together."""
    columns, manifest = ["step", "video", "label", "kept"], trained.manifest
    if trained.run.pseudo_labels_file.exists():
        table = read_pseudo_labels(trained.run).select(columns)
    else:
        table = pa.table({name: pa.array([], pa.int32()) for name in columns})
    labels = manifest.labels if truth is None else [truth.get(id) for id in manifest.ids]
    table = without_labeled(table, manifest, trained.split)
    table = table.append_column("network", pa.repeat("all", len(table)))
    return pseudo_label_quality(table, true_classes(labels, manifest.classes), num_bins=NUM_SPANS)


def _numbers(runs: list[_Run]) -> list[Row]:
    """One row a point of a run."""
    return [
        {"run": run.trained.run.path.name, "curve": name, "step": step, "share": share}
        for run in runs
        for name, curve in (
            ("accuracy", run.accuracy),
            ("final accuracy", run.final),
            ("used", run.kept),
            ("used and right", run.correct),
        )
        for step, share in curve.items()
    ]


def _draw_accuracy(axes: Axes, runs: list[_Run], color: str) -> None:
    """Held-out accuracy of the runs of one method."""
    draw_curves(axes, [run.accuracy for run in runs], color, line="-")


def _final(runs: list[_Run]) -> tuple[float, float]:
    """Last step of the runs of one method, and their mean accuracy in the final evaluation."""
    final = [point for run in runs for point in run.final.items()]
    return max(step for step, _ in final), float(np.mean([value for _, value in final]))


def _draw_pseudo_labels(axes: Axes, runs: list[_Run], color: str) -> None:
    """What the pseudo-labels of the runs of one method were worth."""
    draw_curves(axes, [run.kept for run in runs], color, line="--")
    draw_curves(axes, [run.correct for run in runs], color, line="-")


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


def _remark(runs: list[_Run]) -> str:
    """What the caption says besides names."""
    band = "; band: lowest to highest run" if len({r.method for r in runs}) < len(runs) else ""
    return f"Right: labelled clips left out, mean over the networks of a method{band}."
