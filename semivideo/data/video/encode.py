"""Frames to a video file, whole or not at all, and with the same bytes on every processor."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

# x264's macroblock tree reads beyond the picture on processors with AVX-512: with it two encodings
# of the same frames differ. Without it files are equal, and on all processors alike.
_X264 = {"preset": "veryfast", "x264-params": "cpu-independent=1:mbtree=0"}


def encode(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    frame_rate: int,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    times: Sequence[int] | None = None,
) -> None:
    """Write frames as a video with yuv420p pixels; the file appears when it is complete.

    Args:
        path: Its ending says the container.
        frames: uint8 (H, W, 3), RGB, even sizes, all alike.
        frame_rate: Frames per second.
        codec: Name of an FFmpeg encoder.
        options: Options of the encoder, such as ``{"g": "12"}``.
        times: When each frame is shown, in units of 1 / frame_rate, ascending; None: 0, 1, 2 ...
    """
    part = path.with_name(f".part-{path.name}")
    settings = (_X264 if codec == "libx264" else {}) | (options or {})
    try:
        with av.open(str(part), "w") as container:
            stream: Any = container.add_stream(codec, rate=frame_rate, options=settings)
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = 1
            for index, frame in enumerate(frames):
                if index == 0:
                    stream.height, stream.width = frame.shape[:2]
                planes = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2YUV_I420)
                picture = av.VideoFrame.from_ndarray(planes.astype(np.uint8), format="yuv420p")
                picture.pts = index if times is None else times[index]
                picture.time_base = Fraction(1, frame_rate)
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
