"""How fast clips come: from files, from memory, and by other libraries from the same files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
import torch

from semivideo.base.records import Batch, ClipSpec
from semivideo.data.cache.reader import CachedImages
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips import clip_reader as clips
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.clips.loader import Streams, training_loader
from semivideo.data.clips.store import FrameStore
from semivideo.data.video.decode import canvas_size
from semivideo.profile.measured import Reading
from semivideo.profile.stopwatch import Stopwatch, paced, typical
from semivideo.settings import DataSettings

PARTS = {
    "decoding": "decoding and shrinking",
    "cutting": "choosing frames, dealing them out",
    "batching": "putting clips into a batch",
}
"""Short to whole names of the parts of reading."""
SECONDS = 10.0
"""About how long one way of reading is measured."""
_MOST_BATCHES = 3  # kept; they may be large
_MOST_VIDEOS = 64  # of each stream, kept in memory for the measurement


@dataclass(frozen=True)
class Source:
    """The videos of a run and what is read of them.

    Attributes:
        manifest: All videos.
        streams: Those to learn from.
        specs: Stream name to its clips.
        settings: How clips are cut.
        seed: Of the draws.
    """

    manifest: Manifest
    streams: Streams
    specs: Mapping[str, ClipSpec]
    settings: DataSettings
    seed: int

    @property
    def rows(self) -> list[int]:
        """Every video of the streams once."""
        return sorted({*self.streams.labeled, *self.streams.unlabeled})

    def reader(self, *, store: FrameStore | None = None) -> ClipReader:
        """A reader as training has it."""
        return ClipReader(self.manifest, self.specs, settings=self.settings, store=store)

    def with_settings(self, settings: DataSettings) -> Source:
        """The same cut in another way."""
        return replace(self, settings=settings)

    def some(self) -> Source:
        """The same with a few videos of each stream, which fit in memory whatever there is."""
        labeled = _spread(self.streams.labeled, _MOST_VIDEOS)
        label_of = dict(zip(self.streams.labeled, self.streams.labels, strict=True))
        labels = [label_of[row] for row in labeled]
        unlabeled = _spread(self.streams.unlabeled, _MOST_VIDEOS)
        return replace(self, streams=Streams(labeled, labels, unlabeled))

    def frames_gb(self) -> float:
        """All frames at the canvas size, from the sizes of some videos."""
        sample = _spread(self.rows, 4 * _MOST_VIDEOS)
        sizes = []
        for row in sample:
            video = self.manifest[row]
            height, width = canvas_size(video.width, video.height, self.settings.short_side)
            sizes.append(video.num_frames * height * width * 3 / 1e9)
        return float(np.mean(sizes)) * len(self.rows)


@dataclass(frozen=True)
class Batches:
    """Batches that were read.

    Attributes:
        reading: What they took.
        batches: The first of them.
        skipped: Row of a video that broke to the reason.
    """

    reading: Reading
    batches: list[Batch]
    skipped: dict[int, str]


def measured(
    source: Source, name: str, num_batches: int, *, store: FrameStore | None = None
) -> Batches:
    """Time one process that makes batches.

    Args:
        source: What is read.
        name: What the frames come from, for people.
        num_batches: Wanted; fewer are made when they take long.
        store: Where frames are, instead of in the files.
    """
    alone = source.settings.model_copy(update={"workers": 0})
    reader = source.with_settings(alone).reader(store=store)
    loader = training_loader(reader, source.streams, seed=source.seed, num_steps=num_batches + 1)
    stopwatch, threads = Stopwatch(), torch.get_num_threads()
    batches: list[Batch] = []
    skipped: dict[int, str] = {}
    laps = []
    torch.set_num_threads(1)  # as in a loader process
    try:
        with ExitStack() as watched:
            for owner, function, part in (
                (clips, "read_frames", PARTS["decoding"]),  # of files
                (CachedImages, "__getitem__", PARTS["decoding"]),
                (reader, "training", PARTS["cutting"]),
                *([(reader.hardware, "read_frames", PARTS["decoding"])] if reader.hardware else []),
            ):
                watched.enter_context(stopwatch.watching(owner, function, part))
            iterator = iter(loader)
            next(iterator)  # the first one opens libraries
            stopwatch.lap()
            for _ in paced(num_batches, seconds=SECONDS, least=1):
                with stopwatch.part(PARTS["batching"]):
                    batch = next(iterator)
                laps.append(stopwatch.lap())
                skipped |= batch.skipped
                if len(batches) < _MOST_BATCHES:
                    batches.append(batch)
    finally:
        torch.set_num_threads(threads)
    number, num_bytes = _size(batches[0])
    parts = {part: seconds / number for part, seconds in typical(laps).items()}
    return Batches(Reading(name, number * len(laps), parts, num_bytes / number), batches, skipped)


def _size(batch: Batch) -> tuple[int, int]:
    """Clips of a batch, and bytes of their frames."""
    parts = [batch.labeled, *([batch.unlabeled] if batch.unlabeled else [])]
    num_bytes = sum(frames.nbytes for part in parts for frames in part.frames.values())
    return sum(map(len, parts)), num_bytes


def _spread(rows: Sequence[int], most: int) -> list[int]:
    """At most so many of the rows, from begin to end."""
    places = np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)
    return [rows[place] for place in places]
