r"""Where videos come from: a folder, a CSV file, or a folder with published lists.

| source | label | videos it names |
|---|---|---|
| folder of folders | name of the first folder; none for files beside the folders | all below it |
| folder with labels.csv (path,label[,group]) | the file's; none for videos it does not name | all |
| folder without sub-folders or labels.csv | none | all |
| a list file | the list's; paths are relative to the list's folder | those of the list |
| folder + ``lists`` | the lists', else the folder's | all |

Groups keep clips of one source (a film, a person) on one side of a split. A column of a CSV list
(``group``, or the one that is named) comes first; then a pattern that the user gives; then two
kinds of name that are known:

* ``v_<Class>_g<NN>_c<NN>`` (UCF-101): ``<Class>/g<NN>``; g01 of two classes are unrelated;
* ``<source>_<class>_<view tags>_<number>`` (HMDB-51): ``<source>_<class>``, all before the tags.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from semivideo.base.errors import ConfigError, DataError, option
from semivideo.data.catalogue.lists import (
    VIDEO_EXTENSIONS,
    ListEntry,
    match,
    read_list,
    without_extension,
)

LABELS_FILE = "labels.csv"
_UCF = re.compile(r"v_(?P<class>\w+)_(?P<group>g\d+)_c\d+")
_HMDB = re.compile(r"(?P<group>.+)_[a-z]_[a-z]{2}_np\d+_[a-z]{2}_[a-z]{3}_\d+")


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """One video file and what its name or list says about it.

    Attributes:
        path: Relative to the source's root, with "/".
        label: Class name, or None.
        group: Videos of one group stay on one side of a split, or None.
        subset: "train", "val", "test" or "unused" in an official protocol, or None.
    """

    path: str
    label: str | None = None
    group: str | None = None
    subset: str | None = None


def source_root(source: Path) -> Path:
    """Folder that the paths of a source are relative to: itself, or the folder of a list.

    Raises:
        DataError: The source does not exist.
    """
    if source.is_dir():
        return source
    if source.is_file():
        return source.parent
    raise DataError(
        f"{source} does not exist; give a folder of videos or a CSV file", path=str(source)
    )


def find_videos(
    source: Path,
    *,
    lists: Sequence[Path] = (),
    group_pattern: str | None = None,
    group_column: str | None = None,
    allow_missing: bool = False,
) -> list[SourceEntry]:
    r"""List the videos of a source with their labels, groups and subsets.

    Args:
        source: A folder, or a list file (see ``semivideo.data.catalogue.lists``).
        lists: Further lists that label the videos of a folder or say which are for testing. Lists
            that contradict each other are refused.
        group_pattern: Regular expression with one group, searched in each path; what it matches
            names the video's group, over all classes. Example: ``s(\d+)_t`` for UTD-MHAD.
        group_column: Column of the CSV lists that names the group; None for "group".
        allow_missing: Leave out listed videos that are not there (usual for Kinetics) instead of
            refusing the list.

    Returns:
        Entries in ascending order of their paths.

    Raises:
        DataError: No such folder, no video in it, or a list that does not fit it.
        ConfigError: A pattern that is no regular expression with one group.
    """
    root = source_root(source)
    files = list(lists)
    if source.is_file():
        files.insert(0, source)
    elif (root / LABELS_FILE).is_file():
        files.insert(0, root / LABELS_FILE)
    listed = [(file, read_list(file, group_column=group_column)) for file in files]
    if group_column is not None and not listed:
        raise ConfigError(
            f"{option('group_column')} {group_column!r} needs a CSV file that has the column; name "
            f"one with {option('lists')}, or give {option('group_pattern')}"
        )
    is_searched = source.is_dir() or not all(e.is_exact for _, entries in listed for e in entries)
    paths = video_paths(root) if is_searched else []
    named = _listed(listed, root, paths, allow_missing=allow_missing)
    by_folder = source.is_dir() and root / LABELS_FILE not in files
    found = []
    for path in sorted({*named, *paths} if source.is_dir() else named):
        entry = named.get(path, ListEntry(path))
        label = _label(entry, folder=_folder_label(path) if by_folder else None)
        found.append(SourceEntry(path, label, entry.group, entry.subset))
    return _with_groups(found, group_pattern)


def _label(entry: ListEntry, *, folder: str | None) -> str | None:
    """Class of a video: the list's, in the folder's spelling; the folder's; the list's number."""
    if entry.label is None:
        number = None if entry.class_id is None else str(entry.class_id)
        return folder or number
    if folder and folder.replace(" ", "_") == entry.label.replace(" ", "_"):
        return folder
    return entry.label


def _folder_label(path: str) -> str | None:
    """First folder of a path; None for a file at the top."""
    folder, slash, _ = path.partition("/")
    return folder if slash else None


def video_paths(root: Path) -> list[str]:
    """All video files below a folder, relative, with "/"; hidden ones are not looked at."""
    endings = tuple(f".{ending}" for ending in VIDEO_EXTENSIONS)
    found, num_others = [], 0
    for folder, names in _walk(root):
        for name in names:
            if name.lower().endswith(endings):
                found.append(f"{folder}{name}")
            else:
                num_others += 1
    if not found:
        what = f"holds {num_others} files but no video" if num_others else "is empty"
        raise DataError(
            f"{root} {what}; videos end in {', '.join(VIDEO_EXTENSIONS)}", path=str(root)
        )
    for path in found:
        if not path.isprintable() and any("\ud800" <= c <= "\udfff" for c in path):
            raise DataError(f"the file name {path!r} is not valid UTF-8; rename it", path=path)
    return sorted(found)


def _walk(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield ("" or "folder/", file names); follows links, each real folder once."""
    seen: set[tuple[int, int]] = set()

    def refuse(error: OSError) -> None:
        raise DataError(f"cannot look into {error.filename}: {error.strerror}; check its rights")

    for folder, inner, names in os.walk(root, followlinks=True, onerror=refuse):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            inner.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        below = Path(folder).relative_to(root).as_posix()
        yield (
            "" if below == "." else f"{below}/",
            [name for name in names if not name.startswith(".")],
        )


