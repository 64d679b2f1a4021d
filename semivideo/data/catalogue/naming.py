"""Who names the classes: the lists, or the folders that videos lie in.

Folders do where each folder has a class id of its own. Where one folder holds several ids, or one
id lies in several folders, the ids are right and the folders mean something else (a subset, a
person, a camera). A few ids may be wrong and the folders right nevertheless: 2.8 % in the worst of
the VideoSSL lists of HMDB-51.
"""

from __future__ import annotations

import logging
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from semivideo.events.label_row import LabelRow
from semivideo.events.subsets import subset_of_word

log = logging.getLogger("semivideo")

_FEWEST_RIGHT = 0.95
_NO_CLASS = {"videos", "video", "clips", "clip", "data", "dataset", "raw", "all"}

Listed = tuple[Path, list[LabelRow], list[str | None]]
"""A list, its entries, and the file of each."""


def agree(pairs: Iterable[tuple[str, str]]) -> bool:
    """Whether folders and classes are the same thing under two names.

    Args:
        pairs: Folder and class of each video.

    >>> agree([("a", "0"), ("b", "1")]), agree([("a", "0"), ("a", "1")])
    (True, False)
    """
    counts: dict[str, Counter[str]] = {}
    for folder, name in pairs:
        counts.setdefault(folder, Counter())[name] += 1
    usual = {folder: names.most_common(1)[0] for folder, names in counts.items()}
    classes = {name for names in counts.values() for name in names}
    num_right = sum(number for _, number in usual.values())
    is_one_to_one = len({name for name, _ in usual.values()}) == len(usual) == len(classes)
    return is_one_to_one and num_right >= _FEWEST_RIGHT * sum(c.total() for c in counts.values())


def with_classes(
    listed: Sequence[Listed], folder_of: Mapping[str, str | None], *, folders_name: bool | None
) -> tuple[list[Listed], bool]:
    """Give the entries of lists with ids the classes that they mean.

    Args:
        listed: All lists.
        folder_of: Class folder of each video file, None where there is none.
        folders_name: Whether the user says that folders name the classes; None finds it out.

    Returns:
        The lists, and whether the folders name the classes of videos that no list names.
    """
    if folders_name:
        return [_without_written(each, folder_of) for each in listed], True
    found = [_by_folder(each, folder_of) for each in listed] if folders_name is None else []
    if None in found or folders_name is False:
        return [
            (file, [_by_id(e) for e in entries], paths) for file, entries, paths in listed
        ], False
    named = [each for each in found if each is not None]
    by_label = [
        is_same_name(folder, entry.label)
        for _, entries, paths in named
        for entry, path in zip(entries, paths, strict=True)
        if entry.label and not entry.is_folder_label and (folder := folder_of.get(path or ""))
    ]
    if by_label and sum(by_label) < _FEWEST_RIGHT * len(by_label):
        log.warning(
            "the classes of %s are not the names of the folders; a video that it does not name has "
            "no label (layout class, --layout class, takes its folder's name)",
            named[0][0].name,
        )
        return named, False
    return named, True


def is_same_name(one: str, other: str) -> bool:
    """Whether two names of classes differ in blanks and underscores only."""
    one, other = (unicodedata.normalize("NFC", name).replace(" ", "_") for name in (one, other))
    return one == other


def _by_folder(listed: Listed, folder_of: Mapping[str, str | None]) -> Listed | None:
    """A list whose ids are read past, or None where they must decide.

    The folder that a list writes counts before the one that the file is found in.
    """
    file, entries, paths = listed
    written = [(e.label, str(e.class_id)) for e in entries if e.class_id is not None and e.label]
    there = [
        (folder, str(entry.class_id))
        for entry, path in zip(entries, paths, strict=True)
        if entry.class_id is not None and (folder := folder_of.get(path or ""))
    ]
    if not written and not there:
        return listed
    if written and agree(written) and not _mean_nothing(written):
        _tell_wrong_ids(file, written)
        return listed
    if there and agree(there) and not _mean_nothing(there):
        _tell_wrong_ids(file, there)
        return _without_written(listed, folder_of)
    return None


def _without_written(listed: Listed, folder_of: Mapping[str, str | None]) -> Listed:
    """A list without the folders it writes, where those that files lie in name the classes."""
    file, entries, paths = listed
    bare = [
        replace(entry, label=None) if entry.is_folder_label and folder_of.get(path or "") else entry
        for entry, path in zip(entries, paths, strict=True)
    ]
    return file, bare, paths


def _mean_nothing(pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether the folders are called like subsets, or like a folder of anything."""
    folders = {folder for folder, _ in pairs}
    return all(subset_of_word(name) or name.lower() in _NO_CLASS for name in folders)


def _by_id(entry: LabelRow) -> LabelRow:
    """An entry without the folder's name for its class."""
    if not entry.is_folder_label:
        return entry
    number = None if entry.class_id is None else str(entry.class_id)
    return replace(entry, label=number, is_folder_label=False)


def _tell_wrong_ids(file: Path, pairs: Sequence[tuple[str, str]]) -> None:
    """Count the ids that are not those of their folder."""
    usual: Counter[str] = Counter()
    for (folder, _), number in Counter(pairs).items():
        usual[folder] = max(usual[folder], number)
    if num_wrong := len(pairs) - usual.total():
        log.warning(
            "%s: %d of %d class ids are not those of their folder; the folder's name is taken "
            "(layout any, --layout any, lets the ids decide)",
            *(file.name, num_wrong, len(pairs)),
        )
