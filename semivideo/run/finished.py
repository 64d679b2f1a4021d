"""A finished training, as the Python functions hand it around."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from semivideo.data.splits import Split
from semivideo.runfolder import RunFolder


@dataclass(frozen=True)
class Run:
    """A finished training.

    Attributes:
        folder: Its run folder.
    """

    folder: RunFolder

    @property
    def path(self) -> Path:
        """Where the run folder is."""
        return self.folder.path

    @cached_property
    def split(self) -> Split:
        """What the learner was allowed to know, and which videos were held out."""
        return Split.read(self.folder.split_file)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What ``summary.json`` says."""
        return self.folder.summary()
