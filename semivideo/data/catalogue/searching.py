"""A folder searched for videos: files that end like one, and folders of frames."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from semivideo.base.endings import VIDEO_EXTENSIONS, ending, is_video
from semivideo.base.errors import DataError
from semivideo.data.video.frame_names import holds_frames

log = logging.getLogger("semivideo")

_MOST_NAMED = 6
_OF_SYSTEMS = frozenset(
    ("$recycle.bin", "system volume information", "@eadir", "#recycle", "lost+found", "__macosx")
)
"""Folders that Windows, macOS, Linux and Synology put beside a user's: bins, previews, remains."""
_IN_RUNS = frozenset(("settings.yaml", "manifest.parquet"))
"""Files of a run folder, both there before anything is trained; its files are not the user's."""


@dataclass(frozen=True, slots=True)
class Found:
    """What lies below a folder.

    Attributes:
        videos: Files that end like a video, ascending, relative to the folder, with "/".
        frame_folders: Folders of frames, likewise.
        others: Files that are neither, likewise.
    """

    videos: tuple[str, ...]
    frame_folders: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def paths(self) -> list[str]:
        """The videos: the files; where there are none, the folders of frames."""
        return list(self.videos or self.frame_folders)


def search(root: Path) -> Found:
    """Look at the names of all files below a folder.

    Hidden ones, the folders of systems (bins, previews) and run folders are not looked at.

    Raises:
        DataError: There is no video, a folder cannot be looked into, or a name is not UTF-8.
    """
    videos: list[str] = []
    frame_folders: list[str] = []
    others: list[str] = []
    for folder, names in _walk(root):
        if folder and holds_frames(names):
            frame_folders.append(folder.removesuffix("/"))
            continue
        for name in names:
            (videos if is_video(name) else others).append(f"{folder}{name}")
    if not videos and not frame_folders:
        raise DataError(_nothing_in(root, others), path=str(root))
    for path in [*videos, *frame_folders]:
        if not path.isprintable() and any("\ud800" <= c <= "\udfff" for c in path):
            raise DataError(f"the file name {path!r} is not valid UTF-8; rename it", path=path)
    return Found(*(tuple(sorted(each)) for each in (videos, frame_folders, others)))


def video_paths(root: Path) -> list[str]:
    """All videos below a folder, relative, with "/"; raises as ``search``."""
    return search(root).paths


def tell_left_out(root: Path, found: Found, *, known: Iterable[str]) -> None:
    """Count what was not read as a video.

    Args:
        root: The folder.
        found: What lies in it.
        known: Files and folders of it that were read, as lists or because a list names them.
    """
    read = set(known)
    others = [path for path in found.others if path not in read]
    if others:
        by_ending = Counter(f".{e}" if (e := ending(path)) else "no ending" for path in others)
        named = [f"{name} {number}" for name, number in by_ending.most_common(_MOST_NAMED)]
        more = len(by_ending) - len(named)
        log.warning(
            "%d other file(s) below %s were not read as videos: %s%s%s",
            *(len(others), root, ", ".join(named), f" and {more} more endings" if more else ""),
            _about_tables(others),
        )
    folders = [path for path in found.frame_folders if path not in read]
    if found.videos and folders:
        log.warning(
            "%d folder(s) of numbered pictures below %s were not read as videos, since there are "
            "video files beside them, first %r; name them in a list or give a folder of their own",
            *(len(folders), root, folders[0]),
        )


def _about_tables(others: list[str]) -> str:
    """A word on tables beside the videos, which may be about them."""
    tables = [path for path in others if "/" not in path and ending(path) in ("csv", "tsv")]
    return f"; if {tables[0]!r} is about the videos, give it as a list (--list)" if tables else ""


def _nothing_in(root: Path, others: list[str]) -> str:
    """The sentence about a folder without videos."""
    if holds_frames(path for path in others if "/" not in path):
        return f"{root} is a folder of frames, which is one video; give the folder above it"
    what = f"holds {len(others)} files but no video" if others else "is empty"
    return f"{root} {what}; videos end in {', '.join(VIDEO_EXTENSIONS)}"


def _walk(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield ("" or "folder/", file names); follows links, each real folder once.

    Links are followed last, so that a folder's own name counts and not that of a link to it.
    """
    seen: set[tuple[int, int]] = set()
    tops = [root]

    def refuse(error: OSError) -> None:
        raise DataError(f"cannot look into {error.filename}: {error.strerror}; check its rights")

    for top in tops:  # which grows: links that are met
        for folder, inner, names in os.walk(top, onerror=refuse):
            status = os.stat(folder)
            is_seen = (status.st_dev, status.st_ino) in seen
            if is_seen or (Path(folder) != root and _IN_RUNS.issubset(names)):
                inner.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            inner[:] = sorted(name for name in inner if _is_users(name))
            tops += [link for name in inner if (link := Path(folder, name)).is_symlink()]
            below = Path(folder).relative_to(root).as_posix()
            yield "" if below == "." else f"{below}/", [name for name in names if name[0] != "."]


def _is_users(folder: str) -> bool:
    """Whether a folder is neither hidden nor one that a system keeps its own things in."""
    return folder[0] != "." and folder.lower() not in _OF_SYSTEMS
