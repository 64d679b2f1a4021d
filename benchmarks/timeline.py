"""How fast a timeline of a long 720p video is made, beside reading its frames alone.

    python benchmarks/timeline.py [--minutes 3] [--videos FOLDER] [--rounds 3]

The video is made of clips of the folder, scaled to 1280 x 720 at 25 frames a second (H.264, CRF
23), or of rendered figures where there is no folder. The networks have random weights, on which
speed does not depend: that of the small recipes, and where its weights are installed EfficientNet-
Lite0 with a linear head. Rows are measured in turn and the best of the rounds counts; the last
column is time of all processor cores, which says more on a machine that does other work meanwhile.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from timing import machine

from semivideo import models
from semivideo.base.errors import MissingExtraError
from semivideo.cli.console import note, show
from semivideo.data.catalogue.searching import video_paths
from semivideo.data.catalogue.segments import looked_at
from semivideo.data.synthetic.rendering import render
from semivideo.data.video.container import sequential
from semivideo.data.video.decode import iterate_frames
from semivideo.data.video.encode import encode
from semivideo.data.video.in_turn import frames_in_turn
from semivideo.encoders import load_encoder
from semivideo.evaluation import Recognizer
from semivideo.evaluation.windows import plan_windows, window_probabilities
from semivideo.features.deployed import OnFeatures
from semivideo.features.descriptor import described_dim
from semivideo.models.heads import LinearHead
from semivideo.recipes import RECIPES
from semivideo.settings import EvaluationSettings, FeatureSettings, ModelCard, ViewSettings

RATE, SIZE = 25, (1280, 720)
WINDOW_SECONDS = 2.0
NUM_CLASSES = 10


def main(
    minutes: Annotated[float, typer.Option(help="Length of the video.")] = 3.0,
    videos: Annotated[Path | None, typer.Option(help="Folder of clips to make it of.")] = None,
    rounds: Annotated[int, typer.Option(help="Measurements of each row.")] = 3,
) -> None:
    """Make the video, measure, print a table."""
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        if videos is None:
            videos = Path(folder) / "rendered"
            render(videos, videos_per_class=3, seed=0)
        note("making the video")
        encode(film, pictures(videos, num_frames=round(60 * minutes * RATE)), frame_rate=RATE)
        show(f"{machine()}; {minutes:g} minutes of {SIZE[0]} x {SIZE[1]} at {RATE} frames/s")
        found = rows(film, rounds=rounds)
        show(f"| {' | '.join(found[0])} |", f"|---|{'--:|' * (len(found[0]) - 1)}")
        show(*(f"| {' | '.join(row.values())} |" for row in found))


def pictures(videos: Path, *, num_frames: int) -> Iterator[np.ndarray]:
    """Frames of the clips, over and over, in the size of the film."""
    number = 0
    while True:
        for path in video_paths(videos):
            for image in iterate_frames(videos / path):
                yield cv2.resize(image, SIZE, interpolation=cv2.INTER_CUBIC)
                number += 1
                if number == num_frames:
                    return


def recognizers() -> Iterator[tuple[str, Recognizer]]:
    """Networks with random weights, as a run deploys them."""
    small = RECIPES["small-fixmatch"].settings()
    network = models.create(
        small.networks.primary.name, NUM_CLASSES, **small.networks.primary.options
    )
    card = ModelCard(
        network=small.networks.primary,
        classes=[str(n) for n in range(NUM_CLASSES)],
        data=small.data,
        views=small.views,
        evaluation=small.evaluation,
        method="none",
        weights_sha256="",
    )
    yield "small recipe", Recognizer(network, card)
    try:
        encoder = load_encoder("efficientnet_lite0")
    except MissingExtraError:
        return
    seen = encoder.preprocessing
    said = FeatureSettings(
        encoder=encoder.name,
        weights_sha256=encoder.origin.sha256,
        pretrained_on=encoder.origin.pretrained_on,
        licence=encoder.origin.licence,
        dim=encoder.dim,
    )
    head = LinearHead(NUM_CLASSES, dim=described_dim(encoder.dim, said.descriptor))
    card = card.model_copy(
        update={
            "data": card.data.model_copy(update={"short_side": seen.short_side}),
            "views": ViewSettings(crop_size=seen.crop_size, mean=seen.mean, std=seen.std),
            "evaluation": EvaluationSettings(crop_size=seen.crop_size),
        }
    )
    yield "EfficientNet-Lite0 and a head", Recognizer(OnFeatures(encoder, head, said), card)


def rows(film: Path, *, rounds: int) -> list[dict[str, str]]:
    """Times of each way to go through the film."""
    path, video = looked_at(film)
    jobs: dict[str, Callable[[], object]] = {
        "all frames decoded, none converted (PyAV, one thread)": lambda: count(sequential(path))
    }
    for name, recognizer in recognizers():
        windows = plan_windows(
            video,
            spec=recognizer.clip,
            settings=recognizer.card.data,
            window_seconds=WINDOW_SECONDS,
            stride_seconds=None,
        )
        side = recognizer.card.data.short_side
        reading = partial(
            frames_in_turn, path, windows.frames, frames=video.frames, short_side=side
        )
        naming = partial(window_probabilities, recognizer, path, video, windows)
        jobs[f"{name}: reading its frames alone"] = partial(drawn, reading)
        title = f"{name}: timeline, {len(windows)} windows of {WINDOW_SECONDS:g} s"
        jobs[title] = partial(drawn, naming)
    best: dict[str, tuple[float, float]] = {}
    for _ in range(rounds):
        for name, job in jobs.items():
            begun, cpu = time.perf_counter(), time.process_time()
            job()
            took = time.perf_counter() - begun, time.process_time() - cpu
            best[name] = min(took, best.get(name, took))
    length = video.duration_seconds
    return [
        {
            "what": name,
            "x real time": f"{length / wall:.1f}",
            "seconds": f"{wall:.1f}",
            "core seconds a minute of video": f"{60 * cpu / length:.2f}",
        }
        for name, (wall, cpu) in best.items()
    ]


def drawn(begin: Callable[[], Iterator[object]]) -> int:
    """Begin an iterator and draw all of it."""
    return count(begin())


def count(items: Iterator[object]) -> int:
    """Draw all of an iterator."""
    return sum(1 for _ in items)


if __name__ == "__main__":
    typer.run(main)
