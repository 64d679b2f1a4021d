"""Whether a split can be trusted: what its test videos share with the training side, and more.

An audit is a list of findings, each by one function of ``findings``. It needs no run, and from
published lists alone no video either.

| finding | verdict if there is something |
|---|---|
| one clip, one group, one video on both sides; segments that overlap | leak: accuracy is too good |
| segments of one file on both sides that do not overlap | warning |
| classes without labelled or test clips, wrong class ids, files that cannot be read | warning |
| unequal classes, sources in several classes, classes in file names | note |
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from semivideo.analysis.audit import findings, overlaps
from semivideo.analysis.audit.findings import Finding
from semivideo.analysis.audit.sides import Parts
from semivideo.base.progress import Progress
from semivideo.data.splits.copies import copies_across


@dataclass(frozen=True, slots=True)
class Report:
    """All findings of an audit."""

    name: str
    hash: str
    num_labeled: int
    num_unlabeled: int
    num_test: int
    findings: tuple[Finding, ...]

    @property
    def leaks(self) -> bool:
        """Whether test clips leak."""
        return any(finding.severity == "leak" for finding in self.findings)

    def to_json(self) -> str:
        """Everything, with the ids that the screen leaves out."""
        return json.dumps({"leaks": self.leaks, **asdict(self)}, indent=1) + "\n"


def audit(parts: Parts, *, with_frames: bool = True, progress: Progress | None = None) -> Report:
    """Run all checks.

    Args:
        parts: The sides of a split.
        with_frames: Whether to read the videos and look for copies.
        progress: Called with (what, done, in all, "") while they are read.
    """
    manifest = parts.manifest
    found = [
        findings.same_clips(parts),
        findings.shared_groups(parts, parts.labeled, "labelled"),
        findings.shared_groups(parts, parts.train, "training"),
        *findings.shared_sources(parts),
        *([] if manifest is None else overlaps.segments(parts, manifest)),
        *_copies(parts, with_frames, progress),
        findings.classes_without(parts, parts.labeled, "labelled"),
        findings.classes_without(parts, parts.test, "test"),
        findings.balance(parts),
    ]
    if manifest is None:
        found += findings.class_ids(parts)
    else:
        found += [findings.labels_and_folders(parts), findings.files(parts, manifest)]
    found.append(findings.classes_in_names(parts))
    return Report(
        name=parts.name,
        hash=parts.hash,
        num_labeled=len(parts.labeled),
        num_unlabeled=len(parts.unlabeled),
        num_test=len(parts.test),
        findings=tuple(found),
    )


def _copies(parts: Parts, with_frames: bool, progress: Progress | None) -> list[Finding]:
    """What the videos themselves say, if they are there and wanted."""
    manifest, total = parts.manifest, len(parts.test)
    if manifest is None or not with_frames:
        why = "lists hold no video" if manifest is None else "--no-frames was given"
        return [Finding("copies of videos", "note", 0, total, f"not looked for: {why}")]
    test, train = (
        [clip.row for clip in side if clip.row is not None] for side in (parts.test, parts.train)
    )
    return findings.copies(parts, manifest, copies_across(manifest, test, train, progress=progress))
