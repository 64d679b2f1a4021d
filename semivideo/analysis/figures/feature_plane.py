"""Where test videos lie for a network: its pooled features in the plane that keeps most variance.

    test video -> middle clip, centre crop -> features (D) -> two principal components

Principal components are linear: distances are those of the features, less what lies across the
plane; the axes say how much they keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from torch import Tensor, nn

from semivideo.analysis.drawing import COLORS, Row, caption, dress, new_figure, save
from semivideo.analysis.groups import Trained
from semivideo.analysis.principal import Plane, kept_apart, principal_plane
from semivideo.base.errors import ConfigError, DataError
from semivideo.base.progress import Progress
from semivideo.evaluation import Recognizer, evaluate
from semivideo.models import Network

MARKS = "osD^vPX<>*h"
"""With the seven colours, 77 classes look different."""
MOST_NAMES = 120
"""Above so many classes the list of names is left out; the CSV file has them."""


class Noted(nn.Module):
    """A network that keeps the features of what it sees.

    Args:
        network: As the contract says.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.seen: list[Tensor] = []

    def forward(self, clip_NCTHW: Tensor) -> Tensor:
        """Map float clips (N, C, T, H, W) to logits (N, K)."""
        features_ND = self.network.features(clip_NCTHW)
        self.seen.append(features_ND.float().cpu())
        return self.network.classify(features_ND)


def features(
    runs: Sequence[str | Path], *, out: str | Path, progress: Progress | None = None
) -> list[Path]:
    """Draw the test videos of a run, a colour and mark for each class, its number at the mean.

    Args:
        runs: One finished run whose videos can be read.
        out: See ``drawing.save``.
        progress: Called after each video.

    Raises:
        ConfigError: More than one run.
        CheckpointError: The run holds no trained network.
        DataError: It holds out no videos, or they cannot be read.
    """
    if len(runs) != 1:
        raise ConfigError(f"features shows the network of one run, got {len(runs)}; name one")
    trained = Trained.read(runs[0])
    if not trained.split.test:
        raise DataError(f"the split of {trained.run.path} holds out no videos; name another run")
    deployed = Recognizer.load(trained.run.model)
    deployed.require_clips()
    noted = Noted(cast(Network, deployed.network))
    recognizer = Recognizer(noted, deployed.card)
    test = evaluate(
        recognizer, trained.manifest, trained.split.test, protocol="1x1", progress=progress
    )
    plane = principal_plane(torch.cat(noted.seen).numpy())
    numbers = zip(test.ids, test.labels, test.scores.argmax(axis=1), plane.points, strict=True)
    rows: list[Row] = [
        {"video": id, "class": test.classes[true], "predicted": test.classes[best], "x": x, "y": y}
        for id, true, best, (x, y) in numbers
    ]
    figure = _figure(plane, test.labels, test.classes)
    videos = f"{test.num_videos} held-out videos, middle clip, centre crop"
    kept = f"The plane keeps {100 * plane.explained.sum():.0f} % of the variance of the features."
    caption(figure, [trained], f"{videos}; numbers: means of the classes. {kept}")
    return save(figure, out, rows)


def _figure(plane: Plane, labels_V: NDArray[np.int64], classes: Sequence[str]) -> Figure:
    """Points, means, and a list of the classes."""
    shown = np.unique(labels_V).tolist()
    side, in_column = (6.4, 36) if len(shown) <= 36 else (9.0, 51)
    columns = -(-len(shown) // in_column) if len(shown) <= MOST_NAMES else 0
    longest = max(len(classes[number]) for number in shown)
    figure = new_figure(width=side + columns * (0.7 + 0.07 * longest), height=side)
    axes = figure.subplots()
    entries: list[Line2D] = []
    for number, color, mark in zip(shown, cycle(COLORS), cycle(MARKS), strict=False):
        style: dict[str, Any] = {"color": color, "marker": mark, "linestyle": "", "mew": 0}
        axes.plot(*plane.points[labels_V == number].T, alpha=0.45, markersize=5, **style)
        entries.append(Line2D([], [], label=f"{number + 1}  {classes[number]}", **style))
    _number_means(axes, plane, labels_V, colors=[entry.get_color() for entry in entries])
    first, second = (f"{100 * share:.0f} % of the variance" for share in plane.explained)
    dress(axes, x=f"First principal component ({first})", y=f"Second ({second})")
    axes.set_aspect("equal", adjustable="datalim")
    if columns:
        place: dict[str, Any] = {"loc": "outside right upper", "ncols": columns}
        figure.legend(handles=entries, fontsize=8, frameon=False, **place)
    return figure


def _number_means(
    axes: Axes, plane: Plane, labels_V: NDArray[np.int64], *, colors: Sequence[Any]
) -> None:
    """Write the number of each class at its mean, or as near as other numbers let it."""
    shown = np.unique(labels_V).tolist()
    means = np.stack([plane.points[labels_V == number].mean(axis=0) for number in shown])
    least = 0.04 * float(np.ptp(plane.points, axis=0).max())
    for number, mean, place, color in zip(
        shown, means, kept_apart(means, least=least), colors, strict=True
    ):
        axes.plot(*zip(mean, place, strict=True), color=color, linewidth=1)
        axes.text(
            place[0],
            place[1],
            str(number + 1),
            color=color,
            fontsize=11 if len(shown) <= 40 else 8,
            fontweight="bold",
            ha="center",
            va="center",
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
