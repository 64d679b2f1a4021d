"""A split: three lists of video ids with a name, a seed and a hash, and the file it lies in.

Once written it does not change: a file of another content is never overwritten, and one that was
edited by hand is refused.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from semivideo.base.checked import UnreadError, read_json, shown
from semivideo.base.errors import SplitError
from semivideo.base.files import replacing
from semivideo.base.places import NAMES, made_again, what_is
from semivideo.data.catalogue.manifest import Manifest

FORMAT = 1
Rows = Sequence[int] | NDArray[np.int64]
_LISTS = ("labeled", "unlabeled", "test")


@dataclass(frozen=True, repr=False)
class Split:
    """What the learner may know of a data set's videos.

    Attributes:
        name: For people; two splits with the same videos have the same hash whatever their names.
        seed: The seed it was drawn with; 0 where nothing was drawn.
        labeled: Ids of the videos whose class the learner may know, ascending.
        unlabeled: Ids of the other training videos, ascending.
        test: Ids of the videos for testing, ascending; may be empty.
        shares_groups: Whether it is admitted that groups are on both sides, as in some published
            lists; results on such a split are too good.

    Raises:
        SplitError: No labelled video, or a video twice.
    """

    name: str
    seed: int
    labeled: tuple[str, ...]
    unlabeled: tuple[str, ...]
    test: tuple[str, ...]
    shares_groups: bool = False

    def __post_init__(self) -> None:
        members: dict[str, set[str]] = {}
        for role in _LISTS:
            ids = getattr(self, role)
            object.__setattr__(self, role, tuple(sorted(ids)))
            members[role] = set(ids)
            if len(members[role]) < len(ids):
                raise SplitError(f"split {self.name!r} names a video twice in {role}; remove one")
        for one, other in combinations(_LISTS, 2):
            if both := members[one] & members[other]:
                raise SplitError(
                    f"video {min(both)!r} would be in {one} and {other} at once in split "
                    f"{self.name!r}; the three lists have no video in common"
                )
        if not self.labeled:
            raise SplitError(f"split {self.name!r} has no labelled video; label some")

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(getattr(self, role))} {role}" for role in _LISTS)
        return f"<Split {self.name}: {sizes}, hash {self.short_hash}>"

    @cached_property
    def hash(self) -> str:
        """64 hexadecimal digits, a function of the three lists alone."""
        lists = {role: getattr(self, role) for role in _LISTS}
        text = json.dumps(lists, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    @property
    def short_hash(self) -> str:
        """The first 12 digits of the hash, for people and messages."""
        return self.hash[:12]

    def write(self, path: Path) -> None:
        """Write the split as JSON; a file with the same videos is left as it is.

        Raises:
            SplitError: A file of that name exists and is another split, or no split.
            WriteError: It cannot be written.
        """
        if path.exists():
            try:
                old = Split.read(path).short_hash
            except SplitError:
                raise SplitError(f"{path} exists and is not a split; choose another name") from None
            if old != self.short_hash:
                raise SplitError(
                    f"{path} exists with another hash ({old} != {self.short_hash}); "
                    "choose another name"
                )
            return
        with replacing(path) as temporary:
            temporary.write_text(_as_lines(self.to_json()), encoding="ascii")

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON types, ids as tuples."""
        head = {"format": FORMAT, "name": self.name, "seed": self.seed, "hash": self.hash}
        lists = {role: getattr(self, role) for role in _LISTS}
        return {**head, "shares_groups": self.shares_groups, **lists}

    @classmethod
    def read(cls, path: Path) -> Split:
        """Read a split.

        Raises:
            SplitError: There is no such file, it is not a split, or it was edited by hand.
        """
        return cls.from_json(_content(path), path=path)

    @classmethod
    def from_json(cls, content: Any, *, path: Path) -> Split:
        """Make a split of what ``to_json`` gave.

        Args:
            content: Of a file.
            path: That file, for messages.

        Raises:
            SplitError: It is not a split, or it was edited by hand.
        """
        again = made_again(path, _AGAIN)
        _require_keys(content, path)
        roles = {role: content[role] for role in _LISTS}
        for role, ids in roles.items():
            if not (isinstance(ids, list) and set(map(type, ids)) <= {str}):
                raise SplitError(f"{role} in {path} is not a list of video ids; {again}")
        seed, shares = content["seed"], content["shares_groups"]
        if type(seed) is int and not 0 <= seed < 2**63:
            raise SplitError(
                f"seed in {path} is {shown(seed)}, and 0 to 2^63 - 1 is allowed; {again}"
            )
        if type(seed) is not int:
            raise SplitError(f"seed in {path} is {shown(seed)}, not a whole number; {again}")
        for key, kind in (("name", str), ("shares_groups", bool), ("hash", str)):
            if type(content[key]) is not kind:
                raise SplitError(f"{key} in {path} is {shown(content[key])}; {again}")
        split = cls(
            name=content["name"],
            seed=seed,
            shares_groups=shares,
            **{role: tuple(ids) for role, ids in roles.items()},
        )
        if split.hash != content["hash"]:
            raise SplitError(
                f"{path} was edited: its videos have the hash {split.short_hash}, the file says "
                f"{str(content['hash'])[:12]}; {again}"
            )
        return split


