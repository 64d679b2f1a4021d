"""Whether the frames of a file read by their number are those of a decode in order.

A scan believes a file's packets, and damage that nothing tells of is found by decoding alone: a
decoder makes up what is missing out of what it has decoded before, which is not the same from the
start of a file and from a keyframe in the middle.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from semivideo.base.faults import about_file
from semivideo.base.records import FrameTable
from semivideo.data.video.canvas import FrameSize, Image
from semivideo.data.video.container import EndOfFramesError, sequential, unusable, warn_once
from semivideo.data.video.decode import iterate_frames, read_frames
from semivideo.data.video.in_turn import frames_in_turn
from semivideo.data.video.probing import Probe, counted, from_start

_MOST_ALONE = 64  # frames that are read by themselves: each of a short file
_CLIP, _STRIDES = 8, (2, 8)  # frames of a clip, and between them: a decoder skips what it can
_APART = 16  # every so many of the frames above begins a clip
_MOST_SIDE = 1080  # pixels of larger frames that are compared: a block of them is in memory at once


def verified(path: Path, found: Probe) -> Probe:
    """Decode all of a file, compare readings by number with it, and say what can be trusted.

    Against decoding once it takes 3 times as long for a long video, of which some frames are read
    by themselves, and up to 30 times for a short clip, of which all are (J-HMDB 14, UTD-MHAD 27).
    What is damaged is told, a sentence a file.

    Args:
        path: The file, or the folder of frames.
        found: What ``probe`` says of it.

    Returns:
        The same with the frames that come out: as they were if every reading gives the same
        pictures; else to be read from the file's start, or, where even that differs, by counting.

    Raises:
        DataError: No frame can be decoded.
    """
    with about_file(path):
        side = _MOST_SIDE if min(found.width, found.height) > _MOST_SIDE else None
        shown = iterate_frames(path, frames=found.frames, short_side=side)
        prints = [_fingerprint(image) for image in shown]
        if not prints:
            raise unusable(path, "none of its frames can be decoded")
        frames = found.frames
        if len(prints) < len(frames):
            frames = _first(frames, len(prints))
        if path.is_dir() or not frames.is_exact:
            return replace(found, frames=frames)
        for table in (frames, from_start(frames)):
            try:
                other = next(_others(path, table, prints, side=side), None)
            except EndOfFramesError as end:
                other = end.num_frames
            if other is None:
                return replace(found, frames=table)
            sentence = "%s is damaged: frame %d by its number is another picture than in order; it "
            warn_once(path, sentence + "is read from its start", path, other)
        num_pictures = sum(1 for _ in sequential(path))
        rate = Fraction(found.frame_rate).limit_denominator(1001) or None
        return replace(found, frames=counted(num_pictures, rate))


def _fingerprint(image: Image) -> int:
    return zlib.crc32(image.tobytes())


def _first(frames: FrameTable, num_frames: int) -> FrameTable:
    """The table of the frames that a decode reaches."""
    return replace(frames, pts=frames.pts[:num_frames], is_keyframe=frames.is_keyframe[:num_frames])


def _others(path: Path, frames: FrameTable, prints: list[int], *, side: FrameSize) -> Iterator[int]:
    """Numbers of frames that are other pictures, read as clips, long videos and tools read them."""
    num_frames = len(frames)
    every = np.arange(num_frames)
    for index, image in frames_in_turn(path, every, frames=frames, short_side=side):
        if _fingerprint(image) != prints[index]:
            yield index
    alone = np.unique(np.linspace(0, num_frames - 1, min(num_frames, _MOST_ALONE)).astype(int))
    ranges = [range(s, num_frames, stride) for s in alone[::_APART] for stride in _STRIDES]
    clips = [np.array(each[:_CLIP]) for each in ranges]
    for indices in [*alone.reshape(-1, 1), *clips]:
        images = read_frames(path, indices, frames=frames, short_side=side)
        for index, image in zip(indices.tolist(), images, strict=True):
            if _fingerprint(image) != prints[index]:
                yield index
