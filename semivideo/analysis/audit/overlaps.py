"""Segments of one file on two sides of a split: those that overlap, and the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from semivideo.analysis.audit.findings import Finding, leak
from semivideo.analysis.audit.sides import Clip, Parts
from semivideo.data.catalogue.manifest import Manifest

_Span = tuple[int, int, str]  # first frame, the one after the last, id


def segments(parts: Parts, manifest: Manifest) -> list[Finding]:
    """Test clips that share frames, or their file, with a training clip.

    A file's segments show one scene, one light and the same people, so that the second is a leak of
    the kind that groups are for; who has no groups of their own has the file as their group.

    Args:
        parts: The sides.
        manifest: Of the videos; without segments in it there is nothing to find.
    """
    if not manifest.is_segment.any():
        return []
    test, train = _spans(manifest, parts.test), _spans(manifest, parts.train)
    shared: list[tuple[str, str]] = []
    beside: list[tuple[str, str]] = []
    for path in sorted(test.keys() & train.keys()):
        for start, end, id in test[path]:
            others = train[path]
            found = next((other for first, last, other in others if first < end > start < last), "")
            if found:
                shared.append((id, found))
            else:
                beside.append((id, others[0][2]))
    ids = tuple(id for id, _ in beside)
    sentence = (
        f"come from the file of a training clip, such as {ids[0]}: the same scene at another "
        "moment, results are likely too good; hold out whole files"
        if ids
        else "no other test clip comes from the file of a training clip"
    )
    return [
        leak(
            "overlapping segments",
            shared,
            len(parts.test),
            "show frames that a training clip shows; hold out whole files, or correct the times",
        ),
        Finding(
            "segments of one file",
            "warning" if ids else "ok",
            len(ids),
            len(parts.test),
            sentence,
            ids,
            tuple(beside),
        ),
    ]


def _spans(manifest: Manifest, clips: Iterable[Clip]) -> dict[str, list[_Span]]:
    """Path to the frames of each of a side's clips of it, in ascending order."""
    found: dict[str, list[_Span]] = defaultdict(list)
    for clip in clips:
        if clip.row is not None and manifest.num_frames[clip.row]:
            video = manifest[clip.row]
            start = video.first_frame
            found[video.path].append((start, start + video.num_frames, clip.id))
    return {path: sorted(spans) for path, spans in found.items()}
