"""Local descriptors of motion: histograms of gradients and of flow in small blocks of a video.

    pairs of frames (t, t + 1/30 s), every 1/15 s -> flow without the camera's part
    cells of 8 x 8 pixels: HOG of the frame, HOF of the flow, MBH of each of its two components
    blocks of 2 x 2 cells at 3 times: one descriptor a channel, at two scales; the most moving ones

A histogram has 8 directions; a gradient or displacement g of length |g| counts in direction k by
|g| max(0, cos(angle of g - angle k))^2. HOF has a ninth number, the pixels that hardly move. In a
descriptor each histogram is divided by the sum of its channel, and the root is taken.

Wang and Schmid, "Action recognition with improved trajectories", ICCV 2013, with blocks in the
place of trajectories and an affine camera in that of a homography; flow is DIS (Kroeger et al.,
ECCV 2016). Everything is computed at a short side of 120 pixels, on the whole frame.

A mirrored video has the same blocks, mirrored, so its descriptors are a permutation of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from semivideo.base.records import Indices
from semivideo.data.clips.plan import Timeline
from semivideo.data.video.decode import Image

SIDE = 120
"""Short side of a frame, in pixels."""
CELL, BINS = 8, 8
PAIR_SECONDS = 1 / 30
"""Between the two frames of a pair; also the time that displacements are told of."""
EVERY_SECONDS = 1 / 15
"""From pair to pair."""
NUM_WINDOWS, WINDOW_PAIRS = 3, 9
MOST_PAIRS = NUM_WINDOWS * WINDOW_PAIRS
_USUAL_RATE = 30.0  # of a video that does not tell its own
_STILL = 0.2  # pixels: shorter displacements count as none
_TIMES, _PAIRS_OF_TIME, _EVERY_BLOCK = 3, 2, 3
_LENGTH = _TIMES * _PAIRS_OF_TIME
_WEAK, _POOL = (0.4, 60, 300), (0.6, 90, 450)
"""Share of the blocks, fewest and most: of a plain view, and to choose from."""
_CAMERA_PIXELS, _CAMERA_SHARE = 0.5, 0.3

Floats = NDArray[np.float32]

_WIDTHS = {"hog": BINS, "hof": BINS + 1, "mbhx": BINS, "mbhy": BINS}
"""Numbers a cell of each kind of histogram."""
CHANNELS = {"hog": ("hog",), "hof": ("hof",), "mbh": ("mbhx", "mbhy")}
"""What a descriptor of a channel is made of."""
_CELLS_OF_BLOCK = _TIMES * 2 * 2
DIMS = {
    name: _CELLS_OF_BLOCK * sum(_WIDTHS[kind] for kind in kinds) for name, kinds in CHANNELS.items()
}
"""Numbers of a descriptor."""


@dataclass(frozen=True)
class Pairs:
    """Which frames are looked at.

    Attributes:
        frames: int64 (P, 2), frames of the video.
        window: int64 (P,), which window each pair is of.
        seconds: From the first frame of a pair to the second one.
    """

    frames: Indices
    window: Indices
    seconds: float


@dataclass(frozen=True)
class PairClip:
    """Pairs of frames as they were read.

    Attributes:
        frames: uint8 (P, 2, 3, H, W).
        pairs: Which they are.
    """

    frames: Image
    pairs: Pairs


def plan_pairs(timeline: Timeline) -> Pairs:
    """Choose pairs of frames: all of a short video, else those of three windows spread over it.

    Args:
        timeline: Of at least one frame.
    """
    num, rate = len(timeline.frame), timeline.frame_rate or _USUAL_RATE
    gap = min(max(1, round(rate * PAIR_SECONDS)), num - 1)
    step = max(1.0, rate * EVERY_SECONDS)
    first = np.floor(np.arange(int((num - 1 - gap) / step) + 1) * step + 1e-6).astype(np.int64)
    window = np.zeros(len(first), dtype=np.int64)
    if len(first) > MOST_PAIRS:
        starts = (np.arange(NUM_WINDOWS) + 0.5) * len(first) / NUM_WINDOWS - WINDOW_PAIRS / 2
        places = np.floor(starts).astype(np.int64)[:, None] + np.arange(WINDOW_PAIRS)
        first = first[places].ravel()
        window = np.repeat(np.arange(NUM_WINDOWS), WINDOW_PAIRS)
    return Pairs(timeline.frame[np.stack([first, first + gap], axis=1)], window, max(gap, 1) / rate)


@dataclass(frozen=True)
class LocalDescriptors:
    """Descriptors of the most moving blocks of a video, those that move most first.

    Attributes:
        of: Channel to float16 (n, D).
        num_plain: The first so many are those of a plain view; the others are to choose from.
    """

    of: Mapping[str, NDArray[np.float16]]
    num_plain: int

    def __len__(self) -> int:
        return len(self.of["hof"])

    def rows(self, places: NDArray[np.int64] | slice) -> LocalDescriptors:
        """Return some of them."""
        chosen = {name: rows[places] for name, rows in self.of.items()}
        return LocalDescriptors(chosen, len(chosen["hof"]))

    @property
    def plain(self) -> LocalDescriptors:
        """Those of a plain view."""
        return self.rows(slice(self.num_plain))

    @property
    def mirrored(self) -> LocalDescriptors:
        """Those of the mirrored video."""
        order = _mirrored_order()
        return LocalDescriptors(
            {name: rows[:, order[name]] for name, rows in self.of.items()}, self.num_plain
        )


def describe(clip: PairClip) -> LocalDescriptors:
    """Describe the motion of a video.

    Args:
        clip: Its pairs.
    """
    hists, moved = [], []
    scale = PAIR_SECONDS / clip.pairs.seconds
    for number in np.unique(clip.pairs.window).tolist():
        here = clip.frames[clip.pairs.window == number]
        blocks, motion = _blocks(np.stack([_cells(*_grey(pair), scale=scale) for pair in here]))
        hists.append(blocks)
        moved.append(motion)
    motion = np.concatenate(moved)
    order = np.argsort(-motion, kind="stable")
    num_plain, num_pool = (_number(len(order), *each) for each in (_WEAK, _POOL))
    chosen = np.concatenate(hists)[order[:num_pool]]
    return LocalDescriptors(_normalized(chosen), num_plain)


def _number(num: int, share: float, fewest: int, most: int) -> int:
    return min(num, max(fewest, min(most, int(share * num))))


def _grey(pair_2CHW: Image) -> tuple[Image, Image]:
    """Two grey frames of the size that is worked at: a short side of 120, whole cells."""
    height, width = pair_2CHW.shape[-2:]
    scale = SIDE / min(height, width)
    # An even number of cells a row has its middle between two: mirrored blocks are blocks.
    rows = round(min(height * scale, 2 * SIDE) / CELL) * CELL
    columns = round(min(width * scale, 2 * SIDE) / (2 * CELL)) * 2 * CELL
    grey = [cv2.cvtColor(_last(frame), cv2.COLOR_RGB2GRAY) for frame in pair_2CHW]
    if (height, width) != (rows, columns):
        kind = cv2.INTER_AREA if scale <= 1 else cv2.INTER_LINEAR
        grey = [cv2.resize(frame, (columns, rows), interpolation=kind) for frame in grey]
    return np.asarray(grey[0], dtype=np.uint8), np.asarray(grey[1], dtype=np.uint8)


def _last(frame_CHW: Image) -> Image:
    return np.ascontiguousarray(np.moveaxis(frame_CHW, 0, -1))


def _cells(first: Image, second: Image, *, scale: float) -> Floats:
    """Histograms (rows, columns, 33) of the cells of a frame and of its motion to the next one."""
    flow_HW2 = _flow(first, second) * np.float32(scale)
    u, v = np.ascontiguousarray(flow_HW2[..., 0]), np.ascontiguousarray(flow_HW2[..., 1])
    return np.concatenate(
        [
            _histograms(*_gradient(first.astype(np.float32))),
            _histograms(u, v, least=_STILL),
            _histograms(*_gradient(u)),
            _histograms(*_gradient(v)),
        ],
        axis=-1,
    )


def _flow(first: Image, second: Image) -> Floats:
    """Displacement (H, W, 2) in pixels, without that of an affine camera."""
    # A new one for each pair: one that is used again gives slightly other flow.
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    dis.setFinestScale(1)
    height, width = first.shape
    room = np.zeros((height, width, 2), np.float32)
    flow: Floats = np.asarray(dis.calc(first, second, room), dtype=np.float32)
    rows, columns = np.mgrid[0:height:CELL, 0:width:CELL].reshape(2, -1)
    places = np.stack([columns, rows], axis=1).astype(np.float32)
    camera, is_in = cv2.estimateAffine2D(
        places,
        places + flow[rows, columns],
        method=cv2.RANSAC,
        ransacReprojThreshold=_CAMERA_PIXELS,
        maxIters=100,
    )
    if camera is None or np.mean(is_in) <= _CAMERA_SHARE:
        return flow
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    (xx, xy, x0), (yx, yy, y0) = camera.astype(np.float32)
    flow[..., 0] -= (xx - 1) * x + xy * y + x0
    flow[..., 1] -= yx * x + (yy - 1) * y + y0
    return flow


def _gradient(plane: Floats) -> tuple[Floats, Floats]:
    return (
        np.asarray(cv2.Sobel(plane, cv2.CV_32F, 1, 0, ksize=1)),
        np.asarray(cv2.Sobel(plane, cv2.CV_32F, 0, 1, ksize=1)),
    )


def _histograms(gx: Floats, gy: Floats, *, least: float | None = None) -> Floats:
    """Sums over cells (rows, columns, 8) by direction; with ``least`` a ninth, of shorter ones."""
    length = np.sqrt(gx * gx + gy * gy)
    weight = 1 / (length + np.float32(1e-4))
    if least is not None:
        weight *= length > least
    kinds = []
    for k in range(BINS // 2):  # the opposite direction has what is negative here
        angle = 2 * np.pi * k / BINS
        along = np.float32(np.cos(angle)) * gx + np.float32(np.sin(angle)) * gy
        signed = along * np.abs(along) * weight
        kinds += [np.maximum(signed, 0), np.maximum(-signed, 0)]
    planes = kinds[::2] + kinds[1::2]
    if least is not None:
        planes.append((length <= least).astype(np.float32))
    height, width = gx.shape
    summed = [_box(height) @ (plane @ _box(width).T) for plane in planes]
    return np.stack(summed, axis=-1)


@cache
def _box(size: int) -> Floats:
    """(cells, pixels), 1 where a pixel is in a cell."""
    return np.kron(np.eye(size // CELL), np.ones((1, CELL))).astype(np.float32)


def _blocks(cells_TYXD: Floats) -> tuple[Floats, Floats]:
    """Blocks (n, 3, 2, 2, 33) of a window, and how much moves in each."""
    short = _LENGTH - len(cells_TYXD)
    if short > 0:
        cells_TYXD = np.concatenate([cells_TYXD, np.repeat(cells_TYXD[-1:], short, axis=0)])
    times = cells_TYXD[:-1] + cells_TYXD[1:]
    last = len(cells_TYXD) - _LENGTH
    starts = sorted({*range(0, last + 1, _EVERY_BLOCK), last})
    found, moved = [], []
    for size in (1, 2):
        wide = times
        if size == 2:
            wide = times[:, :-1, :-1] + times[:, 1:, :-1] + times[:, :-1, 1:] + times[:, 1:, 1:]
        for start in starts:
            parts = [
                _shifted(wide[start + _PAIRS_OF_TIME * k], y, x, size=size)
                for k in range(_TIMES)
                for y in (0, size)
                for x in (0, size)
            ]
            block = np.stack(parts, axis=2).reshape(-1, _TIMES, 2, 2, cells_TYXD.shape[-1])
            found.append(block)
            first = _WIDTHS["hog"]
            moved.append(block[..., first : first + BINS].sum(axis=(1, 2, 3, 4)) / size**2)
    return np.concatenate(found), np.concatenate(moved)


def _shifted(plane_YXD: Floats, y: int, x: int, *, size: int) -> Floats:
    """Cells from (y, x) on, every ``size``-th, as many as have a partner ``size`` further on."""
    rows, columns = plane_YXD.shape[0] - size, plane_YXD.shape[1] - size
    return plane_YXD[y : y + rows : size, x : x + columns : size]


def _normalized(blocks: Floats) -> dict[str, NDArray[np.float16]]:
    """Descriptors of each channel."""
    found, first = {}, 0
    kinds = {}
    for kind, width in _WIDTHS.items():
        flat = blocks[..., first : first + width].reshape(len(blocks), -1)
        kinds[kind] = np.sqrt(flat / (flat.sum(axis=1, keepdims=True) + np.float32(1e-6)))
        first += width
    for name, parts in CHANNELS.items():
        joined = np.concatenate([kinds[kind] for kind in parts], axis=1)
        found[name] = joined.astype(np.float16)
    return found


@cache
def _mirrored_order() -> dict[str, NDArray[np.int64]]:
    """Where each number of a mirrored descriptor stands in the plain one."""
    left_right = [(BINS // 2 - k) % BINS for k in range(BINS)]  # angle a -> pi - a
    up_down = [-k % BINS for k in range(BINS)]  # angle a -> -a
    # The mirrored horizontal component is -u(W - x): its gradient is turned up side down.
    bins = {"hog": left_right, "hof": [*left_right, BINS], "mbhx": up_down, "mbhy": left_right}
    order = {}
    for name, kinds in CHANNELS.items():
        parts, first = [], 0
        for kind in kinds:
            width = _WIDTHS[kind]
            places = np.arange(_CELLS_OF_BLOCK * width).reshape(_TIMES, 2, 2, width)
            parts.append(first + places[:, :, ::-1][..., bins[kind]].ravel())
            first += places.size
        order[name] = np.concatenate(parts)
    return order
