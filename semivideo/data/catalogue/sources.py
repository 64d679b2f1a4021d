r"""Where videos come from: a folder, a CSV file, or a folder with published lists.

| source | label | videos it names |
|---|---|---|
| folder of folders | name of the class folder, see ``layout``; none for files beside | all below |
| folder with labels.csv (path,label, ...) | the file's; none for videos it does not name | all |
| folder without sub-folders or labels.csv | none | all |
| a list or file of labels | the file's; paths are relative to its folder | those of the file |
| folder + ``lists`` | the lists', else the folder's | all |

Groups keep clips of one source (a film, a person) on one side of a split. A column of a CSV list
(``group``, or the one that is named) comes first; then a pattern that the user gives; then a folder
that the layout calls so; then two kinds of name that are known:

* ``v_<Class>_g<NN>_c<NN>`` (UCF-101): ``<Class>/g<NN>``; g01 of two classes are unrelated;
* ``<source>_<class>_<view tags>_<number>`` (HMDB-51): ``<source>_<class>``, all before the tags.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from semivideo.base.endings import without_extension
from semivideo.base.errors import ConfigError, DataError, option
from semivideo.data.catalogue.clocks import Clocks
from semivideo.data.catalogue.layout import (
    Layout,
    Said,
    layout_of,
    recognized_layout,
    said_by_folders,
    unlabeled_class,
)
from semivideo.data.catalogue.matching import Disk, form, match
from semivideo.data.catalogue.naming import Listed, is_same_name, with_classes
from semivideo.data.catalogue.searching import Found, search, tell_left_out
from semivideo.data.catalogue.segments import video_id
from semivideo.events.columns import tell_doubtful_classes, tell_marks
from semivideo.events.formats import read_labels
from semivideo.events.guidance import Reading
from semivideo.events.label_row import LabelRow, tell_not_used
from semivideo.events.label_sets import at_once
from semivideo.events.lists import names_files

_HUGGING_FACE = "metadata.csv"  # with a column file_name; others mean something else
LABELS_FILES = ("labels.csv", "labels.tsv", _HUGGING_FACE)
"""A table of one of these names in a folder labels its videos; the first one counts."""
_UCF = re.compile(r"v_(?P<class>\w+)_(?P<group>g\d+)_c\d+")
_HMDB = re.compile(r"(?P<group>.+)_[a-z]_[a-z]{2}_np\d+_[a-z]{2}_[a-z]{3}_\d+")
_Part = tuple[float | None, float | None]


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
    layout: str | None = None,
    group_pattern: str | None = None,
    allow_missing: bool = False,
    frame_rate: float | None = None,
    reading: Reading | None = None,
) -> list[LabelRow]:
    r"""List the videos of a source with their labels, groups and subsets.

    What is not taken as it stands (columns, marks for a missing label, files that are no videos, a
    doubtful layout) is told in warnings of the logger "semivideo".

    Args:
        source: A folder, or a list or file of labels (see ``semivideo.events.formats``).
        lists: Further lists that label the videos of a folder or say which are for testing. Lists
            that contradict each other are refused.
        layout: What the folders above a video mean, from the top on: "class", "subset/class",
            "group/class" and so on (see ``semivideo.data.catalogue.layout``); None finds it out.
        group_pattern: Regular expression with one group, searched in each path; what it matches
            names the video's group, over all classes. Example: ``s(\d+)_t`` for UTD-MHAD.
        allow_missing: Leave out listed videos that are not there (usual for Kinetics) instead of
            refusing the list.
        frame_rate: Frames a second of folders of frames, for labels that count them; None for 25.
        reading: What the lists leave open, such as the column that names the group; None for
            nothing. Its clock is that of the videos here.

    Returns:
        Entries in ascending order of their paths, those of one video in order of their starts.

    Raises:
        DataError: No such folder, no video in it, or a list that does not fit it.
        ConfigError: A pattern that is no regular expression with one group, or no layout.
    """
    root = source_root(source)
    told = None if layout is None else layout_of(layout)
    own = source if source.is_file() else _own_table(root)
    files = [*([own] if own else []), *lists]
    how = replace(reading or Reading(), clock=Clocks(root, frame_rate=frame_rate))
    read = [(file, read_labels(file, how)) for file in files]
    if (group_column := how.group_column) is not None and not read:
        raise ConfigError(
            f"{option('group_column')} {group_column!r} needs a CSV file that has the column; name "
            f"one with {option('lists')}, or give {option('group_pattern')}"
        )
    is_searched = source.is_dir() or not all(e.is_exact for _, entries in read for e in entries)
    found = search(root) if is_searched else Found((), (), ())
    listed = _located(read, root, found, allow_missing=allow_missing)
    _tell_of_annotations(listed)
    paths = {path for _, _, located in listed for path in located if path is not None}
    if source.is_dir():
        paths.update(found.paths)
        tell_left_out(root, found, known={*paths, *_below(root, files)})
    # A table of one's own in the folder says all about classes, unless the user says otherwise.
    is_by_folder = own is None or (told is not None and "class" in told.roles)
    used = told or recognized_layout(root, sorted(paths), is_told=is_by_folder)
    said = {path: said_by_folders(path, used) for path in paths}
    if not is_by_folder and told is None:  # of what folders mean, sides are the sure part
        said = {path: Said(subset=each.subset) for path, each in said.items()}
    labels = {path: each.label if is_by_folder else None for path, each in said.items()}
    listed, folders_name = with_classes(
        listed, labels, folders_name=None if told is None else "class" in told.roles
    )
    if how.several:
        listed = [_with_all_at_once(each) for each in listed]
    named = _joined(listed)
    entries = []
    for path in sorted(paths):
        for entry in named.get(path, [LabelRow(path)]):
            label = _label(entry, folder=labels[path] if folders_name else None)
            subset = entry.subset or said[path].subset
            start, end = entry.part
            entries.append(
                LabelRow(path, label, entry.group, subset, start_seconds=start, end_seconds=end)
            )
    if folders_name and is_by_folder:
        _tell_classes(root, entries, labels, used)
    return _with_groups(entries, group_pattern, said)


def _tell_classes(
    root: Path, entries: Sequence[LabelRow], labels: Mapping[str, str | None], layout: Layout
) -> None:
    """Tell of folders' names what is told of a table's classes."""
    named = [entry for entry in entries if entry.label == labels[entry.video]]
    marks = Counter(filter(None, (unlabeled_class(e.video, layout) for e in named)))
    tell_marks(str(root), marks, are_folders=True)
    classes = Counter(entry.label for entry in named if entry.label is not None)
    tell_doubtful_classes(str(root), classes, are_folders=True)


def _own_table(root: Path) -> Path | None:
    """The table in a folder that labels its videos, or None."""
    for name in LABELS_FILES:
        if (root / name).is_file() and (name != _HUGGING_FACE or names_files(root / name)):
            return root / name
    return None


def _below(root: Path, files: Sequence[Path]) -> list[str]:
    """Those of some files that lie below a folder, relative to it."""
    there = (file.resolve() for file in files)
    return [
        f.relative_to(root.resolve()).as_posix() for f in there if f.is_relative_to(root.resolve())
    ]


def _label(entry: LabelRow, *, folder: str | None) -> str | None:
    """Class of a video: the list's, in the folder's spelling; the folder's; the list's number."""
    if entry.is_unlabeled:
        return None
    if entry.label is None:
        number = None if entry.class_id is None else str(entry.class_id)
        return folder or number
    return folder if folder and is_same_name(folder, entry.label) else entry.label


def _located(
    lists: Sequence[tuple[Path, list[LabelRow]]], root: Path, found: Found, *, allow_missing: bool
) -> list[Listed]:
    """Find the file that each entry of the lists means; None for one that is not there."""
    disk = Disk(root)
    listed: list[Listed] = []
    for file, entries in lists:
        matched = match(entries, [*found.videos, *found.frame_folders])
        paths = [path or disk.find(e.video) for e, path in zip(entries, matched, strict=True)]
        missing = [e.video for e, path in zip(entries, paths, strict=True) if path is None]
        if missing:
            _refuse_two_forms(file, missing[0], [*found.videos, *found.frame_folders])
        if missing and not (allow_missing and len(missing) < len(entries)):
            raise _missing_error(file, missing, root=root, total=len(entries))
        listed.append((file, entries, paths))
    return listed


def _refuse_two_forms(file: Path, name: str, paths: Sequence[str]) -> None:
    """Say so where a name is missing because two files differ from it in form only."""
    alike = [path for path in paths if form(path) == form(name)]
    if len(alike) > 1:
        raise DataError(
            f"{file.name} names {name!r}, and {alike[0]!r} and {alike[1]!r} differ from it only in "
            "form (capitals, accents, slashes); write the one that is meant",
            path=str(file),
        )


def _tell_of_annotations(listed: Sequence[Listed]) -> None:
    """Name what a manifest has no room for."""
    for file, entries, _ in listed:
        kept = ("subject", "modifier", "score")
        given = [name for name in kept if any(getattr(e, name) is not None for e in entries)]
        tell_not_used(file.name, "for training", given)


def _joined(listed: Sequence[Listed]) -> dict[str, list[LabelRow]]:
    """Path of each listed video to what all lists together say of it, a part after the other."""
    named: dict[tuple[str, _Part], tuple[Path, LabelRow]] = {}
    for file, entries, paths in listed:
        for entry, path in zip(entries, paths, strict=True):
            if path is None:
                continue
            if (path, entry.part) in named:
                if _says_the_same(*named[path, entry.part], file, entry):
                    continue
                entry = _agreed(
                    *named[path, entry.part], file, entry, path=video_id(path, *entry.part)
                )
            named[path, entry.part] = (file, entry)
    joined: dict[str, list[LabelRow]] = {}
    for (path, _), (_, entry) in named.items():
        joined.setdefault(path, []).append(entry)
    for parts in joined.values():
        parts.sort(key=lambda entry: [seconds or 0.0 for seconds in entry.part])
    return joined


def _with_all_at_once(listed: Listed) -> Listed:
    """The rows of a file, cut so that those of one video do not overlap."""
    file, entries, paths = listed
    by_path: dict[str | None, list[LabelRow]] = {}
    for entry, path in zip(entries, paths, strict=True):
        by_path.setdefault(path, []).append(entry)
    cut = [(row, path) for path, rows in by_path.items() for row in at_once(rows)]
    return file, [row for row, _ in cut], [path for _, path in cut]


def _says_the_same(old_file: Path, old: LabelRow, file: Path, new: LabelRow) -> bool:
    """Whether one file gives one label to two subjects at once, or with two modifiers."""
    is_other = (old.subject, old.modifier) != (new.subject, new.modifier)
    return file == old_file and is_other and old.label == new.label


def _agreed(old_file: Path, old: LabelRow, file: Path, new: LabelRow, *, path: str) -> LabelRow:
    """One entry out of two lists' entries for a video; they must not contradict each other."""
    if file == old_file:
        what = "" if old.label == new.label else f", as {old.label!r} and as {new.label!r}"
        raise DataError(f"{file.name} names {path!r} twice{what}; remove one", path=str(file))
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
        is_unlabeled=old.is_unlabeled or new.is_unlabeled,
    )


def _missing_error(file: Path, missing: list[str], *, root: Path, total: int) -> DataError:
    """The sentence about listed videos that are not there."""
    what = "1 video that is" if len(missing) == 1 else f"{len(missing)} videos that are"
    if len(missing) == total > 1:
        advice = (
            f"is {root} the right folder? if not, scan the one that holds them, with this file as "
            "its list (--list)"
        )
    else:
        advice = f"correct the list, or pass {option('allow_missing', True)} to leave them out"
    return DataError(
        f"{file.name} names {what} not below {root}, first {missing[0]!r}; {advice}",
        path=str(file),
    )


def _with_groups(
    entries: list[LabelRow], pattern: str | None, said: dict[str, Said]
) -> list[LabelRow]:
    """Add the group that a video's path tells to entries that have none."""
    if pattern is None:
        groups = ((e, e.group or said[e.video].group or group_of_name(e.video)) for e in entries)
        return [replace(entry, group=group) for entry, group in groups]
    matcher = _group_matcher(pattern)
    found = [matcher.search(entry.video) for entry in entries]
    if not any(found):
        raise DataError(
            f"{option('group_pattern')} {pattern!r} matches no video, for example not "
            f"{entries[0].video!r}"
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
