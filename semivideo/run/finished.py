"""A finished training, as the Python functions hand it around."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from semivideo.base.progress import duration
from semivideo.data.catalogue.manifest_file import read_table
from semivideo.data.splits import Split
from semivideo.run.choice.candidate import Choice
from semivideo.run.choice.cross_validation import Estimate, why_none
from semivideo.runfolder import RunFolder


@dataclass(frozen=True, repr=False)
class Run:
    """A finished training.

    Attributes:
        folder: Its run folder.
        allow: Modules of the user's own that its settings may name, see ``base.foreign_code``.
    """

    folder: RunFolder
    allow: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Where the run folder is."""
        return self.folder.path

    @cached_property
    def split(self) -> Split:
        """What the learner was allowed to know, and which videos were held out."""
        return Split.read(self.folder.split_file)

    @cached_property
    def estimate(self) -> Estimate | None:
        """How accurate it may be, by cross-validation on its labelled videos; None without one."""
        return Estimate.read(self.folder)

    @cached_property
    def choice(self) -> Choice | None:
        """What was compared before it, and what was chosen; None where it was named."""
        return Choice.read(self.folder)

    @property
    def why_no_estimate(self) -> str | None:
        """Why there is none, if one was wanted."""
        return why_none(self.folder)

    @property
    def videos_folder(self) -> Path | None:
        """Folder of the videos it was started with, as seen from here if below; None if gone."""
        root: Path = read_table(self.folder.manifest_file)[1].root
        if not root.is_dir():
            return None
        here = Path.cwd()
        return root.relative_to(here) if root.is_relative_to(here) else root

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What ``summary.json`` says."""
        return self.folder.summary()

    def __repr__(self) -> str:
        what = "unfinished"
        if self.folder.summary_file.is_file():
            what = f"{self.summary['steps']} steps in {duration(self.summary['seconds'])}"
            if not self.summary["steps"]:
                what = f"computed in {duration(self.summary['seconds'])}"
        method = self.folder.settings(is_built=False).method.name
        return f"<Run {self.path}: {method}, {what}, {self.split!r}{self._how_good()}>"

    def _how_good(self) -> str:
        """The estimate in short, if there is one."""
        found, choice = self.estimate, self.choice
        words = "" if choice is None else f", chosen of {len(choice.candidates)}: {choice.chosen}"
        return words if found is None else f"{words}, estimated top-1 {100 * found.top1:.1f} %"
