"""Videos whose frames carry their own number through lossy compression.

They say of a decoder whether frame i is frame i: for the entrance test of a GPU's decoder and for
the tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from semivideo.base.errors import ConfigError
from semivideo.data.video.encode import encode

NUM_BITS = 12


def barcode_video(
    path: Path,
    num_frames: int,
    *,
    size: tuple[int, int] = (104, 64),
    frame_rate: int = 25,
    codec: str = "libx264",
    keyframe_every: int = 12,
    times: Sequence[int] | None = None,
) -> Path:
    """Write a video whose frame i shows i as a bar code that survives lossy compression.

    Args:
        path: Its ending says the container.
        num_frames: 1 to 4096.
        size: Width and height in pixels, even; at least 52 wide.
        frame_rate: Frames per second.
        codec: Name of an FFmpeg encoder; libx264 writes B-frames.
        keyframe_every: Distance of keyframes in frames.
        times: As in ``encode``.

    Returns:
        ``path``.
    """
    if not 1 <= num_frames <= 2**NUM_BITS:
        raise ConfigError(f"num_frames must lie in [1, {2**NUM_BITS}], got {num_frames}")
    width, height = size
    column = np.arange(width) * (NUM_BITS + 1) // width

    def frames() -> Iterator[np.ndarray]:
        for index in range(num_frames):
            bits = [index >> bit & 1 for bit in range(NUM_BITS)]
            row = np.array([*bits, 1 - sum(bits) % 2], np.uint8)[column] * 200 + 28
            yield np.ascontiguousarray(np.broadcast_to(row[:, None], (height, width, 3)))

    options = {"g": str(keyframe_every)}
    encode(path, frames(), frame_rate=frame_rate, codec=codec, options=options, times=times)
    return path


def read_barcode(frame: np.ndarray) -> int:
    """Return the index that an uncropped frame of ``barcode_video`` shows, at any size.

    Args:
        frame: uint8 (H, W, 3) or (H, W).

    Raises:
        ValueError: The bars are not a code: the parity bar does not fit.
    """
    row = frame.reshape(*frame.shape[:2], -1).mean(axis=(0, 2))
    centers = ((np.arange(NUM_BITS + 1) + 0.5) * len(row) / (NUM_BITS + 1)).astype(int)
    bits = (row[centers] > 128).astype(int)
    if bits.sum() % 2 != 1:
        raise ValueError(f"not a bar code: {bits.tolist()} has even parity")
    return int((bits[:NUM_BITS] << np.arange(NUM_BITS)).sum())