def check_split(split: Split, manifest: Manifest) -> None:
    """Check that a split fits the videos.

    Raises:
        SplitError: It names videos that the manifest lacks or whose class nobody knows, or a group
            is on both sides and the split does not admit it.
    """
    lists = [getattr(split, role) for role in _LISTS]
    ids = list(chain(*lists))
    rows = manifest.find(ids)
    if missing := sorted(ids[place] for place in np.flatnonzero(rows < 0)):
        what = "1 video" if len(missing) == 1 else f"{len(missing)} videos"
        raise SplitError(
            f"split {split.name!r} names {what} that the manifest lacks, first {missing[0]!r}; use "
            "the manifest it was made for, or scan that folder again"
        )
    labeled, unlabeled, test = np.split(rows, np.cumsum([len(part) for part in lists])[:-1])
    for row in chain(labeled.tolist(), test.tolist()):
        if manifest.labels[row] is None:
            raise SplitError(
                f"split {split.name!r} needs the class of {manifest.ids[row]!r}, which has no "
                "label in the manifest; scan it with its labels"
            )
    if not split.shares_groups:
        require_apart(manifest, np.concatenate([labeled, unlabeled]), test)


def require_apart(manifest: Manifest, train: Rows, test: Rows) -> None:
    """Check that no group is on both sides.

    Args:
        manifest: The videos.
        train: Rows of labelled and unlabelled videos.
        test: Rows of test videos.

    Raises:
        SplitError: A group has rows on both sides.
    """
    groups = manifest.table["group"]
    sides = [groups.take(pa.array(rows, pa.int64())).unique() for rows in (train, test)]
    if both := set.intersection(*(set(side.to_pylist()) - {None, ""} for side in sides)):
        cut = manifest.table["path"].filter(pa.array(manifest.is_segment))
        if files := both & set(cut.unique().to_pylist()):
            more = f" (and of {len(files) - 1} more files)" if len(files) > 1 else ""
            raise SplitError(
                f"segments of {min(files)!r}{more} would be in training and testing at once; they "
                "show one scene, so a file's segments stay on one side: hold out whole files, or "
                "give the list a column group that says what belongs together"
            )
        more = f" (and {len(both) - 1} more)" if len(both) > 1 else ""
        raise SplitError(
            f"group {min(both)!r}{more} would be in training and testing at once; a group stays "
            "on one side: name whole groups for testing, or correct the groups of these videos"
        )


_AGAIN = "draw the split again under another name: semivideo split MANIFEST --out NAME"
_KEYS = ("format", "name", "seed", "hash", "shares_groups", *_LISTS)


def _as_lines(content: dict[str, Any]) -> str:
    """The text ``json.dumps(content, indent=1)`` gives, ten times as fast for a million ids."""
    lines = []
    for name, value in content.items():
        text = json.dumps(value, separators=(",\n  ", ": "))  # with indent it is not done in C
        if isinstance(value, tuple) and value:
            text = f"[\n  {text[1:-1]}\n ]"
        lines.append(f" {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _content(path: Path) -> Any:
    """What a split file holds."""
    if (kind := what_is(path)) not in ("split", "file", "nothing"):
        inside = path / "split.json"
        hint = f"its split is {inside}" if inside.is_file() else "name a file of semivideo split"
        raise SplitError(f"{path} is {NAMES[kind]} and no split; {hint}")
    try:
        return read_json(path)
    except FileNotFoundError:
        raise SplitError(
            f"there is no split {path}; make it with: semivideo split MANIFEST --out "
            f"{shlex.quote(str(path))}"
        ) from None
    except UnreadError as error:
        again = made_again(path, _AGAIN)
        raise SplitError(f"{path} is not a split, for {error}; {again}") from None


def _require_keys(content: Any, path: Path) -> None:
    """Check that a file holds a JSON object of a split, with all its keys."""
    again = made_again(path, _AGAIN)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SplitError(f"{path} is not a split of this version of semivideo; {again}")
    if missing := [name for name in _KEYS if name not in content]:
        raise SplitError(f"{path} lacks {', '.join(missing)}; {again}")
