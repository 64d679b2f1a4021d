"""Which classes are taken for which: the confusion matrix of a method's held-out videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from semivideo.analysis.comparison import tested_alike
from semivideo.analysis.drawing import INK, Row, caption, in_percent, new_figure, save
from semivideo.analysis.groups import by_method
from semivideo.base.errors import ConfigError

MOST_NUMBERS = 40
"""Above so many classes a cell is too small for its number; the CSV file has them all."""
MOST_NAMES = 120
"""Above so many classes their names are left out, too."""


def confusion(runs: Sequence[str | Path], *, out: str | Path) -> list[Path]:
    """Draw the share of each true class (row) that is labelled as each class (column).

    Args:
        runs: Evaluated runs of one setting; the videos of all seeds are counted together.
        out: See ``drawing.save``.

    Raises:
        ConfigError: Runs of several settings, or tested on other videos.
        CheckpointError: A run was not evaluated.
    """
    results = tested_alike(runs)
    groups = by_method(results)
    if len(groups) != 1:
        raise ConfigError(
            f"a confusion matrix is of one setting, got {'; '.join(name for name, _ in groups)}; "
            "name the runs of one, any number of seeds"
        )
    classes = results[0].evaluation.classes
    counts_KK = np.sum([result.evaluation.confusion for result in results], axis=0)
    of_K1 = counts_KK.sum(axis=1, keepdims=True)
    shares_KK = np.divide(counts_KK, of_K1, out=np.full(counts_KK.shape, np.nan), where=of_K1 > 0)
    rows: list[Row] = [
        {
            "true": true,
            "predicted": predicted,
            "num_videos": int(counts_KK[i, j]),
            "share": float(shares_KK[i, j]),
        }
        for i, true in enumerate(classes)
        for j, predicted in enumerate(classes)
    ]
    figure = _figure(shares_KK, classes, of_K1[:, 0] // len(results))
    top1 = np.trace(counts_KK) / counts_KK.sum()
    over = f" over {len(results)} runs" if len(results) > 1 else ""
    views = f"{results[0].evaluation.num_videos} held-out videos, {results[0].evaluation.protocol}"
    caption(figure, results, f"{views} views; top-1 {100 * top1:.1f} %{over}.")
    return save(figure, out, rows)


def _figure(
    shares_KK: NDArray[np.float64], classes: Sequence[str], num_videos_K: NDArray[np.int64]
) -> Figure:
    """The matrix, as large as its classes need, with the test videos of each class."""
    K = len(classes)
    side = 2.6 + max(3.0, min(0.29 * K, 10.5))
    figure = new_figure(width=side + 0.8, height=side)
    axes = figure.subplots()
    image = axes.imshow(shares_KK, cmap="Blues", vmin=0, vmax=1)
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    bar.set_label("Share of the videos of the true class [%]")
    in_percent(bar.ax.yaxis)
    _name_classes(axes, classes, num_videos_K)
    if K <= MOST_NUMBERS:
        _write_numbers(axes, shares_KK)
    return figure


def _name_classes(axes: Axes, classes: Sequence[str], num_videos_K: NDArray[np.int64]) -> None:
    """Names along both axes, in a size that fits; how many videos a row is of."""
    K = len(classes)
    axes.set_xlabel("Predicted class")
    axes.set_ylabel("True class (number of held-out videos)")
    axes.tick_params(length=0)
    names = list(classes) if K <= MOST_NAMES else []
    size = min(9.0, max(4.5, 540 / K))
    style: dict[str, Any] = {"fontsize": size, "parse_math": False}
    axes.set_xticks(range(len(names)), names, rotation=90, **style)
    counted = [f"{name} ({num})" for name, num in zip(names, num_videos_K, strict=False)]
    axes.set_yticks(range(len(names)), counted, **style)
    axes.set_xticks(np.arange(K - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(K - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="#f0f0f0", linewidth=0.5)
    axes.tick_params(which="minor", length=0)


def _write_numbers(axes: Axes, shares_KK: NDArray[np.float64]) -> None:
    """Whole percents in all cells but empty ones."""
    size = min(9.0, max(6.0, 190 / len(shares_KK)))
    for (i, j), share in np.ndenumerate(shares_KK):
        if share > 0:
            color = "white" if share > 0.55 else INK
            place: dict[str, Any] = {"ha": "center", "va": "center_baseline"}
            axes.text(j, i, f"{100 * share:.0f}", fontsize=size, color=color, **place)
