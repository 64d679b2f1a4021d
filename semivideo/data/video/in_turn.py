"""Many frames of one file, one after the other, in one pass that decodes little between them.

Where decoding can start at any keyframe, wanted frames are read in blocks that begin at one, so
that nothing is decoded twice and what lies between is skipped::

    frames   K . . . . . . . K . . . . . . . K . . . . . . . K . . .
    wanted       x x x x x x x x x                                x x
    blocks      [           |       ]                          [     ]

Other files are decoded from their start.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from semivideo.base.errors import DataError
from semivideo.base.records import FrameTable, Indices
from semivideo.data.video.canvas import FrameSize
from semivideo.data.video.container import EndOfFramesError, opened
from semivideo.data.video.decode import Image, iterate_frames, read_frames

_BLOCK = 64  # frames in memory at once, about
_LONGEST_GROUP = 512  # frames from keyframe to keyframe; of a longer one, parts would be read anew
# Containers with an index: a block elsewhere is a reading of all before it.
_INDEXED = {"avi", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}


def can_start_anywhere(path: Path, frames: FrameTable) -> bool:
    """Whether reading frames in the middle of a file costs about as much as at its start.

    Args:
        path: The file; False where it cannot be opened.
        frames: Its table.
    """
    keyframes = np.flatnonzero(frames.is_keyframe)
    groups = np.diff(keyframes, append=len(frames))
    if not frames.is_exact or not len(keyframes) or groups.max() > _LONGEST_GROUP:
        return False
    if path.is_dir():  # a picture a frame
        return True
    try:
        with opened(path) as (container, _):
            return container.format.name in _INDEXED
    except DataError:
        return False


def frames_in_turn(
    path: Path,
    indices: Indices,
    *,
    frames: FrameTable,
    rotation: int = 0,
    short_side: FrameSize = None,
) -> Iterator[tuple[int, Image]]:
    """Decode frames one after the other, whatever their number.

    Args:
        path: The file.
        indices: int64 (N,), numbers of frames, ascending.
        frames: The file's table from ``probe``.
        rotation: As in ``read_frames``.
        short_side: As in ``read_frames``.

    Yields:
        Number of the frame, and uint8 (height, width, 3), RGB: what ``read_frames`` gives for it.

    Raises:
        EndOfFramesError: The file ends or breaks before a wanted frame; those before are given.
        DataError: The file cannot be opened.
    """
    if not len(indices):
        return
    if not can_start_anywhere(path, frames):
        every = iterate_frames(path, frames=frames, rotation=rotation, short_side=short_side)
        yield from _wanted(path, indices, every)
        return
    read = partial(read_frames, path, frames=frames, rotation=rotation, short_side=short_side)
    for block in _blocks(indices, frames):
        try:
            images = read(block)
        except EndOfFramesError as end:
            if len(before := block[block < end.num_frames]):
                yield from zip(before.tolist(), read(before), strict=True)
            raise
        yield from zip(block.tolist(), images, strict=True)


def _blocks(indices: Indices, frames: FrameTable) -> Iterator[Indices]:
    """Cut wanted frames at keyframes into blocks of a handy size."""
    group = np.cumsum(frames.is_keyframe)[indices]
    places = np.flatnonzero(np.diff(group)) + 1  # where another group begins
    start = 0
    for place in [*places.tolist(), len(indices)]:
        if place - start >= _BLOCK or place == len(indices):
            yield indices[start:place]
            start = place


def _wanted(path: Path, indices: Indices, images: Iterator[Image]) -> Iterator[tuple[int, Image]]:
    """The wanted ones of all frames of a file."""
    wanted = iter(indices.tolist())
    due, num_frames = next(wanted), 0
    for index, image in enumerate(images):
        num_frames = index + 1
        if index == due:
            yield index, image
            due = next(wanted, -1)
        if due < 0:
            return
    raise EndOfFramesError(
        f"cannot decode frame {due} of {path.name} (file ends at frame {num_frames}); re-encode it "
        "or leave it out",
        path=str(path),
        num_frames=num_frames,
    )