def _listed(
    listed: Sequence[tuple[Path, list[ListEntry]]],
    root: Path,
    paths: list[str],
    *,
    allow_missing: bool,
) -> dict[str, ListEntry]:
    """Path of each listed video to what all lists together say of it."""
    named: dict[str, tuple[Path, ListEntry]] = {}
    for file, entries in listed:
        missing = []
        for entry, matched in zip(entries, match(entries, paths), strict=True):
            path = matched or (_existing(root, entry.name) if entry.is_exact else None)
            if path is None:
                missing.append(entry.name)
                continue
            if path in named:
                entry = _agreed(*named[path], file, entry, path=path)
            named[path] = (file, entry)
        if missing and not (allow_missing and len(missing) < len(entries)):
            raise _missing_error(file, missing, root=root, total=len(entries))
    return {path: entry for path, (_, entry) in named.items()}


def _existing(root: Path, name: str) -> str | None:
    """Path relative to the root of a file that a CSV names, or None if it is not there."""
    # Absolute paths and ".." become relative, so that a manifest can move with its videos.
    file = root / name
    return Path(os.path.relpath(file, root)).as_posix() if file.is_file() else None


def _agreed(old_file: Path, old: ListEntry, file: Path, new: ListEntry, *, path: str) -> ListEntry:
    """One entry out of two lists' entries for a video; they must not contradict each other."""
    if file == old_file:
        raise DataError(f"{file.name} names {path!r} twice; remove one", path=str(file))
    for name in ("label", "group", "subset"):
        first, second = getattr(old, name), getattr(new, name)
        if first is not None and second is not None and first != second:
            raise DataError(
                f"{path!r} has the {name} {first!r} in {old_file.name} and {second!r} in "
                f"{file.name}; give the lists of one split only",
                path=str(file),
            )
    return replace(
        old,
        label=old.label or new.label,
        group=old.group or new.group,
        subset=old.subset or new.subset,
    )


def _missing_error(file: Path, missing: list[str], *, root: Path, total: int) -> DataError:
    """The sentence about listed videos that are not there."""
    what = "1 video that is" if len(missing) == 1 else f"{len(missing)} videos that are"
    if len(missing) == total > 1:
        advice = f"is {root} the right folder?"
    else:
        advice = f"correct the list, or pass {option('allow_missing', True)} to leave them out"
    return DataError(
        f"{file.name} names {what} not below {root}, first {missing[0]!r}; {advice}",
        path=str(file),
    )


def _with_groups(entries: list[SourceEntry], pattern: str | None) -> list[SourceEntry]:
    """Add the group that a video's name tells to entries that have none."""
    if pattern is None:
        return [e if e.group else replace(e, group=group_of_name(e.path)) for e in entries]
    matcher = _group_matcher(pattern)
    found = [matcher.search(entry.path) for entry in entries]
    if not any(found):
        raise DataError(
            f"{option('group_pattern')} {pattern!r} matches no video, for example not "
            f"{entries[0].path!r}"
        )
    return [
        e if e.group or m is None else replace(e, group=m[1])
        for e, m in zip(entries, found, strict=True)
    ]


def _group_matcher(pattern: str) -> re.Pattern[str]:
    """Compile a user's pattern."""
    try:
        matcher = re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"{option('group_pattern')} {pattern!r} is no regular expression: {error}; "
            r"for s1_t2.mp4 write s(\d+)_t"
        ) from None
    if matcher.groups != 1:
        raise ConfigError(
            f"{option('group_pattern')} {pattern!r} has {matcher.groups} groups in brackets and "
            r"needs one; for s1_t2.mp4 write s(\d+)_t"
        )
    return matcher


def group_of_name(path: str) -> str | None:
    """Group that the name of a UCF-101 or HMDB-51 clip tells, or None.

    >>> group_of_name("Archery/v_Archery_g03_c02.avi")
    'Archery/g03'
    >>> group_of_name("clap/Budam_-_Clap_Hands_clap_u_nm_np1_fr_med_0.avi")
    'Budam_-_Clap_Hands_clap'
    """
    stem = without_extension(path.rpartition("/")[2])
    if ucf := _UCF.fullmatch(stem):
        return f"{ucf['class']}/{ucf['group']}"
    hmdb = _HMDB.fullmatch(stem)
    return hmdb["group"] if hmdb else None
