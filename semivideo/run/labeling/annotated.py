"""A copy of a video with the events written into it, as MP4 or GIF; sound is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from semivideo.base.errors import ConfigError
from semivideo.base.files import replacing
from semivideo.base.places import check_output, tail
from semivideo.base.records import Video
from semivideo.data.video.decode import Image, iterate_frames
from semivideo.events.event_stages import Event

_SHORT_SIDE = {".mp4": 480, ".gif": 240}
_RATE = {".mp4": 30.0, ".gif": 8.0}  # frames a second at most
_LINE = 24  # pixels of a line of text, at 480
_INK, _PAPER = (255, 255, 255), 0.35
_WORDS = b"annotated by semivideo"
_END = {
    ".mp4": (8 + len(_WORDS)).to_bytes(4, "big") + b"free" + _WORDS,
    ".gif": b"\x21\xfe" + bytes([len(_WORDS)]) + _WORDS + b"\x00;",
}
"""What a copy ends with, by which it is known: a box that players pass over; a comment."""


def check_annotated(out: Path, *, inputs: Iterable[str | Path] = ()) -> None:
    """Refuse a name that no copy can have, and to write over what is no earlier copy.

    Args:
        out: The file.
        inputs: What the command reads, which is never written over.

    Raises:
        ConfigError: It ends otherwise than in .mp4 or .gif, or something else lies there.
        WriteError: Its folder cannot be written to.
    """
    if out.suffix.lower() not in _SHORT_SIDE:
        raise ConfigError(
            f"an annotated copy is an .mp4 or a .gif, and {out.name} is neither; rename it"
        )
    check_output(
        out,
        what="an earlier annotated copy",
        is_ours=lambda file: tail(file).endswith(_END[file.suffix.lower()]),
        inputs=inputs,
        named="annotated",
    )


def write_annotated(path: Path, video: Video, events: Sequence[Event], out: Path) -> None:
    """Write a copy that shows the events while they last.

    Args:
        path: The file.
        video: What is known of it.
        events: What was found.
        out: Ends in .mp4 or .gif.

    Raises:
        ConfigError: As ``check_annotated``.
    """
    check_annotated(out, inputs=[path])
    kind = out.suffix.lower()
    rate = min(video.frame_rate or 25.0, _RATE[kind])
    with replacing(out) as part:
        _encode(part, kind, _written(path, video, events, kind, rate), rate)
        _sign(part, kind)


def _written(
    path: Path, video: Video, events: Sequence[Event], kind: str, rate: float
) -> Iterator[Image]:
    """Frames at an even rate, with text."""
    seconds, due = video.seconds, 0.0
    images = iterate_frames(
        path, frames=video.frames, rotation=video.rotation, short_side=_SHORT_SIDE[kind]
    )
    for time, image in zip(seconds.tolist(), images, strict=False):
        shown = None
        while time >= due - 1e-6:
            shown = _with_text(image, time, events) if shown is None else shown
            yield shown
            due += 1 / rate


def _with_text(image: Image, time: float, events: Sequence[Event]) -> Image:
    """A frame with a line an event, on a darker stripe."""
    now = [e for e in events if e.start_seconds <= time < e.end_seconds]
    height, width = (side - side % 2 for side in image.shape[:2])
    frame = np.ascontiguousarray(image[:height, :width])
    clock = f"{int(time) // 60}:{time % 60:04.1f}"
    lines = [f"{clock}  {now[0].label} {now[0].score:.2f}" if now else clock]
    lines += [f"{e.label} {e.score:.2f}" for e in now[1:]]
    step = max(10, round(_LINE * height / 480))
    bottom = min(height, step * len(lines) + step // 3)
    frame[:bottom] = (frame[:bottom] * _PAPER).astype(np.uint8)
    for number, line in enumerate(lines, start=1):
        place, size = (step // 3, step * number), step / 32
        cv2.putText(frame, line, place, cv2.FONT_HERSHEY_SIMPLEX, size, _INK, 1, cv2.LINE_AA)
    return frame


def _encode(part: Path, kind: str, images: Iterator[Image], rate: float) -> None:
    """H.264, or a GIF of 256 fixed colours."""
    codec, pixels = ("libx264", "yuv420p") if kind == ".mp4" else ("gif", "rgb8")
    even = Fraction(rate).limit_denominator(1001)
    with av.open(str(part), "w", format=kind[1:]) as container:
        stream: Any = container.add_stream(codec, rate=even)
        stream.pix_fmt = pixels
        for index, image in enumerate(images):
            if index == 0:
                stream.height, stream.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, 1 / even
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _sign(part: Path, kind: str) -> None:
    """Write the end by which a copy is known; in a GIF it stands before the last byte."""
    with part.open("rb+") as file:
        file.seek(-1 if kind == ".gif" else 0, 2)
        file.write(_END[kind])
