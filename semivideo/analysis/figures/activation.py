"""Where a network looks in a clip: its frames, and the same under a map of what counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pydantic import Field

from semivideo.analysis.drawing import Row, caption, new_figure, save
from semivideo.analysis.groups import Trained
from semivideo.analysis.relevance import relevance
from semivideo.base.errors import ConfigError, nearest
from semivideo.evaluation import Recognizer
from semivideo.evaluation.infer import STREAM
from semivideo.models import HuggingFace, Network

MOST_COLUMNS = 8


def activation(
    runs: Sequence[str | Path],
    *,
    out: str | Path,
    video: str | None = None,
    of_class: str | None = None,
    strength: Annotated[float, Field(gt=0, le=1)] = 0.6,
) -> list[Path]:
    """Draw the middle clip of a video above a map of what counted for the network.

    Args:
        runs: One finished run whose videos can be read.
        out: See ``drawing.save``; the CSV file has the mean of each frame's map and where it is
            largest, in shares of the crop.
        video: Id of a video; None takes the first test video, or the first labelled one.
        of_class: Class that Grad-CAM is of; None takes the most probable one.
        strength: Share of the map in what is drawn, in (0, 1].

    Raises:
        ConfigError: More than one run, no such class, or a network without such a map.
        CheckpointError: The run holds no trained network.
        DataError: The run has no such video, or it cannot be read.
    """
    if len(runs) != 1:
        raise ConfigError(f"activation shows a clip of one run, got {len(runs)}; name one")
    trained = Trained.read(runs[0])
    recognizer = Recognizer.load(trained.run.model)
    network, classes = recognizer.network, recognizer.card.classes
    if not isinstance(network, Network):
        raise ConfigError(
            f"{trained.run.path} deploys a head on features, which have no places to show; name a "
            "run of a network that sees pixels"
        )
    if of_class is not None and of_class not in classes:
        raise ConfigError(
            f"no class {of_class!r}{nearest(of_class, classes)} [known: {', '.join(classes)}]"
        )
    id = video or (trained.split.test or trained.split.labeled)[0]
    clip = recognizer.reader(trained.manifest).testing(
        trained.manifest.row_of(id), num_clips=1, stream=STREAM
    )
    (view_CTHW,) = recognizer.windows_crops([clip])
    with torch.no_grad():
        network.eval()
        shares_K = recognizer.shares(network(view_CTHW).float())[0]
    label = int(shares_K.argmax()) if of_class is None else classes.index(of_class)
    map_THW = relevance(network, view_CTHW[0], label=label)
    shown = _pictures(view_CTHW[0].cpu().numpy())
    kind = "attention of the last layer" if isinstance(network, HuggingFace) else "Grad-CAM"
    figure = _figure(shown, map_THW, strength=strength)
    said = f"{classes[label]} ({100 * float(shares_K[label]):.0f} %)"
    caption(figure, [trained], f"{kind} for {said}; video {id}, middle clip, centre crop.")
    return save(figure, out, _numbers(id, classes[label], map_THW))


def _pictures(view_CTHW: NDArray[np.float32]) -> NDArray[np.float64]:
    """(T, H, W, 3) in [0, 1], the view's own range stretched: its normalisation is undone so."""
    low, high = view_CTHW.min(), view_CTHW.max()
    shown = (view_CTHW - low) / max(float(high - low), 1e-6)
    return np.moveaxis(shown.astype(np.float64), 0, -1)


def _columns(num_frames: int) -> NDArray[np.int64]:
    """Which frames of the clip are shown."""
    return np.linspace(0, num_frames - 1, min(num_frames, MOST_COLUMNS)).round().astype(np.int64)


def _numbers(id: str, name: str, map_THW: NDArray[np.float32]) -> list[Row]:
    """Mean and place of the map of each frame that is shown."""
    rows: list[Row] = []
    height, width = map_THW.shape[1:]
    for frame in _columns(len(map_THW)).tolist():
        y, x = np.unravel_index(int(map_THW[frame].argmax()), (height, width))
        place = {"x": (float(x) + 0.5) / width, "y": (float(y) + 0.5) / height}
        mean = float(map_THW[frame].mean())
        rows.append({"video": id, "class": name, "frame": frame + 1, "mean": mean, **place})
    return rows


def _figure(shown: NDArray[np.float64], map_THW: NDArray[np.float32], *, strength: float) -> Figure:
    """A row of frames, and a row of the same under the map."""
    columns = _columns(len(shown))
    width = 9.6
    figure = new_figure(width=width, height=2 * (width - 0.6) / len(columns) + 1.0)
    grid = figure.subplots(2, len(columns), squeeze=False)
    heat = colormaps["inferno"](map_THW)[..., :3]
    share = strength * map_THW[..., None]
    for places, pictures, title in (
        (grid[0], shown, "frame"),
        (grid[1], (1 - share) * shown + share * heat, "what counts"),
    ):
        places[0].set_ylabel(title, fontsize=9)
        for axes, frame in zip(places, columns, strict=True):
            axes.imshow(pictures[frame].clip(0, 1))
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
    for axes, frame in zip(grid[0], columns, strict=True):
        axes.set_title(f"frame {frame + 1} of {len(shown)}", fontsize=9)
    return figure
