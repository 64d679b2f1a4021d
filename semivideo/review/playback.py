"""A clip that a browser can play: the file itself where it can, else a copy made on the fly.

Browsers play H.264, VP8, VP9 and AV1 of 8 bits and 4:2:0 in MP4, MOV and WebM. Everything else
(AVI, MPEG-4 part 2, HEVC, 10 bits, folders of frames) is read as training reads it and written as
H.264 into a temporary folder, at most two minutes of it.
"""

from __future__ import annotations

import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from semivideo.base.errors import DataError
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.video.container import opened
from semivideo.data.video.encode import encode
from semivideo.data.video.in_turn import frames_in_turn

_PLAYED = {
    "mov,mp4,m4a,3gp,3g2,mj2": {"h264", "vp9", "av1"},
    "matroska,webm": {"vp8", "vp9", "av1"},
}
_PIXELS = {"yuv420p", "yuvj420p"}
MOST_SECONDS = 120.0
_SIDE = 360  # pixels, short side
_KEPT = 40  # copies


class Clip(NamedTuple):
    """A file for the browser.

    Attributes:
        path: Of the file.
        media_type: Such as "video/mp4".
        is_copy: Whether it holds the segment alone, and no more than ``MOST_SECONDS``.
    """

    path: Path
    media_type: str
    is_copy: bool


class Clips:
    """Clips of the rows of a manifest; nothing else can be asked for.

    Args:
        manifest: The videos.
        folder: For copies; it is the caller's to remove, or ``end``'s.
    """

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        self._manifest = manifest
        self._folder = folder
        self._copies: OrderedDict[int, Path] = OrderedDict()
        self._lock = threading.Lock()
        self._has_ended = threading.Event()

    def end(self) -> None:
        """Remove the copies and stop making one; a signal may come while one is made."""
        self._has_ended.set()
        shutil.rmtree(self._folder, ignore_errors=True)

    def of(self, row: int) -> Clip:
        """Return the clip of a row.

        Raises:
            DataError: There is no such row, its file has gone or cannot be read, or all has ended.
        """
        if not 0 <= row < len(self._manifest):
            raise DataError(f"there is no video {row}; the run has {len(self._manifest)}")
        path = self._manifest.absolute(row)
        if not path.exists():
            raise DataError(f"{path} is not there any more; bring it back", path=str(path))
        media_type = played_as(path)
        if media_type is not None:
            return Clip(path, media_type, is_copy=False)
        with self._lock:  # one copy at a time: a page asks for two clips at once, its own and next
            return Clip(self._copy(row), "video/mp4", is_copy=True)

    def _copy(self, row: int) -> Path:
        """An H.264 copy of a row's frames."""
        self._require_open()
        if row in self._copies and self._copies[row].is_file():
            self._copies.move_to_end(row)
            return self._copies[row]
        video = self._manifest[row]
        if video.error is not None:
            raise DataError(video.error, path=str(self._manifest.absolute(row)))
        target = self._folder / f"{row}.mp4"
        rate = max(1, min(60, round(video.frame_rate)))
        encode(
            target,
            self._until_end(self._frames(row)),
            frame_rate=rate,
            options={"preset": "ultrafast", "movflags": "faststart", "g": str(rate)},
        )
        self._copies[row] = target
        while len(self._copies) > _KEPT:
            _, old = self._copies.popitem(last=False)
            old.unlink(missing_ok=True)
        return target

    def _until_end(self, frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for frame in frames:
            self._require_open()
            yield frame

    def _require_open(self) -> None:
        if self._has_ended.is_set():
            raise DataError("this review has ended; begin it again")

    def _frames(self, row: int) -> Iterator[np.ndarray]:
        """Frames of even sizes; a file that breaks is played up to there."""
        video = self._manifest[row]
        num = min(video.num_frames, max(1, int(MOST_SECONDS * max(video.frame_rate, 1))))
        given = 0
        try:
            for _, frame in frames_in_turn(
                self._manifest.absolute(row),
                video.first_frame + np.arange(num),
                frames=video.frames,
                rotation=video.rotation,
                short_side=min(_SIDE, video.width, video.height),
            ):
                given += 1
                yield _even(frame)
        except DataError:
            if not given:
                raise


def played_as(path: Path) -> str | None:
    """Return the media type of a file that browsers play; None for one that needs a copy."""
    if path.is_dir():
        return None
    try:
        with opened(path) as (container, stream):
            codecs = _PLAYED.get(container.format.name, set())
            context: Any = stream.codec_context
            if context.codec.canonical_name not in codecs or context.pix_fmt not in _PIXELS:
                return None
            return "video/webm" if "webm" in container.format.name else "video/mp4"
    except DataError:
        return None


def _even(frame: np.ndarray) -> np.ndarray:
    """A frame whose sides are even, as H.264 wants."""
    height, width = frame.shape[:2]
    size = (max(2, width - width % 2), max(2, height - height % 2))
    return frame if size == (width, height) else cv2.resize(frame, size)
