"""The README's moving picture: a film of a scene that no training saw, with the events found in it.

    python benchmarks/moving_picture.py --out docs/figures

Four actions are rendered in twelve scenes. FixMatch learns from five labelled clips of each and
from all others without their labels; then `semivideo predict --timeline` looks at a film of another
scene, and what it says is drawn into the film, right or wrong.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

import semivideo
from semivideo.cli import app
from semivideo.cli.demo import SETTINGS
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.data.video.decode import iterate_frames
from semivideo.data.video.encode import encode

ACTIONS = ("dribble", "cartwheel", "wave", "jumping_jack")
RATE, SIZE, SCENE = 12, (160, 120), 7


def main(
    out: Annotated[Path, typer.Option(help="Folder of the picture.")] = Path("docs/figures"),
    steps: Annotated[int, typer.Option(help="Iterations.")] = 400,
    keep: Annotated[Path | None, typer.Option(help="Folder for videos and run.")] = None,
) -> None:
    """Render, train, look, draw."""
    place = keep or Path(tempfile.mkdtemp())
    render(place / "videos", videos_per_class=36, seed=0, classes=ACTIONS, num_groups=12)
    manifest = semivideo.scan(place / "videos", group_pattern=GROUP_PATTERN)
    split = semivideo.split(manifest, labels_per_class=5, seed=0, test_groups=["g10", "g11"])
    run = semivideo.train(
        manifest,
        recipe="small-fixmatch",
        split=split,
        steps=steps,
        settings=SETTINGS,
        out=place / "run",
    )
    encode(place / "film.mp4", _film(place / "scene"), frame_rate=RATE, options={"crf": "20"})
    picture = out / "timeline.gif"
    options = ["--timeline", "--annotated", str(picture), "--out", str(place / "events.csv")]
    app(["predict", str(run.path), str(place / "film.mp4"), *options], standalone_mode=False)
    typer.echo((place / "events.csv").read_text())


def _film(folder: Path) -> Iterator[np.ndarray]:
    """One clip of each action, all of one scene, at one size and rate."""
    clips = render(folder, videos_per_class=1, seed=SCENE, classes=ACTIONS, num_groups=1)
    for clip in clips:
        for frame in iterate_frames(clip):
            yield cv2.resize(frame, SIZE, interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    typer.run(main)
