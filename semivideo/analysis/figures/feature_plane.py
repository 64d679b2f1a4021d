"""Where test videos lie for a network: its pooled features in two planes.

    test video -> middle clip, centre crop -> features (D) -> two principal components
                                                           -> t-SNE (van der Maaten, Hinton 2008)

Principal components are linear: distances are those of the features, less what lies across the
plane; the axes say how much they keep. t-SNE keeps who is whose neighbour and shows groups that lie
behind each other there; how far its groups are apart, and how large they are, means nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from pydantic import Field
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
    runs: Sequence[str | Path],
    *,
    out: str | Path,
    perplexity: Annotated[float, Field(ge=1)] | None = None,
    seed: Annotated[int, Field(ge=0)] = 0,
    progress: Progress | None = None,
) -> list[Path]:
    """Draw the test videos of a run, a colour and mark for each class, its number at the mean.

    Args:
        runs: One finished run whose videos can be read.
        out: See ``drawing.save``.
        perplexity: Of t-SNE, about how many neighbours count; None for 30, or a third of the
            videos where they are few.
        seed: Of t-SNE, which another seed draws otherwise.
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
    features_VD = torch.cat(noted.seen).numpy()
    plane = principal_plane(features_VD)
    neighbours = neighbour_plane(features_VD, perplexity=perplexity, seed=seed)
    best_V = test.scores.argmax(axis=1)
    numbers = zip(test.ids, test.labels, best_V, plane.points, neighbours, strict=True)
    rows: list[Row] = [
        {
            **{"video": id, "class": test.classes[true], "predicted": test.classes[best]},
            **{"x": x, "y": y, "tsne_x": u, "tsne_y": v},
        }
        for id, true, best, (x, y), (u, v) in numbers
    ]
    figure = _figure(plane, neighbours, test.labels, test.classes)
    videos = f"{test.num_videos} held-out videos, middle clip, centre crop"
    kept = f"Left: {100 * plane.explained.sum():.0f} % of the variance. Right: neighbours alone."
    caption(figure, [trained], f"{videos}; numbers: means of the classes. {kept}")
    return save(figure, out, rows)


def neighbour_plane(
    features_VD: NDArray[np.float32], *, perplexity: float | None = None, seed: int = 0
) -> NDArray[np.float64]:
    """Return places by t-SNE, float (V, 2), from a start by principal components.

    Args:
        features_VD: Features of the videos.
        perplexity: As of ``features``.
        seed: Equal seeds give equal places on one machine.
    """
    if len(features_VD) < 4:
        return np.zeros((len(features_VD), 2))  # there are no neighbours to speak of
    from sklearn.manifold import TSNE

    usual = min(30.0, (len(features_VD) - 1) / 3)
    wanted = min(perplexity or usual, len(features_VD) - 1.5)
    made = TSNE(perplexity=max(1.0, wanted), init="pca", random_state=seed)
    found: NDArray[np.float64] = made.fit_transform(features_VD).astype(np.float64)
    return found


def _figure(
    plane: Plane,
    neighbours_V2: NDArray[np.float64],
    labels_V: NDArray[np.int64],
    classes: Sequence[str],
) -> Figure:
    """Points and means in both planes, and a list of the classes."""
    shown = np.unique(labels_V).tolist()
    side, in_column = (6.4, 36) if len(shown) <= 36 else (9.0, 51)
    columns = -(-len(shown) // in_column) if len(shown) <= MOST_NAMES else 0
    longest = max(len(classes[number]) for number in shown)
    figure = new_figure(width=2 * side + columns * (0.7 + 0.07 * longest), height=side)
    both = figure.subplots(1, 2)
    entries: list[Line2D] = []
    for number, color, mark in zip(shown, cycle(COLORS), cycle(MARKS), strict=False):
        style: dict[str, Any] = {"color": color, "marker": mark, "linestyle": "", "mew": 0}
        for axes, points in zip(both, (plane.points, neighbours_V2), strict=True):
            axes.plot(*points[labels_V == number].T, alpha=0.45, markersize=5, **style)
        entries.append(Line2D([], [], label=f"{number + 1}  {classes[number]}", **style))
    colors = [entry.get_color() for entry in entries]
    for axes, points in zip(both, (plane.points, neighbours_V2), strict=True):
        _number_means(axes, points, labels_V, colors=colors)
        axes.set_aspect("equal", adjustable="datalim")
    first, second = (f"{100 * share:.0f} % of the variance" for share in plane.explained)
    dress(both[0], x=f"First principal component ({first})", y=f"Second ({second})")
    dress(both[1], x="t-SNE: neighbours lie together, distances mean nothing", y="")
    both[1].set_xticks([])
    both[1].set_yticks([])
    if columns:
        place: dict[str, Any] = {"loc": "outside right upper", "ncols": columns}
        figure.legend(handles=entries, fontsize=8, frameon=False, **place)
    return figure


def _number_means(
    axes: Axes,
    points_V2: NDArray[np.float64],
    labels_V: NDArray[np.int64],
    *,
    colors: Sequence[Any],
) -> None:
    """Write the number of each class at its mean, or as near as other numbers let it."""
    shown = np.unique(labels_V).tolist()
    means = np.stack([points_V2[labels_V == number].mean(axis=0) for number in shown])
    least = 0.04 * float(np.ptp(points_V2, axis=0).max())
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
