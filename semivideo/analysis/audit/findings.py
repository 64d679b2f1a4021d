"""The checks of an audit: each a small pure function of the three sides of a split."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from semivideo.analysis.audit.sides import Clip, Parts
from semivideo.base.endings import without_extension
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits.copies import Copies

Severity = Literal["ok", "note", "warning", "leak"]
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        name: Of the check.
        severity: "leak" where test results are too good, "warning" for what should be corrected,
            "note" for what one should know, "ok" otherwise.
        count: How many clips (or classes) it is about.
        total: Of how many.
        sentence: What it means, with an example, and what to do.
        ids: The clips or classes.
        pairs: For each test clip that leaks, what it shares it with.
    """

    name: str
    severity: Severity
    count: int
    total: int
    sentence: str
    ids: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()


def same_clips(parts: Parts) -> Finding:
    """Clips that a list names for training and another one for testing."""
    train = {without_extension(clip.id): clip.id for clip in parts.train}
    bare = {clip.id: without_extension(clip.id) for clip in parts.test}
    pairs = [(id, train[name]) for id, name in bare.items() if name in train]
    return leak(
        "clips on both sides",
        pairs,
        len(parts.test),
        "are named for training, too; take them out of one list",
    )


def shared_groups(parts: Parts, others: Sequence[Clip], which: str) -> Finding:
    """Test clips whose group has clips among the others.

    Args:
        parts: The sides.
        others: Labelled or all training clips.
        which: The word for them.
    """
    name = f"group with a {which} clip"
    if not any(clip.group for clip in parts.everything):
        sentence = "no group is known; scan with --group-pattern or --group-column to look"
        return Finding(name, "note", 0, len(parts.test), sentence)
    first = {clip.group: clip.id for clip in reversed(others) if clip.group}
    pairs = [(clip.id, first[clip.group]) for clip in parts.test if clip.group in first]
    unknown = sum(clip.group is None for clip in parts.test)
    finding = leak(
        name,
        pairs,
        len(parts.test),
        f"share their group with a {which} clip: results are too good; hold out whole groups",
    )
    note = f"; the group of {unknown} test clips is unknown" if unknown else ""
    return replace(finding, sentence=finding.sentence + note)


def shared_sources(parts: Parts) -> list[Finding]:
    """Test clips of a film or person that is labelled in another class.

    The groups of HMDB-51 are (source, class), as in its official splits: a film may be in training
    for one class and in testing for another. That is no leak of an answer, but a fact to know.
    """
    if not any(clip.source for clip in parts.test):
        return []
    classes: dict[str, dict[str | None, str]] = defaultdict(dict)
    for clip in parts.labeled:
        if clip.source is not None:
            classes[clip.source].setdefault(clip.label, clip.id)
    pairs = []
    for clip in parts.test:
        others = classes.get(clip.source or "", {})
        if other := next((id for label, id in others.items() if label != clip.label), None):
            pairs.append((clip.id, other))
    ids = tuple(id for id, _ in pairs)
    name, total = "source in several classes", len(parts.test)
    if not pairs:
        return [Finding(name, "ok", 0, total, "no test clip's source is labelled in another class")]
    sentence = (
        "come from a film or person that is labelled in another class: no answer leaks, and the "
        "official lists do it"
    )
    return [Finding(name, "note", len(ids), total, sentence, ids, tuple(pairs))]


def copies(parts: Parts, manifest: Manifest, found: Copies) -> list[Finding]:
    """Identical and near-identical videos, and those whose frames cannot be read.

    Args:
        parts: The sides.
        manifest: That the rows are of.
        found: By ``data.splits.copies``.
    """
    total = len(parts.test)
    identical, near = (
        [(manifest.ids[one], manifest.ids[other]) for one, other in rows]
        for rows in (found.identical, found.near)
    )
    broken = tuple(manifest.ids[row] for row, _ in found.unreadable)
    return [
        leak(
            "identical video",
            identical,
            total,
            "have the bytes of a training video; leave them out",
        ),
        leak(
            "near-identical video",
            near,
            total,
            "seem to show the take of a training video; look at the pairs and leave copies out",
        ),
        Finding(
            "frames that break",
            "warning" if broken else "ok",
            len(broken),
            len(parts.everything),
            f"were not compared: {found.unreadable[0][1]}" if broken else "all could be read",
            broken,
        ),
    ]


def classes_without(parts: Parts, side: Sequence[Clip], which: str) -> Finding:
    """Classes that a side lacks.

    Args:
        parts: All sides.
        side: The labelled or the test clips.
        which: The word for them.
    """
    name, known = f"class without a {which} clip", set(parts.class_names)
    if not side:
        return Finding(name, "note", 0, len(known), f"no {which} clip is named at all")
    missing = tuple(sorted(known - {clip.class_name for clip in side}))
    lack = "cannot be learned" if which == "labelled" else "is not measured"
    sentence = f"{lack}: {_some(missing)}; add {which} clips or leave the class out"
    severity: Severity = "warning" if missing else "ok"
    none = f"every class has {which} clips"
    return Finding(name, severity, len(missing), len(known), sentence if missing else none, missing)


