"""What was measured, as plain values; everything derived from them is computed here and only here.

Seconds are seconds. A clip is one draw of one video: the frames of all streams together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Videos:
    """What there is to learn from.

    Attributes:
        labeled: Number of labelled videos.
        unlabeled: Videos in the unlabelled stream.
        test: Held-out videos.
        unreadable: Files that the scan found unreadable.
        skipped: Id of a video that could not be decoded when it was drawn, and why.
        frames_gb: All training frames at the canvas size.
        memory_gb: Limit up to which they are kept in memory.
        fill_seconds: Time to decode them all once, if they are kept in memory.
    """

    labeled: int
    unlabeled: int
    test: int
    unreadable: int
    skipped: dict[str, str]
    frames_gb: float
    memory_gb: float
    fill_seconds: float | None

    @property
    def are_kept(self) -> bool:
        """Whether training keeps all frames in memory."""
        return self.fill_seconds is not None


@dataclass(frozen=True, slots=True)
class Reading:
    """How fast one process makes batches.

    Attributes:
        source: What the frames come from.
        num_clips: Clips measured.
        parts: Seconds of each part, per clip.
        bytes_per_clip: Of the frames delivered, uint8.
    """

    source: str
    num_clips: int
    parts: dict[str, float]
    bytes_per_clip: float

    @property
    def seconds(self) -> float:
        """Per clip."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Rival:
    """Another library that read the same frames of the same files, whole and not shrunk.

    Attributes:
        name: Of the library.
        missing: Why it took no part, or None.
        seconds: CPU time a clip; NaN where it took no part.
        ours: The same of SemiVideo's reader, at the canvas size.
        num_clips: Clips that both read.
        num_failed: Clips that only SemiVideo could read.
    """

    name: str
    missing: str | None = None
    seconds: float = math.nan
    ours: float = math.nan
    num_clips: int = 0
    num_failed: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One training step on batches that are there.

    Attributes:
        num_steps: Steps measured.
        num_labeled: Labelled clips in it.
        num_unlabeled: Unlabelled clips in it.
        parts: Seconds of each part.
        seconds: Of the whole; on a GPU measured without waiting between the parts.
        gflop: Floating-point operations of networks forward and backward, counted.
        matrix_gflops: GFLOP/s of a large matrix product at the same precision.
        peak_memory_gb: Of the GPU, or of this process on a CPU.
    """

    num_steps: int
    num_labeled: int
    num_unlabeled: int
    parts: dict[str, float]
    seconds: float
    gflop: float
    matrix_gflops: float
    peak_memory_gb: float

    @property
    def num_clips(self) -> int:
        """Clips of a step."""
        return self.num_labeled + self.num_unlabeled


@dataclass(frozen=True, slots=True)
class Loop:
    """Steps and loader together, as in training.

    Attributes:
        num_steps: Steps measured.
        workers: Loader processes.
        seconds: A step, with what it waited.
        waiting: Share of it spent waiting for data.
        alone: Seconds of a step right afterwards, without loader.
    """

    num_steps: int
    workers: int
    seconds: float
    waiting: float
    alone: float


@dataclass(frozen=True, slots=True)
class Testing:
    """Evaluation by the settings' protocol.

    Attributes:
        protocol: Clips x crops.
        num_videos: Videos measured.
        seconds: A video.
    """

    protocol: str
    num_videos: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Variant:
    """A step with other settings of the engine.

    Attributes:
        precision: What forward passes compute in.
        channels_last: Memory format.
        seconds: A step.
        is_present: Whether these are the settings.
    """

    precision: str
    channels_last: bool
    seconds: float
    is_present: bool


@dataclass(frozen=True, slots=True)
class LargestBatch:
    """The largest batch that could be learned from.

    Attributes:
        setting: The key that was raised.
        present: Its value in the settings.
        value: Its largest value that fits.
        limit: Where the search ended.
    """

    setting: str
    present: int
    value: int
    limit: int


@dataclass(frozen=True, slots=True)
class Report:
    """All of a benchmark.

    Attributes:
        machine: Processor and versions.
        cores: Processors this process may use.
        others: Processors that other programs used meanwhile, on average; None if unknown.
        free_memory_gb: That other programs do not use, None if unknown.
        setup: Name to value of the settings that matter most.
        run_steps: Steps of the training.
        videos: What there is.
        reading: From the files, and from memory if the frames are kept there.
        rivals: Other libraries on the same clips.
        step: A step alone.
        loop: With its loader.
        testing: Evaluation.
        variants: Other precisions and memory formats, if asked for.
        largest: The largest batch, if asked for.
        advice: Sentences that follow from the rest.
    """

    machine: str
    cores: int
    others: float | None
    free_memory_gb: float | None
    setup: dict[str, Any]
    run_steps: int
    videos: Videos
    reading: Sequence[Reading]
    rivals: Sequence[Rival]
    step: Step
    loop: Loop
    testing: Testing
    variants: Sequence[Variant] = ()
    largest: LargestBatch | None = None
    advice: Sequence[str] = field(default=())

    @property
    def used(self) -> Reading:
        """The reading that training uses: the last one."""
        return self.reading[-1]

    @property
    def batch_seconds(self) -> float:
        """Time one process takes to make a batch."""
        return self.used.seconds * self.step.num_clips

    @property
    def workers_needed(self) -> int:
        """Loader processes that make batches as fast as steps take them."""
        return math.ceil(self.batch_seconds / self.step.seconds)

    @property
    def slowdown(self) -> float:
        """How many times as long a step takes with its loader: waiting, and shared processors.

        Without loader processes the waiting is all of it, and is more exact than the two steps.
        """
        if self.loop.workers == 0:
            return 1 / (1 - self.loop.waiting)
        alone = max(self.step.seconds, self.loop.alone)
        return max(1.0, self.loop.seconds / alone)

    @property
    def run_seconds(self) -> float:
        """Time of the whole training."""
        return (self.videos.fill_seconds or 0.0) + self.run_steps * self.loop.seconds

    @property
    def evaluation_seconds(self) -> float:
        """Time to evaluate all held-out videos."""
        return self.videos.test * self.testing.seconds
