"""Splits that published results were measured on: a table of protocols over their lists.

A protocol names lists by file name, and the user says in which folder they lie; the project ships
none. What a protocol says can be looked at without any video (``published``, for an audit), and
becomes a split of the videos that are there (``listed_split``).

Where a protocol names no unlabelled list, the unlabelled videos are those of its pool, or of the
manifest's training subset, that are neither labelled nor for testing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from semivideo.base.endings import without_extension
from semivideo.base.errors import SplitError, nearest, option
from semivideo.base.randomness import key
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.matching import match
from semivideo.data.catalogue.sources import group_of_name
from semivideo.data.splits.split_file import Split, check_split
from semivideo.events.label_row import LabelRow
from semivideo.events.lists import read_list

_NO_LISTS = ()


NUM_VIDEOS = {"ucf101": 9_537, "hmdb51": 5_236, "kinetics400": 240_000}
"""Unlabelled videos: UCF-101 split 1, VideoSSL's pool of HMDB-51, Kinetics-400 (about)."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """Which lists say what; file names may hold ``*``.

    Attributes:
        labeled: List of the labelled videos, or of those they are drawn from.
        test: List of the test videos; None for the manifest's own test subset.
        unlabeled: List of the unlabelled videos.
        pool: List of all training videos.
        draws_percent: Share of each class that is drawn as labelled, by the seed; None takes all.
        shares_groups: Whether the lists are known to leak groups into the test.
    """

    labeled: str
    test: str | None
    unlabeled: str | None = None
    pool: str | None = None
    draws_percent: int | None = None
    shares_groups: bool = False


_HMDB_TEST = "hmdb51_val_split_1_rawframes.txt"
_HMDB_POOL = "hmdb51_train_100_percent_labeled_split_1_rawframes.txt"
_HMDB_OFFICIAL = "*_test_split1.txt"

PROTOCOLS: dict[str, Protocol] = {
    **{
        f"ucf101-balanced-{p}": Protocol(
            f"ucf101_{p}_percent_labeled.txt", "testlist01.txt", pool="trainlist01.txt"
        )
        for p in (1, 10)
    },
    **{
        f"ucf101-videossl-{p}": Protocol(
            f"ucf101_train_{p}_percent_labeled_split_1_rawframes.txt",
            "testlist01.txt",
            unlabeled=f"ucf101_train_{p}_percent_unlabeled_split_1_rawframes.txt",
        )
        for p in (5, 10, 20, 50)
    },
    **{
        f"hmdb51-videossl-{p}": Protocol(
            f"hmdb51_train_{p}_percent_labeled_split_1_rawframes.txt",
            _HMDB_TEST,
            pool=_HMDB_POOL,
            shares_groups=True,
        )
        for p in (40, 50, 60)
    },
    "hmdb51-official": Protocol(_HMDB_OFFICIAL, _HMDB_OFFICIAL),
    **{
        f"hmdb51-leak-free-{p}": Protocol(_HMDB_OFFICIAL, _HMDB_OFFICIAL, draws_percent=p)
        for p in (40, 50, 60)
    },
    **{f"kinetics400-{p}": Protocol(f"balanced_{p}_percent_labeled.txt", None) for p in (1, 10)},
    **{
        f"kinetics400-videossl-{p}": Protocol(
            f"kinetics400_train_{p}_percent_labeled_videos.txt", None
        )
        for p in (1, 10)
    },
}
"""By name: data set, lists, labelled percent."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What lists say of a protocol, before any video is looked at.

    Attributes:
        name: Of the protocol.
        seed: It was drawn with; 0 where nothing was drawn.
        labeled: The labelled videos.
        unlabeled: The unlabelled videos, or None for the manifest's other training videos.
        test: The test videos, or None for the manifest's test subset.
        shares_groups: Whether it is known to leak.
    """

    name: str
    seed: int
    labeled: tuple[LabelRow, ...]
    unlabeled: tuple[LabelRow, ...] | None
    test: tuple[LabelRow, ...] | None
    shares_groups: bool = False

    def split(self) -> Split:
        """Return the split of the names in the lists, without extension; no video is needed."""

        def names(entries: Iterable[LabelRow] | None) -> tuple[str, ...]:
            return tuple(without_extension(entry.video) for entry in entries or ())

        return Split(
            name=self.name,
            seed=self.seed,
            labeled=names(self.labeled),
            unlabeled=names(self.unlabeled),
            test=names(self.test),
            shares_groups=self.shares_groups,
        )


def published(name: str, *, lists: Path, seed: int = 0) -> Listed:
    """Read the lists of a protocol.

    Args:
        name: A key of ``PROTOCOLS``.
        lists: Folder that holds the lists, at any depth.
        seed: For protocols that draw: 0, 1 and 2 are the papers' "three subsets".

    Raises:
        SplitError: No such protocol, or a list of it is not there or is there twice.
        DataError: A list cannot be read.
    """
    if name not in PROTOCOLS:
        known = ", ".join(PROTOCOLS)
        raise SplitError(f"no protocol {name!r}{nearest(name, PROTOCOLS)} [known: {known}]")
    protocol = PROTOCOLS[name]
    labeled = _entries(protocol.labeled, lists, use="train")
    test = None if protocol.test is None else _entries(protocol.test, lists, use="test")
    pool: Sequence[LabelRow] | None = None
    if protocol.draws_percent is not None:
        pool = labeled
        labeled = _drawn(labeled, protocol.draws_percent, seed=seed)
    elif protocol.unlabeled is not None or protocol.pool is not None:
        pool = _entries(protocol.unlabeled or protocol.pool or "", lists, use="train")
    elif protocol.labeled == protocol.test:
        pool = ()
    taken = {without_extension(entry.video) for entry in (*labeled, *(test or ()))}
    return Listed(
        name=name if protocol.draws_percent is None else f"{name}-seed{seed}",
        seed=0 if protocol.draws_percent is None else seed,
        labeled=tuple(labeled),
        unlabeled=None
        if pool is None
        else tuple(entry for entry in pool if without_extension(entry.video) not in taken),
        test=None if test is None else tuple(test),
        shares_groups=protocol.shares_groups,
    )


def listed_split(manifest: Manifest, listed: Listed, *, allow_missing: bool = False) -> Split:
    """Find the videos of a protocol; unreadable ones are left out.

    Args:
        manifest: The videos.
        listed: What the lists say.
        allow_missing: Leave out listed videos that the manifest lacks (usual for Kinetics).

    Raises:
        SplitError: A list names videos that the manifest lacks, or a group is on both sides of a
            protocol that is not known to leak.
    """
    subsets = manifest.subsets

    def rows(role: str, entries: Sequence[LabelRow] | None, other: Iterable[int]) -> set[int]:
        if entries is None:
            return set(other)
        return _rows(manifest, entries, role=f"{role} list", allow_missing=allow_missing)

    testing = "test" if "test" in subsets else "val"
    test = rows("test", listed.test, (r for r, subset in enumerate(subsets) if subset == testing))
    training = (r for r, subset in enumerate(subsets) if subset in (None, "train"))
    labeled = rows("labelled", listed.labeled, ())
    unlabeled = rows("unlabelled", listed.unlabeled, training) - labeled - test
    usable = set(np.flatnonzero(manifest.usable).tolist())
    if not test:
        raise SplitError(
            f"protocol {listed.name!r} tests on the official test videos, and the manifest names "
            f"none; scan with the list that does: {option('lists', 'val.csv')}"
        )

    def ids(chosen: set[int]) -> tuple[str, ...]:
        return tuple(manifest.ids[row] for row in sorted(chosen & usable))

    split = replace(listed.split(), labeled=ids(labeled), unlabeled=ids(unlabeled), test=ids(test))
    check_split(split, manifest)
    return split


def _entries(name: str, lists: Path, *, use: str) -> list[LabelRow]:
    """Entries of the lists of that name; those of HMDB-51 mix subsets, others hold one."""
    if not lists.is_dir():
        raise SplitError(f"there is no folder {lists}; name the folder that holds the lists")
    files = sorted(file for file in lists.rglob(name) if file.is_file())
    if not files or (len(files) > 1 and "*" not in name):
        where = ", ".join(str(file.relative_to(lists)) for file in files[:3])
        found = f"is there {len(files)} times ({where})" if files else "is not there"
        raise SplitError(
            f"the list {name} {found} below {lists}; this protocol needs it once: put the "
            "published lists of one release there"
        )
    entries = [entry for file in files for entry in read_list(file)]
    return [entry for entry in entries if "*" not in name or entry.subset == use]


def _drawn(entries: Sequence[LabelRow], percent: int, *, seed: int) -> list[LabelRow]:
    """The first ``percent`` of each class, rounded, in drawn order: a larger share holds more."""
    by_class: dict[str | None, list[LabelRow]] = defaultdict(list)
    for entry in entries:
        by_class[entry.label].append(entry)
    drawn: list[LabelRow] = []
    for members in by_class.values():
        members.sort(key=lambda entry: (key(seed, "published", entry.video), entry.video))
        drawn += members[: max(1, round(len(members) * percent / 100))]
    return drawn


def _rows(
    manifest: Manifest, entries: Sequence[LabelRow], *, role: str, allow_missing: bool
) -> set[int]:
    """Rows that a list names."""
    found = match(entries, manifest.ids)
    missing = [e.video for e, id in zip(entries, found, strict=True) if id is None]
    if missing and not (allow_missing and len(missing) < len(entries)):
        raise SplitError(
            f"the {role} names {len(missing)} of {len(entries)} videos that the manifest lacks, "
            f"first {missing[0]!r}; scan the folder that has them, or pass "
            f"{option('allow_missing', True)}"
        )
    return set(manifest.rows_of([id for id in found if id is not None]).tolist())


def groups_of(entries: Iterable[LabelRow]) -> list[str | None]:
    """Group of each entry: what the list says, else what the name tells."""
    return [entry.group or group_of_name(entry.video) for entry in entries]
