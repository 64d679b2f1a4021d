"""Which videos are copies of each other, whatever their encoding.

Three steps, each on what the one before lets through:

1. ``same_bytes``: files of one size are compared by their SHA-256.
2. ``fingerprint`` and ``near_pairs``: eight frames, evenly spread over the video, give two words of
   63 bits each: the signs of the low frequencies of the picture (a DCT, as in pHash), and of the
   picture minus the mean of the eight. The first says where it was filmed, the second what moves;
   clips of one fixed camera share the first. Two videos are near if more than half of their frames
   differ in at most 24 of the 126 bits.
3. ``is_copy``: a second look at all frames of a near pair. Other takes of one action by one person
   have equal hashes, but move differently in detail, so what counts is the correlation of their
   changes, after each frame has met its best partner within one frame's time.

Measured on 120 clips of UTD-MHAD and J-HMDB, each encoded anew with x264 in six ways: 112 x 112;
2/3 or 5/3 of the frame rate; half size at CRF 30; CRF 40; half size, 2/3 of the rate and CRF 36 at
once. Of 720 copies 710 are found, all 360 of the first three ways. Of all pairs of different clips
7 of 370,230 in UTD-MHAD (always two takes of one action by one person) and none of 430,128 in
J-HMDB are taken for copies. The threshold was chosen on the same clips.

What it cannot see: mirrored, cropped, captioned or trimmed copies, and excerpts.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from semivideo.base.files import open_regular
from semivideo.base.records import Video
from semivideo.data.video import frame_folder
from semivideo.data.video.decode import read_frames

Words = NDArray[np.uint64]

NUM_FRAMES = 8
MAX_BITS = 24
"""Frames are near if their words differ in at most so many of 126 bits."""
SAME_MOTION = 0.86
"""Least correlation of the changes of two copies."""
SAME_PLACE = 0.98
"""Least correlation of the mean pictures of two copies in which nothing moves."""

_SIDE = 32  # pixels of the grey pictures
_CANVAS = 64  # short side that frames are decoded to
_FLAT = 4.0  # grey levels: frames with less contrast say nothing
_STILL = 1.5  # grey levels: less change than this is noise of the encoder
_LOOK_SECONDS = 10.0
_LAG_FRAMES = 3
_BLOCK = (256, 2048)  # pairs compared at once; fits the processor's cache


def same_bytes(files: Sequence[Path]) -> list[list[int]]:
    """Find files with the same content; only files of equal size are read.

    Args:
        files: They exist; files, or folders of frames.

    Returns:
        Positions of the files of each group of two or more, ascending.

    Raises:
        OSError: A file cannot be read.
    """
    by_size: dict[int, list[int]] = defaultdict(list)
    for position, file in enumerate(files):
        by_size[_num_bytes(file)].append(position)
    groups: list[list[int]] = []
    for positions in by_size.values():
        by_content: dict[str, list[int]] = defaultdict(list)
        for position in positions if len(positions) > 1 else ():
            by_content[_digest(files[position])].append(position)
        groups += [group for group in by_content.values() if len(group) > 1]
    return sorted(groups)


def _num_bytes(file: Path) -> int:
    return frame_folder.state(file)[0] if file.is_dir() else file.stat().st_size


def _digest(file: Path) -> str:
    if file.is_dir():
        return frame_folder.digest(file)
    with open_regular(file) as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def fingerprint(path: Path, video: Video) -> Words:
    """Hash eight frames of a video.

    Args:
        path: The file.
        video: Its row of the manifest.

    Returns:
        uint64 (8, 2): the word of the picture, 0 where it is too flat to tell anything, and the
        word of what moves, 0 where nothing does.

    Raises:
        DataError: The frames cannot be read.
    """
    seconds = video.seconds
    moments = (np.arange(NUM_FRAMES) + 0.5) / NUM_FRAMES * video.duration_seconds
    indices = np.searchsorted(seconds, moments, side="right") - 1
    return words_of(_pictures(path, video, indices))


def words_of(pictures_T: NDArray[np.uint8]) -> Words:
    """Hash pictures of one video, see ``fingerprint``.

    Args:
        pictures_T: uint8 (T, 32, 32), grey.

    Returns:
        uint64 (T, 2).
    """
    gray = pictures_T.astype(np.float32)
    change = gray - gray.mean(axis=0)
    seen, moves = _low_frequencies(gray), _low_frequencies(change)
    words = np.stack([_word(seen > np.median(seen, axis=1, keepdims=True)), _word(moves > 0)], 1)
    words[gray.std(axis=(1, 2)) < _FLAT, 0] = 0
    if _size(change) < _STILL:
        words[:, 1] = 0
    return words


def near_pairs(ours: Words, others: Words, *, num_nearest: int = 8) -> list[tuple[int, int]]:
    """Find videos with near fingerprints.

    All pairs are compared, with XOR and bit counts on whole blocks: 10,000 x 100,000 videos take
    half a minute on one core and 13 MB for the words.

    Args:
        ours: uint64 (N, 8, 2), from ``fingerprint``.
        others: uint64 (M, 8, 2).
        num_nearest: Of each of ours, keep no more than so many others, the nearest.

    Returns:
        Pairs of positions (ours, other); a video's nearest comes first.
    """
    # Flat frames are near to nothing: their word is 0 on one side and all ones on the other.
    others = np.where(others == 0, np.array([~np.uint64(0), np.uint64(0)]), others)
    pairs: list[tuple[int, int]] = []
    rows, columns = _BLOCK
    for top in range(0, len(ours), rows):
        found = np.zeros((0, 3), dtype=np.int64)
        for left in range(0, len(others), columns):
            block = _near(ours[top : top + rows], others[left : left + columns])
            found = _nearest(np.concatenate([found, block + np.array([0, left, 0])]), num_nearest)
        pairs += [(top + int(row), int(column)) for row, column, _ in found]
    return pairs


def pictures(path: Path, video: Video) -> NDArray[np.uint8]:
    """Read all frames of the middle ten seconds of a video as small grey pictures.

    Args:
        path: The file.
        video: Its row of the manifest.

    Returns:
        uint8 (T, 32, 32).

    Raises:
        DataError: The frames cannot be read.
    """
    seconds = video.seconds
    apart = np.abs(seconds - video.duration_seconds / 2)
    # A video of two frames a minute has none in the middle; its nearest one is there always.
    return _pictures(path, video, np.flatnonzero(apart <= max(_LOOK_SECONDS / 2, apart.min())))


def is_copy(one_T: NDArray[np.uint8], other_T: NDArray[np.uint8]) -> bool:
    """Say whether two videos, near by their fingerprints, show the same take.

    Args:
        one_T: uint8 (T, 32, 32), from ``pictures``.
        other_T: As the first, of another length perhaps.
    """
    flat = (each.reshape(len(each), -1).astype(np.float32) for each in (one_T, other_T))
    sparse, dense = sorted(flat, key=len)
    met = dense[_partners(sparse, dense)]
    changes = [each[_LAG_FRAMES:] - each[:-_LAG_FRAMES] for each in (sparse, met)]
    if all(_size(change) < _STILL for change in changes):
        means = [each.mean(axis=0) for each in (sparse, met)]
        return _correlation(*(mean - mean.mean() for mean in means)) >= SAME_PLACE
    return _correlation(*changes) >= SAME_MOTION


def _pictures(path: Path, video: Video, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Frames as uint8 (T, 32, 32), grey."""
    frames = read_frames(
        path,
        video.first_frame + indices,
        frames=video.frames,
        rotation=video.rotation,
        short_side=_CANVAS,
    )
    gray = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames)
    small = [cv2.resize(frame, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for frame in gray]
    return np.stack(small).astype(np.uint8)


def _low_frequencies(pictures_T: NDArray[np.float32]) -> NDArray[np.float32]:
    """The 8 x 8 lowest DCT coefficients but the mean: float32 (T, 63)."""
    spectra = np.stack([cv2.dct(picture) for picture in pictures_T])
    return spectra[:, :8, :8].reshape(len(spectra), -1)[:, 1:].astype(np.float32)


def _word(bits: NDArray[np.bool_]) -> Words:
    """Pack (T, 63) bits into (T,) words."""
    packed = np.packbits(np.pad(bits, ((0, 0), (1, 0))), axis=1)
    return packed.view(np.uint64)[:, 0]


def _near(ours: Words, others: Words) -> NDArray[np.int64]:
    """Near pairs of a block: (row, column, bits that more than half of the frames stay within)."""
    num_near = np.zeros((len(ours), len(others)), dtype=np.uint8)
    for frame in range(NUM_FRAMES):
        bits = np.bitwise_count(ours[:, None, frame, 0] ^ others[None, :, frame, 0])
        bits += np.bitwise_count(ours[:, None, frame, 1] ^ others[None, :, frame, 1])
        num_near += bits <= MAX_BITS
    row, column = np.nonzero(num_near > NUM_FRAMES // 2)
    bits_of_frames = np.bitwise_count(ours[row] ^ others[column]).sum(axis=2, dtype=np.int64)
    middle = np.sort(bits_of_frames, axis=1)[:, NUM_FRAMES // 2]
    return np.stack([row, column, middle], axis=1)


def _nearest(found: NDArray[np.int64], num_nearest: int) -> NDArray[np.int64]:
    """Of (row, column, bits), the rows' first ones in ascending bits."""
    found = found[np.lexsort((found[:, 1], found[:, 2], found[:, 0]))]
    place = np.arange(len(found)) - np.searchsorted(found[:, 0], found[:, 0])
    return found[place < num_nearest]


def _partners(sparse: NDArray[np.float32], dense: NDArray[np.float32]) -> NDArray[np.int64]:
    """For each frame of the one video the most alike frame of the other at about that time."""
    squares = (sparse**2).sum(1)[:, None] + (dense**2).sum(1)[None]
    apart = squares - 2 * sparse @ dense.T
    when, other = ((np.arange(len(each)) + 0.5) / len(each) for each in (sparse, dense))
    apart[np.abs(when[:, None] - other[None]) > 1 / len(sparse)] = np.inf
    return np.asarray(apart.argmin(axis=1))


def _size(change: NDArray[np.float32]) -> float:
    """Root mean square, 0 of nothing."""
    return float(np.sqrt(np.mean(change**2))) if change.size else 0.0


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Cosine of two arrays, 0 if one of them is all 0."""
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.vdot(one, other)) / lengths if lengths > 0 else 0.0
