"""What a list or an annotation says of a video: the one table that all formats are read into."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

log = logging.getLogger("semivideo")

LATEST_SECONDS = 10_000_000
"""Of a time in a video: 115 days, more than any file has."""
_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A label of a video or of a part of it.

    Attributes:
        video: The video as the file calls it, with or without extension; once it is found on disk,
            its path relative to the source's root, with "/".
        label: Class name, or None where nobody says it.
        group: Videos of one group stay on one side of a split, or None.
        subset: "train", "val", "test", "unused", or None.
        alias: Another name the file may have, or None.
        class_id: Names the class where neither the file nor a folder does, or None.
        is_exact: Whether ``video`` is the path of the file and nothing else will do.
        is_folder_label: Whether ``label`` is only the name of the folder that ``video`` lies in.
        is_unlabeled: Whether the file says that there is no label, whatever the folder is called.
        start_seconds: Where in the video the labelled part begins; None for its beginning.
        end_seconds: Where it ends; None for the end of the video.
        subject: Who does it, of several in one video, or None.
        modifier: What is said of the label besides its class, or None.
        score: Probability of the label where a machine gave it, in [0, 1], or None.
    """

    video: str
    label: str | None = None
    group: str | None = None
    subset: str | None = None
    alias: str | None = None
    class_id: int | None = None
    is_exact: bool = False
    is_folder_label: bool = False
    is_unlabeled: bool = False
    start_seconds: float | None = None
    end_seconds: float | None = None
    subject: str | None = None
    modifier: str | None = None
    score: float | None = None

    @property
    def part(self) -> tuple[float | None, float | None]:
        """Which part of the video it is about; (None, None) for all of it."""
        return self.start_seconds, self.end_seconds


def is_time(seconds: float) -> bool:
    """Whether a number can be a time in a video; of one before it, the video's row says so."""
    return abs(seconds) <= LATEST_SECONDS


def tell_not_used(name: str, what: str, unused: Iterable[str]) -> None:
    """Name once what a reader found in a file and made no use of.

    Args:
        name: Of the file.
        what: What they are, such as "columns".
        unused: Their names.
    """
    named = list(dict.fromkeys(unused))
    if named:
        rest = len(named) - _MOST_NAMED
        more = f" and {rest} more" if rest > 0 else ""
        log.warning("%s: %s not used: %s%s", name, what, ", ".join(named[:_MOST_NAMED]), more)
