r"""Which file a name in a list means, where names and files are spelled in one of many forms.

A form is what does not change the meaning: capitals, ``/`` or ``\``, a leading ``./``, and letters
with accents in one piece (as Windows and Linux write them) or in two (as macOS does). The exact
spelling comes first; a form counts only where one file has it.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from semivideo.base.endings import without_extension
from semivideo.data.video.frame_names import is_frame_folder
from semivideo.events.label_row import LabelRow


def form(name: str) -> str:
    r"""What two spellings of one path have in common.

    >>> form(".\\Sub\\E\u0301te\u0301.MP4") == form("sub/\u00c9t\u00e9.mp4")
    True
    """
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    plain = plain.replace("\\", "/")
    return PurePosixPath(plain).as_posix() if "./" in plain or "//" in plain else plain


class _Names:
    """Files by name: exactly, or by a form that is the only one of its kind."""

    def __init__(self) -> None:
        self._paths: dict[str, str | None] = {}
        self._forms: dict[str, str | None] = {}

    def add(self, name: str, path: str, *, is_unique: bool = False) -> None:
        """Add a file; ``is_unique`` says that a name of two files means none of them."""
        is_taken = is_unique and name in self._paths
        self._paths[name] = None if is_taken else path

    def get(self, name: str) -> str | None:
        if name in self._paths:
            return self._paths[name]
        if not self._forms:  # most lists never need them
            for known, path in self._paths.items():
                key = form(known)
                self._forms[key] = path if self._forms.get(key, path) == path else None
        return self._forms.get(form(name))


def match(entries: Sequence[LabelRow], paths: Iterable[str]) -> list[str | None]:
    """Find the file that each entry means.

    A path in a user's own table is taken as it is. Published lists are matched without extension,
    by path below the root or, because folders write class names differently ("arm wrestling",
    "arm_wrestling"), by bare name if only one file is called so.

    Args:
        entries: Lines of a list.
        paths: Files there are, relative to the root, with "/".

    Returns:
        One path or None for each entry.
    """
    by_path, by_stem, by_name = _Names(), _Names(), _Names()
    for path in paths:
        bare = without_extension(path)
        by_path.add(path, path)
        by_stem.add(bare, path)
        by_name.add(bare.rpartition("/")[2], path, is_unique=True)

    def find(name: str) -> str | None:
        bare = without_extension(name)
        last = bare.replace("\\", "/").rpartition("/")[2]
        return by_path.get(name) or by_stem.get(bare) or by_name.get(last)

    return [
        by_path.get(e.video)
        if e.is_exact
        else find(e.video) or (find(e.alias) if e.alias else None)
        for e in entries
    ]


class Disk:
    r"""Finds what a table names by looking at the disk: a file, or a folder of frames.

    Besides the name as it is, other forms of it are tried, and for a path of another machine or
    from further up (``C:\data\clips\wave\1.mp4``) its last parts, from the longest on.

    Args:
        root: The folder that names are relative to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listed: dict[Path, dict[str, str | None]] = {}

    def find(self, name: str) -> str | None:
        """Return the path of a relative or absolute name from the root, with "/", or None."""
        for spelled in dict.fromkeys((name, name.replace("\\", "/"))):
            if found := self._there(self.root / spelled):
                return found
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if found := self._by_form(parts):
            return found
        is_foreign = bool(parts) and (parts[0] == "/" or parts[0].endswith(":"))
        root = form(self.root.resolve().name)
        for start in range(1, len(parts)):
            is_from_above = form(parts[start - 1]) == root
            if (is_foreign or is_from_above) and (found := self._by_form(parts[start:])):
                return found
        return None

    def _there(self, file: Path) -> str | None:
        """Path from the root; absolute ones and ".." too, for a manifest moves with its videos."""
        if not (file.is_file() or is_frame_folder(file)):
            return None
        return Path(os.path.relpath(file, self.root)).as_posix()

    def _by_form(self, parts: Sequence[str]) -> str | None:
        """Go down the parts of a path, each in any form that only one name there has."""
        is_absolute = bool(parts) and parts[0] == "/"
        place = Path("/") if is_absolute else self.root
        for part in parts[is_absolute:]:
            found = ".." if part == ".." else self._names_in(place).get(form(part))
            if found is None:
                return None
            place /= found
        return self._there(place)

    def _names_in(self, folder: Path) -> dict[str, str | None]:
        """Names in a folder by their form; None for a form that two have."""
        if folder not in self._listed:
            names: dict[str, str | None] = {}
            with suppress(OSError):  # not there, or not to be looked into: nothing is found in it
                for name in os.listdir(folder):
                    names[form(name)] = None if form(name) in names else name
            self._listed[folder] = names
        return self._listed[folder]
