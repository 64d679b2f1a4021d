"""Ways to a split: drawn from a manifest, or taken as the user labelled it.

How ``draw_split`` draws; all of it is a function of the seed and the ids, so neither the order of
files nor the platform changes it (``published`` has splits from published lists):

1. Test videos: those of ``test_groups``; or about ``test_fraction`` of each class, whole groups at
   a time; or, if neither is given, the official test subset of the manifest ("test", else "val").
   A group is never on both sides. Unlabelled videos of test groups and videos of other official
   subsets ("unused") are left out; so are unreadable files everywhere.
2. Labelled videos: for each class the first n in a drawn order, whatever their groups, as the
   papers draw them. Fewer labels of one seed are part of more.
3. Unlabelled videos: all other training videos, whether anybody knows their class or not.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from semivideo.base.errors import SplitError, nearest, option
from semivideo.base.randomness import keys
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits.split_file import Split, check_split, require_apart
from semivideo.events.label_sets import classes_in

__all__ = ["Split", "check_split", "draw_split", "practical_split", "redrawn", "tell_unlearned"]

log = logging.getLogger("semivideo")

_MOST_NAMED = 5


def draw_split(
    manifest: Manifest,
    *,
    labels_per_class: int | None = None,
    labeled_fraction: float | None = None,
    seed: int = 0,
    test_groups: Sequence[str] = (),
    test_fraction: float | None = None,
    allow_fewer: bool = False,
) -> Split:
    """Draw the labelled videos, and the test videos if asked to.

    Args:
        manifest: The videos; one without a label is only ever unlabelled.
        labels_per_class: As many labelled videos of each class, >= 1.
        labeled_fraction: Share of the training videos that is labelled, in (0, 1]; every class gets
            its share by largest remainder, and at least one.
        seed: Another seed draws other videos.
        test_groups: Groups whose videos are for testing.
        test_fraction: Share of the videos for testing, in (0, 1); whole groups, so only about it.
        allow_fewer: Label all videos of a class that has fewer than ``labels_per_class``.

    Raises:
        SplitError: Arguments that exclude each other or are out of range, an unknown group, fewer
            than two classes, a class with too few videos, or a group on both sides.
    """
    _require_ranges(labels_per_class, labeled_fraction, test_fraction, test_groups)
    rows = _usable(manifest)
    _require_two_classes(manifest, rows)
    if test_groups:
        test, train = _by_groups(manifest, rows, test_groups)
    elif test_fraction is not None:
        test, train = _by_fraction(manifest, rows, test_fraction, seed=seed)
    else:
        test, train = _by_subset(manifest, rows)
    require_apart(manifest, train, test)
    by_class = _by_class(manifest, train, test, allow_fewer=allow_fewer)
    _require_two_classes(manifest, train)
    if labels_per_class is not None:
        wanted = _balanced(by_class, labels_per_class, allow_fewer=allow_fewer)
        name = f"{labels_per_class}-per-class-seed{seed}"
    else:
        fraction = labeled_fraction or 0.0
        wanted = _proportional(by_class, fraction)
        name = f"{100 * fraction:g}-percent-seed{seed}"
    labeled = {
        row
        for label, members in by_class.items()
        for row in _drawn_order(manifest, members, seed)[: wanted[label]]
    }
    return Split(
        name=name,
        seed=seed,
        labeled=_ids(manifest, labeled),
        unlabeled=_ids(manifest, set(train) - labeled),
        test=_ids(manifest, test),
    )


def redrawn(
    manifest: Manifest,
    split: Split,
    *,
    labels: Literal["balanced", "by_frequency", "one_a_group"],
) -> Split:
    """Draw the labelled videos of a split anew, as many and from the same training videos.

    Args:
        manifest: The videos.
        split: Its training videos with a known class are drawn from; its test side stays.
        labels: As many of each class, or in proportion to the sizes of the classes (CMPL Table A3);
            or as many of each class, from as many groups (films, people) as there are.

    Raises:
        SplitError: The labels do not divide evenly among the classes, or a class is too small.
    """
    train = manifest.rows_of([*split.labeled, *split.unlabeled]).tolist()
    by_class = _by_class(manifest, train, [], allow_fewer=True)
    num_labels, num_classes = len(split.labeled), len(by_class)
    if labels != "by_frequency":
        if num_labels % num_classes:
            raise SplitError(
                f"{num_labels} labels do not divide evenly among {num_classes} classes; draw a "
                f"split with {option('labels_per_class')}"
            )
        wanted = _balanced(by_class, num_labels // num_classes, allow_fewer=False)
    else:
        num_known = sum(map(len, by_class.values()))
        wanted = _proportional(by_class, num_labels / num_known)
    order = {label: _drawn_order(manifest, rows, split.seed) for label, rows in by_class.items()}
    if labels == "one_a_group":
        order = {label: _group_by_group(manifest, rows) for label, rows in order.items()}
    labeled = {row for label, rows in order.items() for row in rows[: wanted[label]]}
    return replace(
        split,
        name=f"{split.name}-{labels}",
        labeled=_ids(manifest, labeled),
        unlabeled=_ids(manifest, set(train) - labeled),
    )


def _group_by_group(manifest: Manifest, rows: Sequence[int]) -> list[int]:
    """Put the first row of each group first, then the second of each, and so on."""
    times_met: Counter[str | int] = Counter()
    turns: dict[int, int] = {}
    for row in rows:
        group = manifest.groups[row] or row  # a video of no group is one of its own
        turns[row] = times_met[group]
        times_met[group] += 1
    return sorted(rows, key=turns.__getitem__)


def practical_split(manifest: Manifest, *, name: str = "practical") -> Split:
    """Take every label there is: labelled videos train as such, all others are unlabelled.

    There are test videos only if the manifest has an official test subset.

    Raises:
        SplitError: Fewer than two classes have a label, or a group is on both sides.
    """
    test, train = _by_subset(manifest, _usable(manifest))
    _require_two_classes(manifest, train)
    require_apart(manifest, train, test)
    labeled = {row for row in train if manifest.labels[row] is not None}
    return Split(
        name=name,
        seed=0,
        labeled=_ids(manifest, labeled),
        unlabeled=_ids(manifest, set(train) - labeled),
        test=_ids(manifest, test),
    )


def tell_unlearned(manifest: Manifest, split: Split) -> None:
    """Name the classes that a training by a split learns nothing of."""
    labels = set(filter(None, manifest.labels))
    learned = {label for row in manifest.rows_of(split.labeled) if (label := manifest.labels[row])}
    unlearned = set(classes_in(labels)) - set(classes_in(learned))
    if unlearned:
        named = ", ".join(map(repr, sorted(unlearned)[:_MOST_NAMED]))
        log.warning(
            "nothing is learned of %d class(es) (%s%s): none of their videos is readable and "
            "labelled for training",
            *(len(unlearned), named, ", ..." if len(unlearned) > _MOST_NAMED else ""),
        )


def _require_ranges(
    labels_per_class: int | None,
    labeled_fraction: float | None,
    test_fraction: float | None,
    test_groups: Sequence[str],
) -> None:
    """Check the arguments of draw_split that can be checked without videos."""
    if (labels_per_class is None) == (labeled_fraction is None):
        which = "neither is" if labels_per_class is None else "both are"
        pair = f"{option('labels_per_class')} and {option('labeled_fraction')}"
        raise SplitError(f"{which} given of {pair}; give one")
    if test_groups and test_fraction is not None:
        pair = f"{option('test_groups')} and {option('test_fraction')}"
        raise SplitError(f"both are given of {pair}; give one")
    if labels_per_class is not None and labels_per_class < 1:
        raise SplitError(f"{option('labels_per_class')} must be at least 1, got {labels_per_class}")
    for name, value, end in (
        ("labeled_fraction", labeled_fraction, "]"),
        ("test_fraction", test_fraction, ")"),
    ):
        if value is not None and not (0 < value < 1 or (value == 1 and end == "]")):
            hint = f"; write {value / 100:g} for {value:g} %" if 1 < value <= 100 else ""
            raise SplitError(f"{option(name)} must lie in (0, 1{end}, got {value:g}{hint}")


def _require_two_classes(manifest: Manifest, rows: Iterable[int]) -> None:
    """One class cannot be told from another."""
    classes = {label for row in rows if (label := manifest.labels[row]) is not None}
    if len(classes) < 2:
        what = f"all labels are {min(classes)!r}" if classes else "no video has a label"
        raise SplitError(
            f"{what}; training needs at least two classes: put the videos of each class into a "
            "folder of its own, or write a labels.csv with the columns path and label"
        )


def _usable(manifest: Manifest) -> list[int]:
    """Rows of which clips can be cut."""
    return [int(row) for row in np.flatnonzero(manifest.usable) if row not in manifest.unfit]


def _ids(manifest: Manifest, rows: Iterable[int]) -> tuple[str, ...]:
    """Ids of rows."""
    return tuple(manifest.ids[row] for row in rows)


def _by_groups(
    manifest: Manifest, rows: list[int], wanted: Sequence[str]
) -> tuple[list[int], list[int]]:
    """Test and training rows, given the groups for testing."""
    known = {g for row in rows if (g := manifest.groups[row]) is not None}
    for group in wanted:
        if group not in known:
            allowed = f"there are {len(known)} groups, such as {', '.join(sorted(known)[:8])}"
            pattern = option("group_pattern")
            none = f"the videos have no groups; scan them with {pattern} or a column 'group'"
            raise SplitError(
                f"no group {group!r}{nearest(group, known)}; {allowed if known else none}"
            )
    return _sides(manifest, rows, {row for row in rows if manifest.groups[row] in wanted})


def _by_fraction(
    manifest: Manifest, rows: list[int], fraction: float, *, seed: int
) -> tuple[list[int], list[int]]:
    """Test and training rows: groups in drawn order, each taken if it brings classes to target."""
    members: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        if manifest.labels[row] is not None:
            members[manifest.groups[row] or manifest.ids[row]].append(row)
    counts = Counter(manifest.labels[row] for part in members.values() for row in part)
    # One at least of each class, so that each class is tested.
    still_wanted = {c: max(fraction * n, float(n > 1)) for c, n in counts.items()}
    test: set[int] = set()
    drawn = keys(members, seed, "test").tolist()
    for _, group in sorted(zip(drawn, members, strict=True)):
        gain = Counter(manifest.labels[row] for row in members[group])
        after = sum(abs(still_wanted[label] - n) for label, n in gain.items())
        if after < sum(abs(still_wanted[label]) for label in gain):
            test.update(members[group])
            for label, n in gain.items():
                still_wanted[label] -= n
    if not test:
        raise SplitError(
            f"no group is small enough for {option('test_fraction')} {fraction:g}; raise it or "
            f"name {option('test_groups')}"
        )
    return _sides(manifest, rows, test)


def _by_subset(manifest: Manifest, rows: list[int]) -> tuple[list[int], list[int]]:
    """Test and training rows by the official subsets; no test rows if there are none."""
    subsets = manifest.subsets
    name = "test" if "test" in subsets else "val"
    test = [row for row in rows if subsets[row] == name and manifest.labels[row] is not None]
    return test, [row for row in rows if subsets[row] in (None, "train")]


def _sides(manifest: Manifest, rows: list[int], test: set[int]) -> tuple[list[int], list[int]]:
    """Sorted test and training rows; unlabelled videos of test groups are on neither side."""
    groups = {manifest.groups[row] for row in test} - {None}
    train = [row for row in rows if row not in test and manifest.groups[row] not in groups]
    return sorted(row for row in test if manifest.labels[row] is not None), train


def _by_class(
    manifest: Manifest, train: list[int], test: list[int], *, allow_fewer: bool
) -> dict[str, list[int]]:
    """Training rows of each class."""
    by_class: dict[str, list[int]] = defaultdict(list)
    for row in train:
        if (label := manifest.labels[row]) is not None:
            by_class[label].append(row)
    only_test = {label for row in test if (label := manifest.labels[row])} - by_class.keys()
    if only_test and not allow_fewer:
        raise SplitError(
            f"class {min(only_test)!r} has videos for testing and none for training; change the "
            f"test videos, leave the class out, or pass {option('allow_fewer', True)}"
        )
    return dict(sorted(by_class.items()))


def _balanced(by_class: dict[str, list[int]], wanted: int, *, allow_fewer: bool) -> dict[str, int]:
    """The same number for each class."""
    for label, members in by_class.items():
        if len(members) < wanted and not allow_fewer:
            videos = "1 video" if len(members) == 1 else f"{len(members)} videos"
            raise SplitError(
                f"class {label!r} has {videos} for training, {option('labels_per_class')} is "
                f"{wanted}; lower it or pass {option('allow_fewer', True)}"
            )
    return dict.fromkeys(by_class, wanted)


def _proportional(by_class: dict[str, list[int]], fraction: float) -> dict[str, int]:
    """A share of each class, by largest remainder, at least one."""
    quota = {label: fraction * len(members) for label, members in by_class.items()}
    wanted = {label: max(1, int(share)) for label, share in quota.items()}
    total = round(sum(quota.values()))
    for label in sorted(quota, key=lambda c: (int(quota[c]) - quota[c], c)):
        if sum(wanted.values()) < total and quota[label] > wanted[label]:
            wanted[label] += 1
    return wanted


def _drawn_order(manifest: Manifest, rows: Sequence[int], seed: int) -> list[int]:
    """Rows of one class in drawn order."""
    ids = [manifest.ids[row] for row in rows]
    drawn = keys(ids, seed, "labeled").tolist()
    return [row for _, _, row in sorted(zip(drawn, ids, rows, strict=True))]
