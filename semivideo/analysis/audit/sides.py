"""The sides of a split, as an audit looks at them: from a manifest, or from lists alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.segments import segment_named
from semivideo.data.catalogue.sources import group_of_name
from semivideo.data.splits import Split
from semivideo.data.splits.published import Listed, groups_of
from semivideo.events.label_row import LabelRow


@dataclass(frozen=True, slots=True)
class Clip:
    """What is known of one video of a split.

    Attributes:
        id: Name in the manifest or the list.
        label: Class name, or None.
        group: Group, or None.
        class_id: Number that a list gives the class, or None.
        row: Of the manifest, or None.
    """

    id: str
    label: str | None = None
    group: str | None = None
    class_id: int | None = None
    row: int | None = None

    @property
    def class_name(self) -> str | None:
        """The label, or the number where a list gives nothing else."""
        if self.label is None and self.class_id is not None:
            return f"class {self.class_id}"
        return self.label

    @property
    def source(self) -> str | None:
        """Film or person in the name of an HMDB-51 clip, whatever the class; None elsewhere."""
        named = segment_named(self.id)
        group, ending = group_of_name(named[0] if named else self.id), f"_{self.label}"
        return group.removesuffix(ending) if group and group.endswith(ending) else None


@dataclass(frozen=True, slots=True)
class Parts:
    """The sides of a split.

    Attributes:
        name: Of the split or protocol.
        hash: Of the split.
        labeled: Clips whose class the learner may know.
        unlabeled: The other training clips.
        test: Clips for testing.
        manifest: The videos, or None where lists are all there is.
    """

    name: str
    hash: str
    labeled: tuple[Clip, ...]
    unlabeled: tuple[Clip, ...]
    test: tuple[Clip, ...]
    manifest: Manifest | None = None

    @property
    def train(self) -> tuple[Clip, ...]:
        """Labelled and unlabelled clips."""
        return (*self.labeled, *self.unlabeled)

    @property
    def class_names(self) -> list[str]:
        """Names of all classes, sorted."""
        of_clips = (clip.class_name for clip in self.everything)
        of_manifest = self.manifest.classes if self.manifest else ()
        return sorted({name for name in (*of_clips, *of_manifest) if name is not None})

    @property
    def everything(self) -> tuple[Clip, ...]:
        """Clips of all sides."""
        return (*self.labeled, *self.unlabeled, *self.test)


def parts_of_lists(listed: Listed) -> Parts:
    """The sides that a protocol's lists name."""

    def clips(entries: Sequence[LabelRow] | None) -> tuple[Clip, ...]:
        entries = entries or ()
        given = zip(entries, groups_of(entries), strict=True)
        return tuple(Clip(e.video, e.label, group, e.class_id) for e, group in given)

    return Parts(
        name=listed.name,
        hash=listed.split().hash,
        labeled=clips(listed.labeled),
        unlabeled=clips(listed.unlabeled),
        test=clips(listed.test),
    )


def parts_of_split(manifest: Manifest, split: Split) -> Parts:
    """The sides of a split with what the manifest says of them; videos it lacks have no row."""
    rows = {id: row for row, id in enumerate(manifest.ids)}

    def clips(ids: Iterable[str]) -> tuple[Clip, ...]:
        return tuple(
            Clip(id, manifest.labels[row], manifest.groups[row], row=row)
            if (row := rows.get(id)) is not None
            else Clip(id)
            for id in ids
        )

    return Parts(
        name=split.name,
        hash=split.hash,
        labeled=clips(split.labeled),
        unlabeled=clips(split.unlabeled),
        test=clips(split.test),
        manifest=manifest,
    )
