"""``semivideo features``: what a pretrained network says of every video, once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semivideo.cli.console import (
    FrameRateOption,
    command,
    note,
    on_interrupt,
    progress_bars,
    show,
)

if TYPE_CHECKING:
    from semivideo.data.catalogue.manifest import Manifest

_FEW = 5  # labels a class that a first training shows its worth with


def features(
    videos: Annotated[
        Path, typer.Argument(help="Manifest, or what `semivideo scan` takes.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder of the features.", show_default=False)],
    encoder: Annotated[
        str,
        typer.Option(
            help="Which network; `semivideo encoders` lists them. Several with + between them are "
            "joined: efficientnet_lite0+local_motion."
        ),
    ] = "efficientnet_lite0",
    views: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            help="Views of each video: plain, mirrored, then cropped, coloured, of other frames.",
            show_default="6",
        ),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Frames of a view, spread over the video.",
            show_default="the encoder's, or 8",
        ),
    ] = None,
    flip: Annotated[
        bool | None,
        typer.Option(
            "--flip/--no-flip",
            help="Mirror views: not where left and right are different classes.",
            show_default="--flip",
        ),
    ] = None,
    modality: Annotated[
        list[str] | None,
        typer.Option(
            help="What the network is shown of frames: rgb, temporal-gradient, flow; can be "
            "repeated, rgb first.",
            show_default="rgb",
        ),
    ] = None,
    rotations: Annotated[
        bool | None,
        typer.Option(
            "--rotations/--no-rotations",
            help="Turn view 0 by one, two, three quarter turns as well, for s4l.",
            show_default="--no-rotations",
        ),
    ] = None,
    parts: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            help="Finished features of one of several encoders, to be taken; can be repeated.",
        ),
    ] = None,
    frame_rate: FrameRateOption = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read what is there and repair what is damaged.")
    ] = False,
) -> None:
    """Compute features of a pretrained network, so that training takes seconds.

    The folder takes the place of a manifest in `split` and `train`. What was stopped goes on with
    the same command. Started by torchrun or SLURM several times, each process does its part.
    """
    from semivideo import api
    from semivideo.run.featuring import missing

    with on_interrupt(lambda: "run the same command again to go on"), progress_bars() as progress:
        made = api.extract_features(
            videos,
            out=out,
            encoder=encoder,
            views=views,
            frames=frames,
            flip=flip,
            modality=modality,
            rotations=rotations,
            parts=parts,
            frame_rate=frame_rate,
            verify=verify,
            progress=progress,
        )
    form = made.form
    show(
        f"{form.num_videos} videos, {form.num_views} views of {form.num_frames} frames "
        f"({', '.join(form.modalities)}), "
        f"{form.steps} x {form.dim} numbers each, {form.num_bytes / 1e6:.0f} MB"
    )
    show(f"{form.encoder}, pretrained on {form.pretrained_on}; its weights are {form.licence}")
    if left := missing(made):
        note(f"{left} files are still to be written by other processes")
    else:
        note(f"next: {_next(made.manifest, out)}")


def _next(manifest: Manifest, out: Path) -> str:
    """The training that these videos' labels allow, or what they lack."""
    from semivideo.base.errors import SplitError
    from semivideo.data.splits import draw_split, practical_split

    train = command("semivideo", "train", out)
    try:
        draw_split(manifest, labels_per_class=_FEW)
        return f"{train} --labels-per-class {_FEW} --out RUN"
    except SplitError:
        pass
    try:
        practical_split(manifest)
        return f"{train} --out RUN"
    except SplitError as lack:
        return str(lack)
