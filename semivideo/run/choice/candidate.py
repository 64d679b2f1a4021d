"""What is compared before a training, how two of them are compared, and the file of the choice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from semivideo.base.checked import reading
from semivideo.base.errors import CheckpointError
from semivideo.data.catalogue.manifest import Manifest
from semivideo.evaluation import Evaluation
from semivideo.evaluation.proportion import design_effect, grouped_wilson
from semivideo.runfolder import RunFolder
from semivideo.settings import League

_ONE_SIDED = 1.645  # deviations: 95 % of chance lies below


def groups_of(ids: Sequence[str], manifest: Manifest) -> tuple[str, ...]:
    """Return what each video belongs to; one without group is one of its own."""
    rows = manifest.rows_of(ids).tolist()
    return tuple(str(manifest.groups[row] or manifest.ids[row]) for row in rows)


@dataclass(frozen=True)
class Candidate:
    """A way to train, and what it made of labelled videos that it was not shown.

    Attributes:
        name: For people.
        league: What its network had seen before.
        recipe: What it starts from.
        encoder: Whose features it learns from, if any.
        ids: Left-out videos that it named.
        right: Whether it named each rightly.
        groups: What each belongs to.
        confusion: Left-out videos by true class (row) and named class (column).
        num_folds: Trainings.
        fold_steps: Steps of each; 0 for what is computed at once.
        seconds: What they took; with the first candidate of an encoder, its features too.
        remark: What else there is to say.
    """

    name: str
    league: League
    recipe: str
    encoder: str | None = None
    ids: tuple[str, ...] = ()
    right: tuple[bool, ...] = ()
    groups: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    num_folds: int = 0
    fold_steps: int = 0
    seconds: float = 0.0
    remark: str = ""

    @property
    def is_tested(self) -> bool:
        """Whether it named any left-out video."""
        return bool(self.ids)

    @property
    def top1(self) -> float:
        """Share of left-out videos that it named rightly; NaN without any."""
        return sum(self.right) / len(self.right) if self.right else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % for ``top1``, over groups like these."""
        if not self.right:
            return math.nan, math.nan
        return grouped_wilson(
            self.top1, len(self.right), effect=self.effect, num_groups=len(set(self.groups))
        )

    @property
    def effect(self) -> float:
        """The design effect of the left-out videos that it named."""
        return design_effect(self.right, self.groups)

    def with_scores(self, found: Sequence[Evaluation], manifest: Manifest) -> Candidate:
        """Return the same with what it made of the left-out videos of each fold.

        Args:
            found: One a fold.
            manifest: Says what belongs together.
        """
        ids = [id for each in found for id in each.ids]
        right = [
            bool(is_right)
            for each in found
            for is_right in each.scores.argmax(axis=1) == each.labels
        ]
        total = np.sum([each.confusion for each in found], axis=0)
        return replace(
            self,
            ids=tuple(ids),
            right=tuple(right),
            groups=groups_of(ids, manifest),
            confusion=tuple(tuple(int(count) for count in row) for row in total),
            num_folds=len(found),
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types, with the figures that follow from it."""
        low, high = self.interval
        figures = {"top1": self.top1, "low": low, "high": high}
        shown = {name: None if math.isnan(value) else value for name, value in figures.items()}
        return shown | asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Candidate:
        """Reverse of ``to_json``.

        Raises:
            CheckpointError: Something is missing.
        """
        try:
            given = {field.name: content[field.name] for field in fields(cls)}
        except KeyError as error:
            raise CheckpointError(f"a candidate lacks {error}; start a new run") from None
        for name in ("ids", "right", "groups"):
            given[name] = tuple(given[name])
        given["confusion"] = tuple(map(tuple, given["confusion"]))
        return cls(**given)


@dataclass(frozen=True)
class Lead:
    """How far one candidate is ahead of another on the videos that both named.

    Attributes:
        won: Videos that it alone named rightly.
        lost: Videos that the other one alone named rightly.
        num_videos: Videos that both named.
        error: Standard error of ``won - lost`` over groups.
    """

    won: int
    lost: int
    num_videos: int
    error: float

    @property
    def points(self) -> float:
        """Difference of the shares, in [-1, 1]; 0 without videos."""
        return (self.won - self.lost) / self.num_videos if self.num_videos else 0.0

    @property
    def deviations(self) -> float:
        """The lead in standard deviations over videos (McNemar's, one video against it)."""
        return (self.won - self.lost) / math.sqrt(self.won + self.lost + 1)

    @property
    def is_clear(self) -> bool:
        """Whether it is more than chance, over videos and over groups."""
        lead = self.won - self.lost
        return self.deviations > _ONE_SIDED and lead > _ONE_SIDED * self.error

    @classmethod
    def of(cls, one: Candidate, other: Candidate) -> Lead:
        """Compare two candidates video by video."""
        theirs = dict(zip(other.ids, other.right, strict=True))
        per_group: dict[str, int] = {}
        differences = []
        for id, right, group in zip(one.ids, one.right, one.groups, strict=True):
            if id in theirs:
                differences.append(int(right) - int(theirs[id]))
                per_group[group] = per_group.get(group, 0) + differences[-1]
        squares = sum(difference**2 for difference in per_group.values())
        return cls(
            won=differences.count(1),
            lost=differences.count(-1),
            num_videos=len(differences),
            error=math.sqrt(squares),
        )


@dataclass(frozen=True, repr=False)
class Choice:
    """What was compared before a training, and what was chosen.

    Attributes:
        candidates: All that was looked at, the chosen one among them.
        chosen: Its name.
        why: In a sentence.
        notes: What else there is to know, such as what a larger budget would allow.
        budget: Seconds for all of it.
        seconds: What comparing took of it.
    """

    candidates: tuple[Candidate, ...]
    chosen: str
    why: str
    notes: tuple[str, ...]
    budget: float
    seconds: float

    @property
    def winner(self) -> Candidate:
        """The chosen candidate."""
        return next(each for each in self.candidates if each.name == self.chosen)

    def __repr__(self) -> str:
        return f"<Choice {self.chosen} of {len(self.candidates)}: {self.why}>"

    def write(self, run: RunFolder) -> None:
        """Write it into a run folder; raises as ``RunFolder.write_json``."""
        content = asdict(self) | {"candidates": [each.to_json() for each in self.candidates]}
        run.write_json(run.choice_file, content)

    @classmethod
    def read(cls, run: RunFolder) -> Choice | None:
        """Read what ``write`` wrote; None if nothing was chosen.

        Raises:
            CheckpointError: The file is broken.
        """
        if not run.choice_file.is_file():
            return None
        content = run.read_json(run.choice_file)
        with reading(run.choice_file, CheckpointError, "remove it"):
            return cls(
                candidates=tuple(map(Candidate.from_json, content["candidates"])),
                notes=tuple(content["notes"]),
                **{name: content[name] for name in ("chosen", "why", "budget", "seconds")},
            )
