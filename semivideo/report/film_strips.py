"""Film strips: a few frames of a video side by side in one small picture, inside the page."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from semivideo.base.errors import DataError
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.video.decode import read_frames

FRAMES = 5
_HEIGHT = 72  # pixels
_WIDEST = 160  # of a frame; panoramas are cut
_QUALITY = 55


def film_strip(manifest: Manifest, row: int, *, num_frames: int = FRAMES) -> str | None:
    """Return a data URI of frames from the begin to the end of a video; None if it has gone.

    Args:
        manifest: The videos.
        row: Of the video.
        num_frames: How many frames.
    """
    path = manifest.absolute(row)
    if not path.exists() or not manifest.usable[row]:
        return None
    video = manifest[row]
    places = (np.arange(num_frames) + 0.5) / num_frames * video.num_frames
    try:
        frames = read_frames(
            path,
            video.first_frame + places.astype(np.int64),
            frames=video.frames,
            rotation=video.rotation,
            short_side=_HEIGHT,
        )
    except DataError:
        return None  # a report of a run whose files have changed says less, but is one
    return jpeg_uri(np.concatenate([_fitted(frame) for frame in frames], axis=1))


def jpeg_uri(picture: np.ndarray) -> str:
    """Return a picture, uint8 (H, W, 3) RGB, as the address of itself."""
    swapped = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(content.tobytes()).decode()


def _fitted(frame: np.ndarray) -> np.ndarray:
    """A frame at the height of the strip; tall ones are scaled to it, wide ones cut."""
    height, width = frame.shape[:2]
    scale = _HEIGHT / height
    size = (max(1, round(width * scale)), _HEIGHT)
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    left = max(0, (small.shape[1] - _WIDEST) // 2)
    return np.ascontiguousarray(small[:, left : left + _WIDEST])
