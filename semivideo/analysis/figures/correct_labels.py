"""Share of correct pseudo-labels among all unlabelled clips, as in figure 2 of the CMPL paper.

A label that is right but was not used, because its confidence was too low, does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.lines import Line2D

from semivideo.analysis import drawing
from semivideo.analysis.groups import Trained, by_method
from semivideo.analysis.pseudo_labels import pseudo_label_quality
from semivideo.base.errors import ConfigError

LINES = ("-", "--", ":")
"""Of the networks of a method, the primary first."""


def correct_labels(runs: Sequence[str | Path], *, out: str | Path) -> list[Path]:
    """Draw the share over training, a line for each network of each method.

    Args:
        runs: Finished runs of methods that give pseudo-labels; seeds become a mean with a band.
        out: See ``drawing.save``.

    Raises:
        CheckpointError: A run holds no pseudo-labels.
        ConfigError: Nobody knows the class of any unlabelled video.
    """
    trained = [Trained.read(run) for run in runs]
    groups = by_method(trained)
    figure = drawing.new_figure(width=7.2, height=4.6)
    axes = figure.subplots()
    rows: list[drawing.Row] = []
    entries: list[Line2D] = []
    colors = drawing.colors_of(range(len(groups)))
    for (name, members), color in zip(groups, colors.values(), strict=True):
        found = [_quality(run) for run in members]
        networks = sorted({row["network"] for lines in found for row in lines}, key=_primary_first)
        for network, line in zip(networks, LINES, strict=False):
            curves = [
                {row["step"]: row["correct"] for row in lines if row["network"] == network}
                for lines in found
            ]
            drawing.draw_curves(axes, curves, color, line=line)
            label = f"{name}: {network} network" if len(networks) > 1 else name
            entries.append(drawing.line_entry(label, color, line=line))
        rows += [
            {"method": name, "run": run.run.path.name, **row}
            for run, lines in zip(members, found, strict=True)
            for row in lines
        ]
    drawing.over_training(axes, "Pseudo-labels used and right,\nshare of unlabelled clips")
    drawing.legend_above(figure, entries, columns=min(len(entries), 3))
    band = " Band: lowest to highest run." if len(groups) < len(trained) else ""
    drawing.caption(figure, trained, f"Clips of labelled videos left out.{band}")
    return drawing.save(figure, out, rows)


def _quality(trained: Trained) -> list[dict[str, Any]]:
    """Rows of ``QUALITY``: what the labels of each network were worth in each part of training."""
    table = pseudo_label_quality(trained.pseudo_labels(), trained.truth, num_bins=drawing.NUM_SPANS)
    if not len(table):
        raise ConfigError(
            f"{trained.run.path}: nobody knows the class of any unlabelled video, so no "
            "pseudo-label can be judged; train on a manifest with all labels and let the split "
            "hide them"
        )
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _primary_first(network: str) -> tuple[bool, str]:
    """Sorts names of networks."""
    return network != "primary", network
