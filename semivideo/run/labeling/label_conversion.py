"""Files of labels from one tool's format to another's."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from semivideo.base.errors import ConfigError, option
from semivideo.base.files import read_bytes, write_bytes
from semivideo.base.places import check_output
from semivideo.data.catalogue.clocks import Clocks
from semivideo.data.catalogue.naming import with_classes
from semivideo.events.formats import (
    FORMATS,
    format_by_ending,
    format_named,
    read_labels,
    write_labels,
)
from semivideo.events.guidance import Reading, Writing
from semivideo.events.label_row import LabelRow

_LOG = logging.getLogger("semivideo")


@dataclass(frozen=True, slots=True)
class Converted:
    """What ``convert_labels`` wrote.

    Attributes:
        files: The files.
        rows: All labels, in the order of the files that were read.
        format: The format of what was written.
    """

    files: tuple[Path, ...]
    rows: tuple[LabelRow, ...]
    format: str

    @property
    def classes(self) -> dict[str, int]:
        """Labels of each class, in ascending order of the names."""
        return dict(sorted(Counter(r.label for r in self.rows if r.label is not None).items()))


def convert_labels(
    sources: Sequence[Path],
    *,
    out: Path,
    to: str | None = None,
    reading: Reading | None = None,
    videos: Path | None = None,
) -> Converted:
    """Read files of labels and write all their labels in one format.

    Args:
        sources: The files.
        out: The file to write; a folder for formats that want a file a video, where there are
            several. Other labels that are there are kept: nothing tells whose work they are.
        to: The format; None takes the one that ``out`` ends like.
        reading: What the files leave open; None for nothing.
        videos: Folder of the videos, for formats that count frames or want ends; None looks beside
            the first file.

    Raises:
        ConfigError: No format to write, ``out`` is one of the files, or other labels lie there.
        DataError: A file cannot be read, or its labels lack what the format needs.
    """
    to = to or format_by_ending(out)
    format_named(to)
    clocks = Clocks(videos or sources[0].parent)
    how = replace(reading or Reading(), clock=clocks)
    rows = [row for source in sources for row in _read(source, how)]
    texts = write_labels(rows, to, Writing(label_rate=how.label_rate, clock=clocks))
    _tell_what_is_left_out(rows, to)
    files = _places(texts, out, ending=FORMATS[to].ending)
    for file, text in files.items():
        check_output(
            file,
            what="of the same labels",
            is_ours=partial(_holds, text=text),
            inputs=sources,
        )
    for file, text in files.items():
        write_bytes(file, text.encode())
    return Converted(tuple(files), tuple(rows), to)


def _holds(file: Path, *, text: str) -> bool:
    return read_bytes(file) == text.encode()


def _read(source: Path, how: Reading) -> list[LabelRow]:
    """Rows of a file; where it gives numbers and folders, one of the two is the class."""
    rows = read_labels(source, how)
    [(_, named, _)], _ = with_classes([(source, rows, [None] * len(rows))], {}, folders_name=None)
    return named


def _tell_what_is_left_out(rows: Sequence[LabelRow], to: str) -> None:
    """Name what the labels say and the format has no place for."""
    kept = FORMATS[to].keeps
    lost = [
        name
        for name in ("group", "subset", "subject", "modifier", "score")
        if name not in kept and any(getattr(row, name) is not None for row in rows)
    ]
    if lost:
        _LOG.warning("%s has no place for %s; left out", to, ", ".join(lost))
    num_empty = sum(row.label is None and row.class_id is None for row in rows)
    if num_empty and "unlabeled" not in kept:
        _LOG.warning("%d row(s) without a label are left out", num_empty)


def _places(texts: dict[str, str], out: Path, *, ending: str) -> dict[Path, str]:
    """Where each text goes."""
    if len(texts) == 1 and (out.suffix or "" in texts):
        return dict(zip([out], texts.values(), strict=True))
    if out.suffix and not out.is_dir():
        raise ConfigError(
            f"the labels are of {len(texts)} videos, which want a file each, and {out} is the name "
            f"of one file; name a folder with {option('out')}"
        )
    return {
        out / PurePosixPath(video.lstrip("/").replace(":", "")).with_suffix(ending): text
        for video, text in texts.items()
    }
