"""What travels between the packages: videos, clips, batches and the result of a step.

Shape letters: N any batch, B labelled, U unlabelled, T frames, C channels, H height, W width.
Frames are uint8 (N, T, C, H, W) until a view makes them float (N, C, T, H, W).
An unlabelled clip has no field for a label: what the learner may not know cannot reach it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_C = TypeVar("_C", bound="Clips")
_GAP_SECONDS, _GAP_FRAMES = 2.0, 10

Indices = NDArray[np.int64]
"""Numbers of frames of a video, from 0."""

Modality = Literal["rgb", "fast_gradient", "slow_gradient", "flow"]
"""What a network sees of a frame: its colours; its difference to the next frame of the video or to
the next one of the clip, which then has frames a little closer together (LTG's fast and slow
temporal gradient); or the optical flow to the next frame."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class FrameTable:
    """When each frame of a video is shown, in presentation order; made by one demux pass.

    Attributes:
        pts: int64 (num_frames,), presentation times in units of ``time_base``, ascending.
        is_keyframe: bool (num_frames,), frames at which decoding can start.
        time_base: Seconds per unit of ``pts``.
        is_exact: Whether frame i of a plain sequential decode is the frame shown at ``pts[i]``.
            Where it is not (times missing or running backwards) frames are found by counting.
            A frame that cannot be decoded shows the picture before it.
    """

    pts: np.ndarray
    is_keyframe: np.ndarray
    time_base: Fraction
    is_exact: bool = True

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def seconds(self) -> np.ndarray:
        """float64 (num_frames,): time of each frame after the first one, in seconds."""
        return np.asarray((self.pts - self.pts[0]) * float(self.time_base))

    @property
    def seconds_without_gaps(self) -> np.ndarray:
        """As ``seconds``, but a gap in the clock takes no longer than a usual frame.

        A gap is where nothing was filmed: a frame of more than 2 seconds that is also more than 10
        times as long as the median one.
        """
        seconds = self.seconds
        steps = np.diff(seconds)
        if not (steps > _GAP_SECONDS).any():
            return seconds
        usual = float(np.median(steps))
        steps[steps > max(_GAP_SECONDS, _GAP_FRAMES * usual)] = usual
        return np.concatenate([[0.0], np.cumsum(steps)])


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a video file that is a video of its own, with frames numbered from 0.

    Attributes:
        start_seconds: Where it starts, in seconds after the file's first frame.
        end_seconds: Where it ends; a frame that is shown at this time is no part of it. None for
            the end of the file.
        first_frame: Number, in the file, of its first frame.
        num_frames: Its frames.
    """

    start_seconds: float
    end_seconds: float | None
    first_frame: int
    num_frames: int


@dataclass(frozen=True, slots=True)
class Video:
    """One row of a manifest: a file, or a segment of one.

    Attributes:
        id: Name of the video in splits and score files: its path relative to the root, with "/";
            of a segment such as ``a/x.mp4#12.480-15.900``.
        path: Path of the file relative to the manifest's root; equal to ``id`` for a whole file.
        label: Class name, or None if nobody knows it.
        group: Videos of one group (same source, same person) stay on one side of a split.
        width: Displayed width in pixels, after rotation.
        height: Displayed height in pixels, after rotation.
        frame_rate: Frames per second (average), 0.0 if unknown.
        rotation: Clockwise degrees to turn decoded frames for display: 0, 90, 180 or 270; negative,
            -90 to -360, where they are mirrored as well, see ``data.video.orientation``.
        frames: Times of the file's frames, also of those outside a segment, for all segments of a
            file share them; empty for an unreadable file.
        error: Why the video cannot be used, or None.
        segment: The part of the file that is meant, or None for all of it.
    """

    id: str
    path: str
    label: str | None
    group: str | None
    width: int
    height: int
    frame_rate: float
    rotation: int
    frames: FrameTable
    error: str | None = None
    segment: Segment | None = None

    @property
    def first_frame(self) -> int:
        """Number, in the file, of the video's first frame."""
        return 0 if self.segment is None else self.segment.first_frame

    @property
    def num_frames(self) -> int:
        """Frames of the video that a full decode of the file gives, by the demux pass."""
        return len(self.frames) if self.segment is None else self.segment.num_frames

    @property
    def seconds(self) -> np.ndarray:
        """float64 (num_frames,): time of each of its frames after its first one, in seconds."""
        if self.segment is None:
            return self.frames.seconds
        pts = self.frames.pts[self.first_frame : self.first_frame + self.num_frames]
        return np.asarray((pts - pts[:1]) * float(self.frames.time_base))

    @property
    def duration_seconds(self) -> float:
        """Time from the first to the end of the last frame, in seconds."""
        if self.num_frames == 0:
            return 0.0
        last_frame = 1.0 / self.frame_rate if self.frame_rate > 0 else 0.0
        return float(self.seconds[-1]) + last_frame


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """What one network sees of a video.

    Attributes:
        num_frames: Frames per clip, >= 1.
        stride_frames: Distance of neighbouring frames of the clip, in raw frames, >= 1.
        offset_seconds: The clip's window starts up to this many seconds before or after that of
            the first network, all starts that keep the window in the video equally likely; 0 means
            the same window.
        modality: What it sees of each frame.
        is_apart: Whether its frames are drawn by themselves instead of shared with other streams.
    """

    num_frames: int = 8
    stride_frames: int = 8
    offset_seconds: float = 0.0
    modality: Modality = "rgb"
    is_apart: bool = False

    @property
    def window_frames(self) -> int:
        """Length of the raw window the clip is cut from: num_frames * stride_frames."""
        return self.num_frames * self.stride_frames

    @property
    def step_frames(self) -> int:
        """Raw frames from one frame of the clip to the next.

        The slow gradient is the difference to the next frame, so a clip of T needs T + 1, and they
        lie within the same window: of 64 raw frames, 9 that are 7 apart (LTG).
        """
        if self.modality == "slow_gradient":
            return max(1, self.window_frames // (self.num_frames + 1))
        return self.stride_frames


@dataclass(slots=True)
class Clips:
    """Raw clips of N videos, one per stream (a stream is what one network sees).

    Attributes:
        frames: Stream name to uint8 (N, T, C, H, W); H, W is the padded canvas of the batch. C is
            3 for RGB; 6 for a frame and the successor it is compared with (views make the temporal
            gradient of the two); 2 for optical flow, see ``data.video.flow``. RGB lies in memory as
            it is decoded, image by image (H, W, C): views are fastest so.
        size: int64 (N, 2), height and width of the valid area, at the top left of the canvas.
        video: int64 (N,), opaque number of the video (its row in the manifest).
        draw: int64 (N,), key of this draw; all randomness of a clip's views is a function of it.
    """

    frames: dict[str, Tensor]
    size: Tensor
    video: Tensor
    draw: Tensor

    def __len__(self) -> int:
        return len(self.video)


@dataclass(frozen=True, slots=True)
class Mix:
    """How each labelled clip is mixed with another one of its batch.

    Attributes:
        partner: int64 (N,), the number of the other clip.
        share: Weight of the clip itself and of its label, in [0, 1].
        box: Top, left, height and width of what the other clip covers, as shares of the side of a
            view; None where all pixels are blended by ``share``.
    """

    partner: Tensor
    share: float
    box: tuple[float, float, float, float] | None = None


@dataclass(slots=True)
class LabeledClips(Clips):
    """Clips whose class the learner may know.

    Attributes:
        label: int64 (N,) in [0, num_classes); float (N, num_classes), rows of sum 1, where labels
            are smoothed or mixed. Both are targets of ``cross_entropy``.
        mix: How views of these clips are mixed, None where they are not.
    """

    label: Tensor
    mix: Mix | None = None


@dataclass(slots=True)
class Batch:
    """What one training step sees.

    Attributes:
        labeled: B labelled clips.
        unlabeled: U unlabelled clips, or None for methods that use none.
        step: Number of the step, from 0.
        progress: Share of the training done, in [0, 1): step / number of steps; of the round, for
            methods that train in rounds.
        skipped: Row of a video to the reason why it could not be read in this step and another
            one was drawn in its place.
        weak_graph: Whether weak views, where they only make labels, keep what a backward pass
            needs; ``engine.weak_graph``, see ``methods.base.jointly``.
    """

    labeled: LabeledClips
    unlabeled: Clips | None
    step: int
    progress: float
    skipped: dict[int, str] = field(default_factory=dict)
    weak_graph: bool = True

    def to(self, device: torch.device) -> Batch:
        """Return the batch on ``device``; copies overlap with work where memory is pinned.

        ``size`` and ``draw`` stay on the CPU, where the parameters of the views are sampled.
        """

        def move(clips: _C) -> _C:
            frames = {k: v.to(device, non_blocking=True) for k, v in clips.frames.items()}
            moved = replace(clips, frames=frames, video=clips.video.to(device, non_blocking=True))
            if isinstance(moved, LabeledClips):
                moved.label = moved.label.to(device, non_blocking=True)
            return moved

        unlabeled = None if self.unlabeled is None else move(self.unlabeled)
        return replace(self, labeled=move(self.labeled), unlabeled=unlabeled)


@dataclass(slots=True)
class PseudoLabels:
    """The labels one network gave to U unlabelled clips in one step, for the log.

    Attributes:
        network: Name of the network that gave them.
        video: int64 (U,), the opaque number of each video.
        label: int64 (U,), the class.
        confidence: float (U,), probability of that class.
        kept: bool (U,), whether the label was used.
    """

    network: str
    video: Tensor
    label: Tensor
    confidence: Tensor
    kept: Tensor


@dataclass(slots=True)
class StepResult:
    """What a method's ``forward`` returns.

    Attributes:
        loss: Scalar with a graph.
        terms: Named scalars without a graph, for the log.
        pseudo: Pseudo-labels given in this step, one entry per network that gave some.
    """

    loss: Tensor
    terms: dict[str, Tensor]
    pseudo: tuple[PseudoLabels, ...] = field(default=())