def balance(parts: Parts) -> Finding:
    """How unequal the classes are among the labelled clips."""
    counts = Counter(clip.class_name for clip in parts.labeled if clip.class_name is not None)
    if not counts:
        return Finding(
            "unequal classes", "warning", 0, 0, "no labelled clip has a label; scan again"
        )
    fewest, most = min(counts, key=lambda c: (counts[c], c)), max(counts, key=lambda c: counts[c])
    fewer = tuple(sorted(name for name in counts if counts[name] < counts[most]))
    sentence = (
        f"{counts[fewest]} ({fewest}) to {counts[most]} ({most}) labelled clips a class"
        if fewer
        else f"{counts[most]} labelled in every class"
    )
    severity: Severity = "note" if fewer else "ok"
    return Finding("unequal classes", severity, len(fewer), len(counts), sentence, fewer)


def class_ids(parts: Parts) -> list[Finding]:
    """Whether the lists number the classes from the same start, and as their folders name them."""
    order = {name: rank for rank, name in enumerate(sorted(parts.class_names, key=str.casefold))}
    starts: dict[str, int] = {}
    wrong: list[Clip] = []
    sides = {"labelled": parts.labeled, "unlabelled": parts.unlabeled, "test": parts.test}
    for side, clips in sides.items():
        ids: dict[str, Counter[int]] = defaultdict(Counter)
        for clip in clips:
            if clip.class_id is not None and clip.class_name is not None:
                ids[clip.class_name][clip.class_id] += 1
        usual = {name: counter.most_common(1)[0][0] for name, counter in ids.items()}
        if usual:
            starts[side] = _start(usual, order)
        wrong += [
            c for c in clips if c.class_id is not None and c.class_id != usual[str(c.class_name)]
        ]
    num = sum(clip.class_id is not None for clip in parts.everything)
    if not starts:
        return [Finding("class ids", "ok", 0, 0, "the lists give none: folders name the classes")]
    shifted = [clip for side, start in starts.items() if start for clip in sides[side]]
    how = ", ".join(f"{start} in the {side} list" for side, start in starts.items())
    differ = len(set(starts.values())) > 1
    start = Finding(
        "class ids off by one",
        "warning" if differ else "note" if shifted else "ok",
        len(shifted),
        num,
        f"ids start at {how}" + ("; go by the folder names, as semivideo does" if shifted else ""),
        tuple(clip.id for clip in shifted),
    )
    return [start, _contradictions("class ids against folders", wrong, num, "class id of another")]


def labels_and_folders(parts: Parts) -> Finding:
    """Clips that lie in the folder of another class than their label's."""
    known = set(parts.class_names)
    clips = [clip for clip in parts.everything if clip.label is not None and "/" in clip.id]
    wrong = [c for c in clips if (folder := c.id.split("/")[0]) in known and folder != c.label]
    return _contradictions("labels against folders", wrong, len(clips), "label of another")


def files(parts: Parts, manifest: Manifest) -> Finding:
    """Videos of the manifest that cannot be read, are gone, or that the manifest lacks."""
    reasons = {clip.id: "is not in the manifest" for clip in parts.everything if clip.row is None}
    for row, reason in enumerate(manifest.table["error"].to_pylist()):
        if reason is not None:
            reasons[manifest.ids[row]] = f"cannot be read ({reason})"
    for clip in parts.everything:
        if clip.row is not None and not manifest.absolute(clip.row).exists():
            reasons[clip.id] = "is gone"
    ids = tuple(sorted(reasons))
    sentence = f"{ids[0]} {reasons[ids[0]]}; scan again" if ids else "all are there"
    severity: Severity = "warning" if ids else "ok"
    return Finding("missing or unreadable", severity, len(ids), len(manifest), sentence, ids)


def classes_in_names(parts: Parts) -> Finding:
    """Unlabelled and test clips whose path says their class."""
    hidden = [clip for clip in (*parts.unlabeled, *parts.test) if clip.label is not None]
    ids = tuple(clip.id for clip in hidden if _letters(str(clip.label)) in _letters(clip.id))
    sentence = (
        "have their class in their path; the learner sees frames and a number, never a path"
        if ids
        else "no path of an unlabelled or test clip says its class"
    )
    severity: Severity = "note" if ids else "ok"
    return Finding("class in the file name", severity, len(ids), len(hidden), sentence, ids)


def leak(name: str, pairs: Pairs, total: int, sentence: str) -> Finding:
    """A leak of the pairs (test clip, training clip), or none."""
    ids = tuple(dict.fromkeys(id for id, _ in pairs))
    if not ids:
        return Finding(name, "ok", 0, total, "none")
    example = f"{sentence}; such as {pairs[0][0]}"
    return Finding(name, "leak", len(ids), total, example, ids, tuple(pairs))


def _contradictions(name: str, wrong: Sequence[Clip], total: int, what: str) -> Finding:
    """Clips whose folder and label disagree."""
    ids = tuple(clip.id for clip in wrong)
    sentence = (
        f"have the {what} class than their folder's, such as {ids[0]}" if ids else "all agree"
    )
    return Finding(name, "warning" if ids else "ok", len(ids), total, sentence, ids)


def _start(usual: dict[str, int], order: dict[str, int]) -> int:
    """What the first class is numbered: by the order of the names if the ids follow it."""
    shift, num = Counter(id - order[name] for name, id in usual.items()).most_common(1)[0]
    return shift if num > len(usual) / 2 else min(usual.values())


def _letters(text: str) -> str:
    """Letters and digits alone, so that "brush hair" is in "Brush_Hair_1"."""
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def _some(names: Sequence[str]) -> str:
    """The first names and how many more."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
