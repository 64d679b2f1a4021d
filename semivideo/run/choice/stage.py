"""Where a choice is made: the run that waits for it, its clock, and what was done already.

RUN/choosing/wanted.json   what the user named and the budget; there until the choice is made
RUN/choosing/NAME.json     what came of one part of the work; a choice that was killed goes on there
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from semivideo.base.errors import SplitError
from semivideo.base.progress import Progress
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split, label_folds
from semivideo.data.splits.folds import LEAST_LABELS
from semivideo.run.choice.budget import Clock
from semivideo.run.choice.candidate import Candidate
from semivideo.run.resolve import Wanted
from semivideo.runfolder import RunFolder

_WANTED = "wanted"


@dataclass(frozen=True)
class Stage:
    """A run whose settings are not chosen yet.

    Attributes:
        run: Its folder.
        manifest: The videos.
        split: What may be known of them.
        wanted: What the user named.
        clock: What is left of the budget.
        progress: As for ``train``.
    """

    run: RunFolder
    manifest: Manifest
    split: Split
    wanted: Wanted
    clock: Clock
    progress: Progress | None = None

    @staticmethod
    def begin(run: RunFolder, wanted: Wanted, *, budget: float) -> None:
        """Note down that the choice is open."""
        run.choosing.mkdir()
        named = {"steps": wanted.steps, "seed": wanted.seed, "settings": wanted.settings}
        run.write_json(run.choosing / f"{_WANTED}.json", named | {"budget": budget})

    @staticmethod
    def is_open(run: RunFolder) -> bool:
        """Whether the choice of a run is still to be made."""
        return (run.choosing / f"{_WANTED}.json").is_file()

    @classmethod
    def of(cls, run: RunFolder, *, progress: Progress | None) -> Stage:
        """Read what was noted down, by this process or by one that was stopped."""
        named = run.read_json(run.choosing / f"{_WANTED}.json")
        videos = Manifest.read(run.manifest_file)
        own = run.features.resolve()
        if videos.features is not None and Path(videos.features).is_relative_to(own):
            # The choice was made, and its process killed before it could say so.
            videos = Manifest(videos.table, root=videos.root, cache=videos.cache)
        done = [run.read_json(file) for file in run.choosing.glob("*.json")]
        return cls(
            run=run,
            manifest=videos,
            split=Split.read(run.split_file),
            wanted=Wanted(**{name: named[name] for name in ("steps", "seed", "settings")}),
            clock=Clock(named["budget"], spent=sum(each.get("spent", 0.0) for each in done)),
            progress=progress,
        )

    def kept(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what a part of the work came to; it is done once, whatever happens between.

        Args:
            name: Of the part.
            make: Does it; returns JSON types.
        """
        file = self.run.choosing / f"{name.replace('/', '-')}.json"
        if not file.is_file():
            before = self.clock.spent
            made = make()
            self.run.write_json(file, made | {"spent": self.clock.spent - before})
        return self.run.read_json(file)

    def candidate(self, name: str, make: Callable[[], Candidate]) -> Candidate:
        """As ``kept``, of a candidate; its seconds are those that making it took."""
        found = self.kept(name, lambda: make().to_json())
        return Candidate.from_json(found | {"seconds": round(found["spent"], 1)})

    def end(self) -> None:
        """The choice is made; what it took stays in ``choice.json`` alone."""
        (self.run.choosing / f"{_WANTED}.json").unlink()
        shutil.rmtree(self.run.choosing)

    @cached_property
    def folds(self) -> list[Split]:
        """Splits that leave labelled groups out; none where labels are too few."""
        return self._folds[0]

    @cached_property
    def why_no_folds(self) -> str:
        """Why there are none."""
        return self._folds[1]

    @cached_property
    def _folds(self) -> tuple[list[Split], str]:
        try:
            return label_folds(self.manifest, self.split, least_labels=1), ""
        except SplitError as error:
            return [], str(error)

    @cached_property
    def num_labels(self) -> Counter[str]:
        """Class to its labelled videos."""
        rows = self.manifest.rows_of(self.split.labeled).tolist()
        return Counter(str(self.manifest.labels[row]) for row in rows)

    @property
    def is_scarce(self) -> bool:
        """Whether a class has so few labels that left-out ones say little."""
        return min(self.num_labels.values()) < LEAST_LABELS

    def notes_on_few(self) -> Iterator[str]:
        """What few labels make of the comparison."""
        if not self.folds or not self.is_scarce:
            return
        scarce, number = min(self.num_labels.items(), key=lambda pair: (pair[1], pair[0]))
        yield (
            f"class {scarce!r} has {number} label{'s' * (number > 1)}: candidates are compared "
            f"after learning from fewer still, so their estimates are low; {LEAST_LABELS} of each "
            "class are better"
        )
        rows = self.manifest.rows_of([id for fold in self.folds for id in fold.test]).tolist()
        tested = {str(self.manifest.labels[row]) for row in rows}
        if untested := sorted(self.num_labels.keys() - tested):
            names = ", ".join(untested[:5]) + (", ..." if len(untested) > 5 else "")
            yield f"in no estimate, for none of their labels can be left out: {names}"
