"""Windows that slide over a whole video: which frames they take, and their scores in one pass.

All windows take their frames from one even grid, so that each frame is decoded, and by an encoder
of frames looked at, once::

    grid      0   1   2   3   4   5   6   7   8   9        a frame each, 1 / T of a window apart
    window 0  x   x   x   x                                T = 4
    window 1          x   x   x   x                        the stride is 2 of the grid
    window 3                          x   x   x   x        the last one ends with the video

A window is what testing takes of a segment of that length: with ``sampling=segments`` the frame in
the middle of each of its T parts, with ``sampling=window`` every ``stride_frames``-th frame.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semivideo.base.errors import ConfigError, DataError
from semivideo.base.records import ClipSpec, Indices, Video
from semivideo.data.catalogue.segments import segment_of
from semivideo.data.clips.clip_reader import each_as_seen
from semivideo.data.clips.plan import timeline_of, with_successors
from semivideo.data.clips.sampling import within
from semivideo.data.video.container import EndOfFramesError, warn_once
from semivideo.data.video.decode import Image
from semivideo.data.video.in_turn import frames_in_turn
from semivideo.evaluation.infer import Recognizer
from semivideo.events.window_scores import Seconds
from semivideo.features.deployed import OnFeatures
from semivideo.features.several.parts_network import OnParts
from semivideo.settings import DataSettings

Probabilities = NDArray[np.float32]
Item = TypeVar("Item")
_AHEAD = 32  # decoded frames that wait for the network
_FRAMES_AT_ONCE = 16  # through an encoder of frames


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """The windows of one video.

    Attributes:
        frames: int64 (F,), the frames that are needed, ascending.
        places: int64 (W, T), which of them each window takes; (W, T, 2) with their successors where
            the network compares frames.
        start_seconds: float64 (W,).
        end_seconds: float64 (W,).
        stride_seconds: Between neighbouring windows.
    """

    frames: Indices
    places: Indices
    start_seconds: Seconds
    end_seconds: Seconds
    stride_seconds: float

    def __len__(self) -> int:
        return len(self.places)

    def after(self, num_done: int) -> Windows:
        """Return the windows that are left when some are done."""
        places = self.places[num_done:]
        if not len(places):
            return Windows(self.frames[:0], places, *self._times(num_done), self.stride_seconds)
        kept, inverse = np.unique(places, return_inverse=True)
        return Windows(
            self.frames[kept],
            inverse.reshape(places.shape),
            *self._times(num_done),
            self.stride_seconds,
        )

    def _times(self, num_done: int) -> tuple[Seconds, Seconds]:
        return self.start_seconds[num_done:], self.end_seconds[num_done:]


def plan_windows(
    video: Video,
    *,
    spec: ClipSpec,
    settings: DataSettings,
    window_seconds: float | None,
    stride_seconds: float | None,
) -> Windows:
    """Lay windows over a video.

    Args:
        video: Of at least one frame.
        spec: The network's clips.
        settings: How clips were cut in training.
        window_seconds: Length of a window with ``sampling=segments``, > 0; with
            ``sampling=window`` it follows from the clips, and None is all that is allowed.
        stride_seconds: From window to window, rounded to a multiple of 1 / T of a window; None for
            a quarter of a window.

    Raises:
        ConfigError: No length of a window, or one that is not allowed.
    """
    positions, seconds, step = _grid(video, spec, settings, window_seconds)
    T, J = spec.num_frames, positions.shape[0]
    stride = T / 4 if stride_seconds is None else stride_seconds / step
    if not 0 < stride < math.inf:
        raise ConfigError(
            f"stride must be above 0 seconds, got {stride_seconds:g}; a quarter of a window is "
            "usual"
        )
    every = max(1, round(stride))
    first = np.arange(0, max(J - T, 0) + 1, every, dtype=np.int64)
    if first[-1] < J - T:
        first = np.append(first, J - T)
    places = first[:, None] + np.arange(T)
    if J < T:
        places = within(places, J, past_end=settings.past_end)
    ends = np.append(seconds, video.duration_seconds)
    frames, inverse = np.unique(positions, return_inverse=True)
    return Windows(
        frames,
        inverse.reshape(positions.shape)[places],
        seconds[first],
        np.maximum(ends[np.minimum(first + T, J)], seconds[first] + 1e-6),
        every * step,
    )


def _grid(
    video: Video, spec: ClipSpec, settings: DataSettings, window_seconds: float | None
) -> tuple[Indices, Seconds, float]:
    """Frame, or pair of frames, and starting time of each part, and its length in seconds."""
    duration, rate = video.duration_seconds, video.frame_rate or 25.0
    if settings.sampling == "window":
        if window_seconds is not None:
            raise ConfigError(
                f"this network sees windows of {spec.window_frames} frames whatever their length; "
                "leave the window out"
            )
        timeline = timeline_of(video, frame_rate=settings.frame_rate)
        # A position of the grid shows the first frame of its part, as clips do.
        positions = np.arange(0, len(timeline.frame), spec.step_frames, dtype=np.int64)
        step = spec.step_frames / (timeline.frame_rate or rate)
        seconds = np.asarray(video.seconds[timeline.frame[positions]], dtype=np.float64)
        return timeline.frame[with_successors(positions, spec, timeline=timeline)], seconds, step
    if window_seconds is None:
        raise ConfigError(
            "this network sees clips spread over a whole video, so a window of a long one needs a "
            "length; give the usual length of an action in seconds as the window"
        )
    if not 0 < window_seconds < math.inf:
        raise ConfigError(
            f"the window must be above 0 seconds, got {window_seconds:g}; leave it out for the "
            "usual length"
        )
    step = window_seconds / spec.num_frames
    num = max(1, math.ceil(duration / step - 1e-6))
    starts = step * np.arange(num)
    middles = np.minimum(starts + step / 2, duration)
    # The frame that is shown in the middle of the part, to the microsecond as for segments.
    shown = np.searchsorted(video.seconds, middles + 1e-6, side="right") - 1
    positions = np.maximum(shown, 0).astype(np.int64)
    timeline = timeline_of(video, frame_rate=None)
    found = timeline.frame[with_successors(positions, spec, timeline=timeline)]
    return found, np.asarray(starts, dtype=np.float64), step


def window_probabilities(
    recognizer: Recognizer, path: Path, video: Video, windows: Windows
) -> Iterator[Probabilities]:
    """Score windows in one pass over the file, whatever its length.

    Of a file that ends before its table does, the windows up to there are scored, with a warning.

    Args:
        recognizer: The network.
        path: The file.
        video: What is known of it.
        windows: Which.

    Yields:
        float32 (K,) for each window, in order.

    Raises:
        DataError: The file cannot be opened.
        CheckpointError: The network gives scores that are not finite.
    """
    if not len(windows):
        return
    if isinstance(recognizer.network, OnParts):
        yield from _as_segments(recognizer, recognizer.network, path, video, windows)
        return
    frames = frames_in_turn(
        path,
        windows.frames,
        frames=video.frames,
        rotation=video.rotation,
        short_side=recognizer.card.data.short_side,
    )
    with _ahead(_until_end(frames, path)) as decoded:
        network = recognizer.network
        is_by_frame = (
            isinstance(network, OnFeatures) and network.encoder.preprocessing.num_frames is None
        )
        if is_by_frame:
            yield from _by_frame(recognizer, decoded, windows)
        else:
            clips = _clips(decoded, windows)
            yield from recognizer.scores_of_windows(
                each_as_seen(clip, recognizer.clip) for clip in clips
            )


def _as_segments(
    recognizer: Recognizer, network: OnParts, path: Path, video: Video, windows: Windows
) -> Iterator[Probabilities]:
    """Score windows as segments, of each of which the encoders read the frames that they want."""
    settings, num_done = recognizer.protocol(None), 0
    for start, end in zip(windows.start_seconds, windows.end_seconds, strict=True):
        part = replace(video, segment=segment_of(video.frames, start, end))
        try:
            shown = network.shown_of_file(path, part, decoder=recognizer.decoder)
        except DataError as error:
            if not num_done:
                raise
            warn_once(path, "%s: %s; windows up to there are scored", path, error)
            return
        yield from recognizer.scores_of_shown([shown], settings=settings)
        num_done += 1


def _until_end(frames: Iterator[tuple[int, Image]], path: Path) -> Iterator[Image]:
    """Images up to where the file breaks off."""
    try:
        for _, image in frames:
            yield image
    except EndOfFramesError as end:
        if end.num_frames == 0:
            raise
        sentence = "%s ends after %d frames; windows up to there are scored"
        warn_once(path, sentence, path, end.num_frames)


def _clips(images: Iterator[Image], windows: Windows) -> Iterator[Image]:
    """Cut the clip of each window, uint8 (1, T, ..., C, H, W), holding no frame too long."""
    for clip in _slid(images, windows):
        frames = np.stack(clip)
        frames = frames.reshape(1, *windows.places.shape[1:], *frames.shape[1:])
        yield np.moveaxis(frames, -1, -3)


def _slid(items: Iterator[Item], windows: Windows) -> Iterator[list[Item]]:
    """What each window takes of a stream with one item a frame; ends with the stream."""
    held: dict[int, Item] = {}
    places = windows.places.reshape(len(windows), -1)
    last = places.max(axis=1)
    first = np.minimum.accumulate(places.min(axis=1)[::-1])[::-1]
    number = 0
    for place, item in enumerate(items):
        held[place] = item
        while number < len(windows) and last[number] <= place:
            yield [held[each] for each in places[number].tolist()]
            number += 1
            if number < len(windows):
                for gone in [each for each in held if each < first[number]]:
                    del held[gone]


def _by_frame(
    recognizer: Recognizer, images: Iterator[Image], windows: Windows
) -> Iterator[Probabilities]:
    """Score windows from features of frames, each computed once."""
    network = recognizer.network
    assert isinstance(network, OnFeatures)
    waiting: list[list[Tensor]] = []
    size = recognizer.card.evaluation.batch_clips
    steps = _slid(_steps(recognizer, images, network), windows)
    for window in steps:
        waiting.append(window)
        if len(waiting) == size:
            yield from _scored(recognizer, network, waiting)
            waiting = []
    if waiting:
        yield from _scored(recognizer, network, waiting)


def _steps(
    recognizer: Recognizer, images: Iterator[Image], network: OnFeatures
) -> Iterator[Tensor]:
    """Features of one frame after the other: (M, D), M = 2 with the mirrored frame, else 1."""
    batch: list[Image] = []

    def encoded() -> Iterator[Tensor]:
        frames = np.stack(batch)[None].transpose(0, 1, 4, 2, 3)
        (crops_NCTHW,) = recognizer.windows_crops([frames])
        with torch.inference_mode():
            yield from network.steps(crops_NCTHW).squeeze(1).unbind(1)

    for image in images:
        batch.append(image)
        if len(batch) == _FRAMES_AT_ONCE:
            yield from encoded()
            batch = []
    if batch:
        yield from encoded()


def _scored(
    recognizer: Recognizer, network: OnFeatures, windows: list[list[Tensor]]
) -> Iterator[Probabilities]:
    """Probabilities of a batch of windows from their steps."""
    steps_MNTD = torch.stack([torch.stack(each, dim=1) for each in windows], dim=1)
    with torch.inference_mode():
        shares_NK = recognizer.shares(network.of_steps(steps_MNTD).float()).cpu()
    recognizer.require_finite(shares_NK)
    yield from shares_NK.numpy()


@contextmanager
def _ahead(items: Iterator[Item]) -> Iterator[Iterator[Item]]:
    """Draw from an iterator in a thread of its own: decoding goes on while a network computes."""
    waiting: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(_AHEAD)
    is_over = threading.Event()

    def fill() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                while not is_over.is_set():
                    try:
                        waiting.put((item, None), timeout=0.1)
                        break
                    except queue.Full:
                        continue
                if is_over.is_set():
                    return
        except (DataError, OSError, MemoryError) as failure:
            error = failure
        while not is_over.is_set():
            try:
                waiting.put((None, error), timeout=0.1)
                return
            except queue.Full:
                continue

    def drained() -> Iterator[Item]:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        yield drained()
    finally:
        is_over.set()
        thread.join()
