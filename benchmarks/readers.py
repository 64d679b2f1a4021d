"""Other libraries that read video, where they are installed; and the files they all read."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from timing import torchvision_transforms

from semivideo.data.video.encode import encode

Size = tuple[int, int] | None
"""Height and width to shrink frames to; None leaves them as they are."""

Reader = Callable[[Path, np.ndarray, Size], np.ndarray]
"""Reads the frames with these numbers with one thread: uint8 (N, H, W, 3)."""


def decord_frames(path: Path, indices: np.ndarray, size: Size = None) -> np.ndarray:
    """Read with decord or decord2, in one call; it shrinks while it decodes."""
    decord = importlib.import_module("decord")
    options = {} if size is None else {"height": size[0], "width": size[1]}
    reader = decord.VideoReader(str(path), num_threads=1, **options)
    return np.asarray(reader.get_batch(indices).asnumpy())


def torchcodec_frames(path: Path, indices: np.ndarray, size: Size = None) -> np.ndarray:
    """Read with TorchCodec, in one call; it shrinks while it decodes."""
    decoders = importlib.import_module("torchcodec.decoders")
    options: dict[str, Any] = {}
    if size is not None and torchvision_transforms() is not None:  # TorchCodec imports them
        options["transforms"] = [importlib.import_module("torchcodec.transforms").Resize(size)]
    reader = decoders.VideoDecoder(str(path), num_ffmpeg_threads=1, **options)
    frames = reader.get_frames_at(np.asarray(indices).tolist())
    return np.asarray(frames.data.permute(0, 2, 3, 1).numpy())  # a view


READERS: dict[str, Reader] = {
    "decord": decord_frames,
    "decord2": decord_frames,
    "TorchCodec": torchcodec_frames,
}
_MODULES = {"decord": "decord", "decord2": "decord", "TorchCodec": "torchcodec.decoders"}


def is_installed(name: str) -> bool:
    """Whether one of ``READERS`` can be used here.

    decord2 goes by its forerunner's module name: one environment holds one of the two.
    """
    if name.startswith("decord"):
        packages = importlib.metadata.packages_distributions().get("decord", [])
        if name != ("decord2" if "decord2" in packages else "decord"):
            return False
    try:
        importlib.import_module(_MODULES[name])
    except (ImportError, RuntimeError, OSError):  # RuntimeError, OSError: it finds no FFmpeg
        return False
    return True


def kinetics_like(path: Path) -> Path:
    """Write H.264, 340x256, 30 fps, 10 s, a keyframe every 250 frames: the worst case."""
    options = {"g": "250", "preset": "medium"}
    encode(path, drifting(340, 256, 300), frame_rate=30, codec="libx264", options=options)
    return path


def ucf_like(path: Path) -> Path:
    """Write MPEG-4 in AVI, 320x240, 25 fps, 7 s, a keyframe every 12 frames."""
    options = {"g": "12", "b": "800000"}
    encode(path, drifting(320, 240, 175), frame_rate=25, codec="mpeg4", options=options)
    return path


def drifting(width: int, height: int, num_frames: int) -> Iterator[np.ndarray]:
    """Frames with detail and motion, so that they cost about what film does."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (height // 4 + 80, width // 4 + 80, 3), dtype=np.uint8)
    texture = coarse.repeat(8, axis=0).repeat(8, axis=1)
    for index in range(num_frames):
        top, left = index % 300, int(150 + 140 * np.sin(index / 25))
        frame = texture[top : top + height, left : left + width].astype(np.int16)
        noise = random.integers(-6, 7, frame.shape, dtype=np.int16)
        yield np.clip(frame // 2 + 64 + noise, 0, 255).astype(np.uint8)
