"""What the folders above a video say: its class, its side of the data set, its group.

A layout names the folders from the top on, and ``recognized`` finds it out:

| layout | example | when it is taken |
|---|---|---|
| class | ``wave/1.mp4`` | unless something below fits |
| subset/class | ``train/wave/1.mp4`` | the first folders are words such as train, val, test |
| class/subset | ``wave/train/1.mp4`` | the second folders are such words |
| group/class | ``tom/wave/1.mp4`` | the second folder's names repeat under the first folders |
| any/class | ``videos/wave/1.mp4`` | there is one first folder, with several in it |

Persons and cameras may also lie below the class (``wave/cam1/1.mp4``), and then the second names
repeat as well. Names with numbers decide: ``cam1``, ``cam2`` are no classes. Where they do not, the
second folder is taken as the class, and a warning names the option that says otherwise.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from semivideo.base.errors import ConfigError, nearest
from semivideo.events.subsets import UNLABELED, subset_of_word

log = logging.getLogger("semivideo")

ROLES = ("class", "subset", "group", "any")
_SOME = 0.5  # of the second folder's names lie under a first folder on average: they repeat
_NEARLY_ALL = 0.9  # of the videos lie that deep
_KINDS = (
    "person|subject|subj|sub|actor|user|participant|patient|player|signer|speaker|rat|mouse|animal|"
    "camera|cam|view|angle|scene|session|sess|take|trial|day|date|room|site|house|kitchen|group|"
    "clip|video|vid|sequence|seq|part|recording|rec|batch|run|film|movie|device"
)
_OF_A_KIND = re.compile(rf"(?:{_KINDS})[\W_]*(?:\d{{1,6}}|[a-z])", re.IGNORECASE)
_OF_A_CLASS = re.compile(
    r"(?:class|action|gesture|activity|label|category|behavior|behaviour)[\W_]*(?:\d+|[a-z])",
    re.IGNORECASE,
)
_NO_CLASS = re.compile(
    r"videos?|clips?|data|dataset|raw|rgb|colou?r|depth|ir|flow|frames?|images?|masks?|front|back|side|top|left|"
    r"right|frontal|lateral|day|night|indoors?|outdoors?",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Layout:
    """What each folder above a video means, from the top on.

    Attributes:
        roles: Of ``ROLES``; a folder further down means nothing.
    """

    roles: tuple[str, ...] = ("class",)

    def __str__(self) -> str:
        return "/".join(self.roles)


@dataclass(frozen=True, slots=True)
class Said:
    """What the folders of one video say; None where they do not.

    Attributes:
        label: The class.
        group: The group.
        subset: "train", "val", "test" or "unused".
    """

    label: str | None = None
    group: str | None = None
    subset: str | None = None


def layout_of(text: str) -> Layout:
    """Read a layout as people write it.

    Raises:
        ConfigError: A word that is no role, or one role twice.

    >>> layout_of("group/class").roles
    ('group', 'class')
    """
    roles = tuple(part.strip().lower() for part in text.strip("/ ").split("/"))
    for role in roles:
        if role not in ROLES:
            raise ConfigError(
                f"layout {text!r} has the word {role!r}{nearest(role, ROLES)}; write what the "
                "folders mean from the top on, such as class, subset/class or group/class, and any "
                "for a folder that means nothing"
            )
        if role != "any" and roles.count(role) > 1:
            raise ConfigError(
                f"layout {text!r} has the word {role!r} twice; each folder is another"
            )
    return Layout(roles)


def said_by_folders(path: str, layout: Layout) -> Said:
    """Read what the folders of a video say.

    >>> said_by_folders("train/wave/1.mp4", Layout(("subset", "class")))
    Said(label='wave', group=None, subset='train')
    """
    found = _by_role(path, layout)
    words = {role: subset_of_word(found.get(role, "")) for role in ("class", "subset")}
    return Said(
        None if UNLABELED in words.values() else found.get("class"),
        found.get("group"),
        None if words["subset"] == UNLABELED else words["subset"],
    )


def unlabeled_class(path: str, layout: Layout) -> str | None:
    """Folder of a video that stands where classes do and says that nobody told the class, or None.

    >>> unlabeled_class("unlabelled/1.mp4", Layout(("class",)))
    'unlabelled'
    """
    folder = _by_role(path, layout).get("class", "")
    return folder if subset_of_word(folder) == UNLABELED else None


def _by_role(path: str, layout: Layout) -> dict[str, str]:
    """Role to the folder of a video that has it."""
    return dict(zip(layout.roles, _folders(path), strict=False))


def _folders(path: str) -> list[str]:
    """Folders above a video; composed accents, since disks and tables write them either way."""
    return unicodedata.normalize("NFC", path).split("/")[:-1]


def recognized_layout(root: Path, paths: Sequence[str], *, is_told: bool) -> Layout:
    """Find out what folders mean, and warn of what is in doubt.

    Args:
        root: The folder that paths are relative to.
        paths: Of all videos, relative, with "/".
        is_told: Whether a doubt is told; no where classes come from elsewhere.
    """
    layout, doubt = recognized(paths)
    if doubt and is_told:
        example = next((p for p in paths if p.count("/") >= len(layout.roles)), paths[0])
        said = said_by_folders(example, layout)
        log.warning(
            "the folders of %s are read as %s (%s is of class %r), but %s; if that is wrong, give "
            "layout %s (--layout %s)",
            *(root, layout, example, said.label, doubt, _other(layout), _other(layout)),
        )
    if is_told:
        _tell_sides_among_classes(root, paths, layout)
    return layout


def _tell_sides_among_classes(root: Path, paths: Sequence[str], layout: Layout) -> None:
    """Name classes that are called like a side of the data."""
    labels = ((said_by_folders(path, layout).label, path) for path in paths)
    examples = {label: path for label, path in labels if label and subset_of_word(label)}
    for label, path in sorted(examples.items()):
        log.warning(
            "the folder %r of %s is taken as a class, as its neighbours are (%s is of class %r); "
            "if it is for a subset, put folders of classes into it and the others into one called "
            "train (--layout subset/class); if it is a class, say so (--layout %s)",
            *(label, root, path, label, layout),
        )


def _other(layout: Layout) -> str:
    """The layout that a doubtful one could be instead."""
    if layout.roles == ("class",):
        return "group/class"
    if "group" not in layout.roles:
        return "class"
    above = layout.roles[: layout.roles.index("group")]
    return "/".join((*above, "class", "group"))


def recognized(paths: Sequence[str]) -> tuple[Layout, str | None]:
    """Find out what folders mean.

    Args:
        paths: Of all videos, relative, with "/".

    Returns:
        The layout, and what else it could be: a sentence for the user, or None where there is no
        doubt.
    """
    folders = [_folders(path) for path in paths]
    is_loose = any(not each for each in folders)
    folders = [each for each in folders if each]
    if not folders:
        return Layout(), None
    above: list[str] = []
    top = folders[0][0]
    while not is_loose and _is_wrapper(folders):
        above.append("any")
        folders = [each[1:] for each in folders]
    roles, doubt = _sides_and_classes(folders)
    if above and doubt is None and not _NO_CLASS.fullmatch(top):
        doubt = "the one folder at the top is taken as no class"
    return Layout((*above, *roles)), doubt


def _is_wrapper(folders: list[list[str]]) -> bool:
    """Whether all videos lie in one folder that several others lie in, as zip files are packed."""
    is_one = len(_names(folders, 0)) == 1 and min(map(len, folders)) > 1
    return is_one and subset_of_word(folders[0][0]) is None and len(_names(folders, 1)) > 1


def _sides_and_classes(folders: list[list[str]]) -> tuple[tuple[str, ...], str | None]:
    """Roles of the folders, subsets among them."""
    first = {name: subset_of_word(name) for name in _names(folders, 0)}
    sides = {side for side in first.values() if side is not None}
    inner = [each[1:] for each in folders if len(each) > 1]
    if None not in first.values() or ({"train"} < sides and sides & {"val", "test"}):
        roles, doubt = _classes(inner) if inner else ((), None)
        others = sorted(name for name, side in first.items() if side is None)
        if others and doubt is None:
            doubt = f"the folder {others[0]!r} beside those of the subsets is taken as none"
        return ("subset", *roles), doubt
    second = {subset_of_word(name) for name in _names(folders, 1)}
    if len(inner) == len(folders) and None not in second and len(second) > 1:
        return ("class", "subset"), None
    return _classes(folders)


def _classes(folders: list[list[str]]) -> tuple[tuple[str, ...], str | None]:
    """Roles of the folders, without subsets."""
    deep = [each for each in folders if len(each) > 1]
    first, second = (_names(deep, level) for level in (0, 1))
    if len(deep) < _NEARLY_ALL * len(folders) or _are_classes(first):
        return ("class",), None
    share = _repeated(deep, 1)
    if _are_numbered(first) and not _are_numbered(second):
        if share == 0:
            return ("class",), "their names are like those of persons or cameras"
        doubt = None if share == 1 else "not all of these classes are below every first folder"
        return ("group", "class"), doubt
    if share < _SOME or (_are_numbered(second) and not _are_numbered(first)):
        return ("class",), None
    if _are_numbered(first):
        deeper = [each for each in deep if len(each) > 2]
        if len(deeper) == len(folders) and _repeated(deeper, 2) >= _SOME:
            if not _are_numbered(_names(deeper, 2)):
                return ("group", "any", "class"), "there are three folders above each video"
    return ("group", "class"), "the names would also fit the other way round"


def _names(folders: list[list[str]], level: int) -> set[str]:
    return {each[level] for each in folders if len(each) > level}


def _repeated(folders: list[list[str]], level: int) -> float:
    """How far a level's names repeat under the first folders, from 0 to 1: all under each."""
    under: dict[str, set[str]] = {}
    for each in folders:
        under.setdefault(each[0], set()).add(each[level])
    counts = Counter(name for names in under.values() for name in names)
    if len(under) < 2 or len(counts) < 2 or max(counts.values()) < 2:
        return 0.0
    return counts.total() / (len(under) * len(counts))


def _are_numbered(names: set[str]) -> bool:
    """Whether names are those of persons, cameras or days: numbers, or words with a number."""
    if _are_classes(names):
        return False
    if all(_OF_A_KIND.fullmatch(name) or _NO_CLASS.fullmatch(name) for name in names):
        return True
    return len({_NUMBER.sub("#", name.lower()) for name in names}) == 1 < len(names)


def _are_classes(names: set[str]) -> bool:
    """Whether names say that they are classes: action_1, class b."""
    return all(_OF_A_CLASS.fullmatch(name) for name in names)
