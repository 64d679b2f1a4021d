"""Cross-validation on what is labelled: splits that hold out some labelled groups for testing.

::

    labelled groups   a b c d e f g          unlabelled videos   of a, of c, of nobody
    fold 1            test: a d g            left out: those of a
    fold 2            test: b e
    fold 3            test: c f              left out: those of c

A video without a group is a group of its own. Every fold trains on at least one label of each
class: a group that has the last ones is tested in no fold.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from semivideo.base.errors import SplitError
from semivideo.base.randomness import keys
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits.split_file import Split, check_split

LEAST_LABELS = 3
"""Labels that each class must have, unless it is said that fewer are enough."""


def label_folds(
    manifest: Manifest, split: Split, *, num_folds: int = 3, least_labels: int = LEAST_LABELS
) -> list[Split]:
    """Deal the labelled groups out to folds, class by class as evenly as groups allow.

    Args:
        manifest: The videos. Of those that the split does not label no label is looked at.
        split: What may be known; its test videos are in no fold.
        num_folds: How many, >= 2.
        least_labels: Labels that each class must have; with 1 a class of which nothing can be left
            out is learned from in all folds and tested in none.

    Returns:
        Splits whose test videos are labelled ones of ``split``, each at most once in all folds;
        folds without a test video are left out.

    Raises:
        SplitError: A class has too few labels, or fewer than two classes can be tested.
    """
    rows = manifest.rows_of(split.labeled).tolist()
    label_of = {id: str(manifest.labels[row]) for id, row in zip(split.labeled, rows, strict=True)}
    counts = Counter(label_of.values())
    scarce, number = min(counts.items(), key=lambda pair: (pair[1], pair[0]))
    if number < least_labels:
        has = "1 label" if number == 1 else f"{number} labels"
        raise SplitError(
            f"class {scarce!r} has {has}, and {least_labels} of each class are needed; label more"
        )
    if max(counts.values()) == 1:
        raise SplitError("every class has 1 label, so none can be left out; label more")
    group_of = _groups(manifest, (*split.labeled, *split.unlabeled))
    members: dict[str, list[str]] = defaultdict(list)
    for id in split.labeled:
        members[group_of[id]].append(id)
    dealt = _dealt(members, label_of, num_folds=num_folds, seed=split.seed)
    found = []
    for number, groups in enumerate(dealt, start=1):
        tested = _testable(groups, members, label_of)
        test = [id for group in tested for id in members[group]]
        if test:
            found.append(
                Split(
                    name=f"{split.name}-fold{number}",
                    seed=split.seed,
                    labeled=tuple(id for id in split.labeled if group_of[id] not in tested),
                    unlabeled=tuple(id for id in split.unlabeled if group_of[id] not in tested),
                    test=tuple(test),
                )
            )
    if not split.shares_groups:
        for fold in found:  # nothing may leak, whatever the table of videos says
            check_split(fold, manifest)
    classes = {label_of[id] for fold in found for id in fold.test}
    if len(classes) < 2:
        raise SplitError("the labels of all classes but one are of one group each")
    return found


def _groups(manifest: Manifest, ids: tuple[str, ...]) -> dict[str, str]:
    """Id to its group or, for want of one, its file."""
    rows = manifest.rows_of(ids)
    columns = (manifest.table[name].take(rows).to_pylist() for name in ("group", "path"))
    return {
        id: f"group {group}" if group else f"file {path}"
        for id, group, path in zip(ids, *columns, strict=True)
    }


def _dealt(
    members: dict[str, list[str]], label_of: dict[str, str], *, num_folds: int, seed: int
) -> list[set[str]]:
    """Groups of each fold: the largest first, each to the fold that has least of its classes."""
    names = list(members)
    drawn = dict(zip(names, keys(names, seed, "folds").tolist(), strict=True))
    folds: list[set[str]] = [set() for _ in range(num_folds)]
    has = [Counter[str]() for _ in range(num_folds)]
    for name in sorted(names, key=lambda n: (-len(members[n]), drawn[n])):
        labels = Counter(label_of[id] for id in members[name])

        def fullness(number: int, labels: Counter[str] = labels) -> tuple[int, int, int]:
            own = sum(has[number][label] * count for label, count in labels.items())
            return own, has[number].total(), number

        chosen = min(range(num_folds), key=fullness)
        folds[chosen].add(name)
        has[chosen].update(labels)
    return folds


def _testable(
    groups: set[str], members: dict[str, list[str]], label_of: dict[str, str]
) -> set[str]:
    """The groups of a fold without which each class still has a label to train on."""
    left = Counter(label_of.values())
    tested = set()
    for name in sorted(groups):
        labels = Counter(label_of[id] for id in members[name])
        if all(left[label] > count for label, count in labels.items()):
            tested.add(name)
            left -= labels
    return tested
