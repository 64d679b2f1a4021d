"""How much a network relies on motion: figure 5 of the CMPL paper.

    frames of a clip            0 1 2 3 4 5 6 7
    stride 2, stretched back    0 0 2 2 4 4 6 6
    stride 8, a still           0 0 0 0 0 0 0 0

Every s-th frame of a test clip is kept and repeated s times, so that the clip keeps its length and
its span and loses motion. A network that relies on motion loses more of its accuracy. As in the
paper it is drawn as a ratio, 1 - top-1 at s / top-1 at 1, since the networks differ in accuracy,
and both networks see the deployed one's clip, 8 x 8 there, whatever the other was trained on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from semivideo import models
from semivideo.analysis import drawing
from semivideo.analysis.groups import Trained, by_method
from semivideo.base.errors import CheckpointError
from semivideo.base.foreign_code import refuse_foreign
from semivideo.base.progress import Progress
from semivideo.data.video.decode import Image
from semivideo.engine.checkpoint import Checkpoints
from semivideo.evaluation import Evaluation, Recognizer, with_protocol
from semivideo.evaluation.infer import STREAM
from semivideo.evaluation.metrics import accuracy
from semivideo.evaluation.protocols import crop_side, protocol_name
from semivideo.models.tuning import merge, tune

STRIDES = (1, 2, 4, 8)


def stretched(clips: Image, *, stride: int) -> Image:
    """Keep every s-th frame and repeat it s times.

    Args:
        clips: uint8 (N, T, C, H, W).
        stride: s >= 1; from T on the clip is a still.
    """
    frame_T = np.arange(clips.shape[1])
    return clips[:, frame_T // stride * stride]


def frame_rate_drop(
    runs: Sequence[str | Path],
    *,
    out: str | Path,
    protocol: str | None = None,
    auxiliary: bool = True,
    clip: Literal["same", "own"] = "same",
    progress: Progress | None = None,
) -> list[Path]:
    """Score the test videos of each run at each stride, and draw which share of top-1 is lost.

    Args:
        runs: Evaluated runs whose videos can be read; seeds become a mean with a band.
        out: See ``drawing.save``.
        protocol: Clips x crops, such as "1x1", the cheapest; None takes each run's.
        auxiliary: Whether CMPL's auxiliary network is scored as well, from the last checkpoint.
        clip: Whether it sees the deployed network's frames ("same") or as many as in training.
        progress: Called as each video of each network is read.

    Raises:
        CheckpointError: A run was not evaluated, or holds no checkpoint of an auxiliary network.
        ConfigError: ``protocol`` is not allowed.
        DataError: A video cannot be read any more.
    """
    trained = [Trained.read(run) for run in runs]
    rows: list[dict[str, Any]] = [
        {"method": name, "network": role, "run": run.run.path.name, **row}
        for name, members in by_method(trained)
        for run in members
        for role, recognizer in _networks(run, auxiliary=auxiliary, clip=clip).items()
        for row in _scored(recognizer, run, protocol, role=role, progress=progress)
    ]
    figure = _figure(rows)
    views = ", ".join(sorted({row["protocol"] for row in rows}))
    band = " Band: lowest to highest run." if len(by_method(trained)) < len(trained) else ""
    drawing.caption(figure, trained, f"Held-out videos, {views} views. Above zero: a loss.{band}")
    return drawing.save(figure, out, rows)


def _figure(rows: Sequence[dict[str, Any]]) -> Figure:
    """A line a network."""
    figure = drawing.new_figure(width=7.2, height=4.6)
    axes = figure.subplots()
    entries = []
    keys = dict.fromkeys((row["method"], row["network"]) for row in rows)
    for (method, role), color in drawing.colors_of(keys).items():
        own = [row for row in rows if (row["method"], row["network"]) == (method, role)]
        names = dict.fromkeys(row["run"] for row in own)
        curves = [{r["stride"]: r["drop"] for r in own if r["run"] == run} for run in names]
        drawing.draw_curves(axes, curves, color, line="-")
        means = [fmean(curve[stride] for curve in curves) for stride in STRIDES]
        axes.plot(STRIDES, means, "o", color=color)
        label = method if role == "primary" else f"{method}: {role} network"
        entries.append(drawing.line_entry(label, color))
    axes.set_xscale("log", base=2)
    axes.set_xticks(STRIDES, [str(stride) for stride in STRIDES])
    axes.xaxis.set_minor_locator(NullLocator())
    drawing.dress(
        axes,
        x="Stride at which frames are kept, each repeated",
        y="Share of top-1 lost from stride 1",
    )
    drawing.in_percent(axes.yaxis)
    axes.axhline(0, color=drawing.INK, linewidth=1)
    drawing.legend_above(figure, entries, columns=min(len(entries), 3))
    return figure


def _scored(
    recognizer: Recognizer,
    trained: Trained,
    protocol: str | None,
    *,
    role: str,
    progress: Progress | None,
) -> list[dict[str, Any]]:
    """Accuracy and its lost share at each stride; each video is decoded once."""
    tested = Evaluation.read(trained.run.evaluation_file)  # without videos that cannot be read
    settings = with_protocol(recognizer.card.evaluation, protocol)
    views = protocol_name(settings)
    name = f"score {trained.run.path.name}, {role}"
    reader = recognizer.reader(trained.manifest)

    def clips() -> Iterator[Image]:
        for number, id in enumerate(tested.ids, start=1):
            if progress is not None:
                progress(name, number, tested.num_videos, views)
            row = trained.manifest.row_of(id)
            video = reader.testing(row, num_clips=settings.num_clips, stream=STREAM)
            for stride in STRIDES:
                yield stretched(video, stride=stride)

    scores = np.stack(list(recognizer.scores_of_clips(clips(), settings=settings)))
    top1 = [accuracy(scores[i :: len(STRIDES)], tested.labels) for i in range(len(STRIDES))]
    return [
        {
            "protocol": views,
            "stride": stride,
            "top1": share,
            "drop": 1 - share / top1[0] if top1[0] else math.nan,
        }
        for stride, share in zip(STRIDES, top1, strict=True)
    ]


def _networks(
    trained: Trained, *, auxiliary: bool, clip: Literal["same", "own"]
) -> dict[str, Recognizer]:
    """The deployed network and, of CMPL where it is wanted, the auxiliary one."""
    deployed = Recognizer.load(trained.run.model)
    if not auxiliary or trained.settings.method.name != "cmpl":
        return {"primary": deployed}
    settings = trained.settings.networks.auxiliary
    checkpoint = Checkpoints(trained.run, keep=1).newest()
    if settings is None or checkpoint is None:
        lack = "settings do not write out" if settings is None else "checkpoints are gone with"
        raise CheckpointError(
            f"the {lack} the auxiliary network of {trained.run.path}; set auxiliary=false, or add "
            "a supervised run with the auxiliary's network"
        )
    refuse_foreign([settings.name, settings.options], file=trained.run.settings_file)
    network = models.create(settings.name, len(deployed.card.classes), **settings.options)
    tune(network, settings, owner="networks.auxiliary")
    start = "auxiliary."
    weights = {
        name.removeprefix(start): tensor
        for name, tensor in checkpoint.state["method"].items()
        if name.startswith(start)
    }
    network.load_state_dict(weights)
    merge(network)
    if clip == "same":
        shown = deployed.card.network
        frames = {"num_frames": shown.num_frames, "stride_frames": shown.stride_frames}
        network.check_clip(num_frames=shown.num_frames, size=_side(deployed))
        settings = settings.model_copy(update=frames)
    card = deployed.card.model_copy(update={"network": settings})
    device = next(deployed.network.parameters()).device
    return {"primary": deployed, "auxiliary": Recognizer(network.to(device), card)}


def _side(recognizer: Recognizer) -> int:
    """Side of the test crops in pixels."""
    return crop_side(recognizer.card.evaluation, recognizer.card.views)
