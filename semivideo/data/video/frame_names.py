"""Folders of frames by their names: which pictures in a folder are the frames of one video.

Frames are pictures whose names differ in numbers only, at least two of them, in the order of these
numbers (2 before 10). Names that begin with "flow", as optical flow beside frames is called, are
left out where there are others.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from semivideo.base.endings import IMAGE_EXTENSIONS, ending, is_video
from semivideo.base.errors import ConfigError, DataError, option

FRAME_RATE = 25.0
"""Frames a second of a folder of frames, unless the user says otherwise."""
_NUMBER = re.compile(r"\d+")
_FEWEST = 2


def check_rate(rate: float | None) -> None:
    """Refuse a rate that is none.

    Raises:
        ConfigError: It is not above 0.
    """
    if rate is not None and not 0 < rate < float("inf"):
        raise ConfigError(f"{option('frame_rate')} must be above 0, got {rate}; 25 is usual")


def series(names: Iterable[str]) -> list[list[str]]:
    """Sort the pictures of a folder into series that differ in numbers only, each in order.

    >>> series(["f10.jpg", "f2.jpg", "cover.jpg", "flow_x_1.jpg", "flow_x_2.jpg"])
    [['f2.jpg', 'f10.jpg']]
    """
    by_words: dict[str, list[str]] = {}
    for name in names:
        if name.startswith("."):  # hidden, as the "._0001.jpg" that macOS puts beside 0001.jpg
            continue
        if ending(name) in IMAGE_EXTENSIONS and _NUMBER.search(_stem(name)):
            by_words.setdefault(_NUMBER.sub("#", _stem(name)), []).append(name)
    found = [
        sorted(each, key=_order) for _, each in sorted(by_words.items()) if len(each) >= _FEWEST
    ]
    return [each for each in found if not each[0].lower().startswith("flow")] or found


def frame_files(folder: Path) -> list[str]:
    """Names of the frames of a folder, in order.

    Raises:
        DataError: There are none, those of several videos, or one frame twice.
    """
    try:
        found = series(os.listdir(folder))
    except OSError as error:
        raise DataError(
            f"cannot look into {folder}: {error.strerror}; check its rights", path=str(folder)
        ) from None
    if not found:
        raise DataError(
            f"cannot use {folder.name}: it is a folder without numbered pictures (such as "
            "000001.jpg); give a video or a folder of frames",
            path=str(folder),
        )
    if len(found) > 1:
        first = ", ".join(each[0] for each in found[:3])
        raise DataError(
            f"cannot use {folder.name}: it holds {len(found)} series of pictures ({first}, ...); "
            "put each into a folder of its own",
            path=str(folder),
        )
    (frames,) = found
    for one, other in pairwise(frames):
        if _order(one)[0] == _order(other)[0]:
            raise DataError(
                f"cannot use {folder.name}: {one} and {other} are the same frame; keep one of them",
                path=str(folder),
            )
    return frames


def holds_frames(names: Iterable[str]) -> bool:
    """Whether a folder with these files is one video: frames, and no video beside them."""
    names = list(names)
    return bool(series(names)) and not any(map(is_video, names))


def is_frame_folder(place: Path) -> bool:
    """Whether a path is a folder that is one video."""
    if not place.is_dir():
        return False
    try:
        return holds_frames(os.listdir(place))
    except OSError:
        return False


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _order(name: str) -> tuple[list[int], str]:
    return [int(number) for number in _NUMBER.findall(_stem(name))], name
