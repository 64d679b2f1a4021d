"""How much one file may ask for, so that a few bytes of it do not decide over the memory.

Six budgets, each with a name and an environment variable that changes it for all commands and all
their processes::

    max_pixels      SEMIVIDEO_MAX_PIXELS      pixels of a frame
    max_frames      SEMIVIDEO_MAX_FRAMES      frames of a file, also at another frame rate
    max_duration    SEMIVIDEO_MAX_DURATION    seconds from the first to the last frame, without gaps
    max_seconds     SEMIVIDEO_MAX_SECONDS     seconds that may go into looking at one file
    max_bytes       SEMIVIDEO_MAX_BYTES       bytes of the clips that are cut of a file at once
    max_videos      SEMIVIDEO_MAX_VIDEOS      videos, or parts of them, of a manifest

They are compared when a file is scanned and again when it is read.
"""

from __future__ import annotations

import functools
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from semivideo.base.errors import ConfigError, DataError

_BYTES_OF_CLIPS = "num_clips, num_frames and data.short_side decide"


@dataclass(frozen=True, slots=True)
class Budget:
    """What is allowed; the defaults are several times what cameras record.

    Attributes:
        max_pixels: Of a frame; 8192 x 8192.
        max_frames: Of a file; a day at 115 frames per second.
        max_duration: Seconds; 31 days.
        max_seconds: Seconds for looking at a file; a day of video on a network disk takes minutes.
        max_bytes: Of clips in memory; 10 clips of 64 frames of 1920 x 1080 pixels are half of it.
        max_videos: Of a manifest; Kinetics-700 has 650 thousand.
    """

    max_pixels: float = 2**26
    max_frames: float = 10_000_000
    max_duration: float = 31 * 86_400.0
    max_seconds: float = 600.0
    max_bytes: float = 2**33
    max_videos: float = 5_000_000

    def check(
        self,
        path: Path,
        *,
        pixels: float = 0,
        frames: float = 0,
        duration: float = 0,
        seconds: float = 0,
        num_bytes: float = 0,
        videos: float = 0,
    ) -> None:
        """Refuse what is above a budget.

        Args:
            path: The file.
            pixels: Of a frame.
            frames: Of the file.
            duration: Of the file in seconds.
            seconds: Spent on it.
            num_bytes: Of clips that are cut of it at once.
            videos: Rows of the manifest.

        Raises:
            DataError: Says what there is, the budget, and how to raise it.
        """
        for name, given, unit in (
            ("max_pixels", pixels, "pixels a frame"),
            ("max_frames", frames, "frames"),
            ("max_duration", duration, "seconds of video"),
            ("max_seconds", seconds, "seconds to look at it"),
            ("max_bytes", num_bytes, f"bytes of clips at once ({_BYTES_OF_CLIPS})"),
            ("max_videos", videos, "videos"),
        ):
            most = getattr(self, name)
            if not given <= most:
                raise DataError(
                    f"cannot use {path.name}: it asks for {given:.10g} {unit}, and {name} is "
                    f"{most:.10g}; if that is right, set the environment variable "
                    f"{_variable(name)} higher, else leave it out",
                    path=str(path),
                )


class Clock:
    """The time that goes into one file.

    Args:
        path: The file.
        budget: Has ``max_seconds``.
    """

    def __init__(self, path: Path, budget: Budget) -> None:
        self._end = time.monotonic() + budget.max_seconds
        self._path, self._budget = path, budget

    def check(self) -> None:
        """Refuse to go on when the time is over; raises as ``Budget.check``."""
        late = time.monotonic() - self._end
        if late > 0:
            self._budget.check(self._path, seconds=self._budget.max_seconds + late)


def budget() -> Budget:
    """Return the budget of this process.

    Raises:
        ConfigError: A variable of the environment is no number above 0.
    """
    given = tuple((name, os.environ.get(_variable(name))) for name in _NAMES)
    return _made(given)


def _variable(name: str) -> str:
    return f"SEMIVIDEO_{name.upper()}"


_NAMES = tuple(field.name for field in fields(Budget))


@functools.lru_cache(maxsize=8)
def _made(given: tuple[tuple[str, str | None], ...]) -> Budget:
    """A budget out of what the environment says."""
    values: Mapping[str, str] = {name: text for name, text in given if text is not None}
    found = {}
    for name, text in values.items():
        try:
            found[name] = float(text)
        except ValueError:
            found[name] = math.nan
        if not 0 < found[name] < math.inf:
            raise ConfigError(
                f"{_variable(name)} = {text!r} is no number above 0; unset it, or write one such "
                f"as {getattr(Budget(), name):g}"
            )
    return Budget(**found)
