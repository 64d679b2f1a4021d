"""At which rate folders of frames are shown: as the user says, else as a manifest does, else 25.

A folder of pictures has no clock. Whatever counts in seconds (``data.frame_rate``, local motion,
windows of a timeline, segments, labels in frames) depends on what is taken for it, so a rate that
nobody said is told.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from semivideo.base.endings import is_video
from semivideo.base.errors import Sentence, option
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.segments import segment_named
from semivideo.data.video.frame_names import FRAME_RATE, check_rate

_LOG = logging.getLogger("semivideo")


@dataclass(frozen=True, slots=True)
class FrameRates:
    """Rates of folders of frames.

    Attributes:
        said: By the user, of all of them, per second; None where he did not.
        known: Path of a folder to the rate that it was scanned at.
    """

    said: float | None = None
    known: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, places: Sequence[str | Path], *, said: float | None) -> FrameRates:
        """Return the rates of what a user names.

        Args:
            places: Files, folders, lists and manifests.
            said: As the attribute.

        Raises:
            ConfigError: The rate is not above 0.
        """
        check_rate(said)
        known: dict[str, float] = {}
        for place in map(Path, places):
            if said is None and place.suffix.lower() == ".parquet" and place.is_file():
                manifest = Manifest.read(place)
                columns = (manifest.table[name].to_pylist() for name in ("path", "frame_rate"))
                for path, rate in zip(*columns, strict=True):
                    if not is_video(path) and rate > 0:
                        known[str(manifest.root / path)] = rate
        return cls(said, known)

    def __call__(self, path: str | Path) -> float:
        """Return the rate of a folder, or of that which a segment is of."""
        if self.said is not None:
            return self.said
        return self.known.get(_file(path), FRAME_RATE)

    def tell(self, paths: Iterable[str | Path]) -> None:
        """Say which rate is taken, where nobody said one.

        Args:
            paths: Videos, folders of frames, and segments of them.
        """
        if self.said is None:
            files = {_file(path) for path in paths} - self.known.keys()
            tell_rate(sum(not is_video(file) and Path(file).is_dir() for file in files))


USUAL_RATES = FrameRates()


def tell_rate(num_folders: int) -> None:
    """Say at which rate so many folders of frames are read, where the user did not."""
    if num_folders:
        sentence = (
            f"{num_folders} folder(s) of frames are read as videos of {FRAME_RATE:g} frames a "
            f"second; {option('frame_rate')} says otherwise"
        )
        _LOG.warning("%s", Sentence(sentence))


def _file(path: str | Path) -> str:
    """The file or folder that a path is of, which may name a segment."""
    named = None if Path(path).exists() else segment_named(str(path))
    return str(path) if named is None else named[0]
