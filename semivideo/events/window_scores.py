"""Probabilities of windows that slide over a video, and what they say over time.

A window speaks for the time around its middle, as far as half way to the next window's::

    windows   [. . . . .)                       starts 0, 1, 2; each 5 long
                  [. . . . .)
                      [. . . . .)
    cells     [0      3)[3  4)[4        7)      edges between the middles 2.5, 3.5, 4.5
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semivideo.base.checked import opened_npz
from semivideo.base.errors import DataError

Seconds = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class WindowScores:
    """Scores of one video.

    Attributes:
        video: Its name.
        classes: Names of the K classes.
        start_seconds: float64 (W,), where each window starts, ascending.
        end_seconds: float64 (W,), where each ends.
        probabilities: float32 (W, K).
        duration_seconds: Of the video.
    """

    video: str
    classes: tuple[str, ...]
    start_seconds: Seconds
    end_seconds: Seconds
    probabilities: NDArray[np.float32]
    duration_seconds: float

    @property
    def edges_seconds(self) -> Seconds:
        """float64 (W + 1,), where the time that each window speaks for begins, and the end."""
        middles = (self.start_seconds + self.end_seconds) / 2
        between = (middles[1:] + middles[:-1]) / 2
        return np.concatenate([[0.0], between, [self.duration_seconds]])

    def at(self, seconds: Seconds) -> NDArray[np.float32]:
        """Probabilities at some moments: float32 (..., K)."""
        cells = np.searchsorted(self.edges_seconds[1:-1], seconds, side="right")
        found: NDArray[np.float32] = self.probabilities[cells]
        return found

    def to_bytes(self, *, key: str) -> bytes:
        """Return the content of a file that ``from_bytes`` reads.

        Args:
            key: What they were made of; a file of another key is not gone on with.
        """
        file = io.BytesIO()
        np.savez_compressed(
            file,
            key=np.array(key),
            video=np.array(self.video),
            classes=np.array(self.classes, dtype=np.str_),
            start_seconds=self.start_seconds,
            end_seconds=self.end_seconds,
            probabilities=self.probabilities,
            duration_seconds=np.array(self.duration_seconds),
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str) -> tuple[str, WindowScores]:
        """Read what ``to_bytes`` returned.

        Args:
            data: The content of the file.
            name: Of the file, for messages.

        Returns:
            The key and the scores.

        Raises:
            DataError: It is no such file.
        """
        try:
            with opened_npz(data) as file:
                return str(file["key"]), cls(
                    str(file["video"]),
                    tuple(map(str, file["classes"])),
                    file["start_seconds"],
                    file["end_seconds"],
                    file["probabilities"],
                    float(file["duration_seconds"]),
                )
        except Exception as error:  # a file can hold anything, and so go wrong anywhere
            raise DataError(
                f"{name} holds no scores of windows ({error}); delete it, or choose another name"
            ) from None
