"""Times of frames, for formats that count frames.

frame     0     1     2     3             an even clock of 25 frames a second
time    0.00  0.04  0.08  0.12
frames 1 to 2, both included   ->   0.04 to 0.12 seconds
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """When the frames of a video are shown.

    Attributes:
        frame_rate: Frames a second, > 0; of the frames after the last of ``times`` too.
        times: float64 (num_frames,), seconds of each frame after the first one; None where frames
            are evenly spaced.
    """

    frame_rate: float
    times: NDArray[np.float64] | None = None

    def start(self, frame: int) -> float:
        """Seconds at which a frame, numbered from 0, begins to be shown.

        >>> Clock(25).start(3), Clock(25, np.array([0.0, 0.5])).start(3)
        (0.12, 0.58)
        """
        if self.times is None or not len(self.times):
            return frame / self.frame_rate
        last = len(self.times) - 1
        if frame <= last:
            return float(self.times[max(frame, 0)])
        return float(self.times[last]) + (frame - last) / self.frame_rate

    def span(self, first: int, last: int) -> tuple[float, float]:
        """Seconds from the beginning of a frame to the end of another one, numbered from 0."""
        return self.start(first), self.start(last + 1)

    def frame(self, seconds: float) -> int:
        """Number, from 0, of the frame whose beginning is nearest to a time."""
        if self.times is None or not len(self.times):
            return max(0, round(seconds * self.frame_rate))
        last = len(self.times) - 1
        if seconds >= self.times[last]:
            return last + round((seconds - float(self.times[last])) * self.frame_rate)
        return int(np.abs(self.times - seconds).argmin())

    @property
    def duration_seconds(self) -> float | None:
        """Where the last frame ends; None where nobody knows how many there are."""
        return None if self.times is None else self.start(len(self.times))
