"""What LTG's second network sees: its figure 3, of a real clip.

    frame            frame t of the clip
    fast gradient    frame t minus the next frame of the video
    slow gradient    the same of frames a little closer together than the clip's (``ClipSpec``)

Mid-grey is no motion. Reading and arithmetic are those of the training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from semivideo.analysis.drawing import Row, caption, new_figure, save
from semivideo.analysis.groups import Trained
from semivideo.base.errors import ConfigError
from semivideo.base.records import ClipSpec, Modality
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.transforms.modality import temporal_gradient, with_contrast

MOST_COLUMNS = 8
MIDDLE = 127.5
ROWS: dict[str, Modality] = {
    "frame": "rgb",
    "fast gradient": "fast_gradient",
    "slow gradient": "slow_gradient",
}
"""Title to what is seen."""


def temporal_gradients(
    runs: Sequence[str | Path],
    *,
    out: str | Path,
    video: str | None = None,
    contrast: Annotated[float, Field(gt=0)] | None = None,
    short_side: Annotated[int, Field(ge=16)] = 160,
    draw: int = 0,
) -> list[Path]:
    """Draw frames of one training clip above their fast and their slow temporal gradient.

    Args:
        runs: One run whose videos can be read; it says how clips are cut.
        out: See ``drawing.save``; the CSV file has the mean distance from mid-grey, in levels.
        video: Id of a video; None takes the first test video, or the first labelled one.
        contrast: Factor of the distance from mid-grey; None takes the run's
            ``views.motion_contrast``.
        short_side: Pixels at which frames are read; the networks may have seen fewer.
        draw: Another number cuts another clip.

    Raises:
        ConfigError: More than one run.
        DataError: The run has no such video, or it cannot be read.
    """
    if len(runs) != 1:
        raise ConfigError(f"temporal-gradient shows a clip of one run, got {len(runs)}; name one")
    trained = Trained.read(runs[0])
    settings, split = trained.settings, trained.split
    id = video or (split.test or split.labeled)[0]
    network = settings.networks.primary
    specs = {
        title: ClipSpec(network.num_frames, network.stride_frames, modality=modality)
        for title, modality in ROWS.items()
    }
    data = settings.data.model_copy(update={"short_side": short_side, "decoder": "software"})
    reader = ClipReader(trained.manifest, specs, settings=data)
    clips = reader.training(trained.manifest.row_of(id), draw)
    levels = {title: _levels(torch.from_numpy(clip)) for title, clip in clips.items()}
    factor = settings.views.motion_contrast if contrast is None else contrast
    stretch = f"Contrast of the gradients x {factor:g}. " if factor != 1 else ""
    side = "Test" if id in split.test else "Training"
    remark = f"{side} video {id}, at {short_side} pixels. {stretch}{_span(trained)}"
    figure = _figure(_shown(levels, contrast=factor))
    caption(figure, [trained], remark)
    return save(figure, out, _numbers(id, levels))


def _levels(clip_TCHW: Tensor) -> Tensor:
    """Float (T, H, W, 3) in [0, 255]: frames, or the gradient of frames and successors."""
    levels = clip_TCHW.float()
    if levels.shape[1] == 6:
        levels = temporal_gradient(levels[:, :3], levels[:, 3:])
    return levels.permute(0, 2, 3, 1)


def _shown(levels: dict[str, Tensor], *, contrast: float) -> dict[str, NDArray[np.uint8]]:
    """Pictures (T, H, W, 3)."""
    return {
        title: (clip if title == "frame" else with_contrast(clip, contrast)).round().byte().numpy()
        for title, clip in levels.items()
    }


def _span(trained: Trained) -> str:
    """How far apart the frames of the clip are."""
    network, data = trained.settings.networks.primary, trained.settings.data
    if data.sampling == "segments":
        return f"{network.num_frames} frames spread over the video."
    return f"{network.num_frames} frames, {network.stride_frames} frames of the video apart."


def _columns(num_frames: int) -> NDArray[np.int64]:
    """Which frames of the clip are shown."""
    return np.linspace(0, num_frames - 1, min(num_frames, MOST_COLUMNS)).round().astype(np.int64)


def _numbers(id: str, levels: dict[str, Tensor]) -> list[Row]:
    """How much moves in each frame that is shown."""
    rows: list[Row] = []
    for frame in _columns(len(levels["frame"])).tolist():
        row: dict[str, float | int | str] = {"video": id, "frame": frame + 1}
        for title in ("fast gradient", "slow gradient"):
            row[title] = float((levels[title][frame] - MIDDLE).abs().mean())
        rows.append(row)
    return rows


def _figure(shown: dict[str, NDArray[np.uint8]]) -> Figure:
    """A row of pictures each."""
    T, H, W, _ = shown["frame"].shape
    columns = _columns(T)
    width = 9.6
    height = len(shown) * (width - 0.6) / len(columns) * H / W + 1.0
    figure = new_figure(width=width, height=height)
    grid = figure.subplots(len(shown), len(columns), squeeze=False)
    for places, (title, clip) in zip(grid, shown.items(), strict=True):
        places[0].set_ylabel(title, fontsize=9)
        for axes, frame in zip(places, columns, strict=True):
            axes.imshow(clip[frame])
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
    for axes, frame in zip(grid[0], columns, strict=True):
        axes.set_title(f"frame {frame + 1} of {T}", fontsize=9)
    return figure
