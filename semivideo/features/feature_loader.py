"""Batches of cached features: rows and keys alone, made at once, each a function of (seed, step).

The order of videos and the keys of draws are those of ``data.clips.loader``, so a method draws the
same clips from features as it would from files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from semivideo.base.randomness import place_keys
from semivideo.base.records import Batch, Clips, LabeledClips
from semivideo.data.clips.loader import Streams, lines_of
from semivideo.data.clips.order import BalancedLine, Line
from semivideo.settings import DataSettings

_STEPS_AT_ONCE = 32  # drawing one step by itself takes as long as learning it


@dataclass(frozen=True)
class FeatureLoader:
    """Batches of a run on features.

    Attributes:
        streams: The videos.
        settings: Says how large batches are and how they are drawn.
        seed: Of the run.
        num_steps: Steps of the whole run.
        start_step: The first one wanted.
        rank: Number of this process.
        world_size: Processes that share each batch.
    """

    streams: Streams
    settings: DataSettings
    seed: int
    num_steps: int
    start_step: int = 0
    rank: int = 0
    world_size: int = 1

    def __len__(self) -> int:
        return self.num_steps - self.start_step

    def __iter__(self) -> Iterator[Batch]:
        label_of = np.zeros(1 + max(self.streams.labeled), dtype=np.int64)
        label_of[list(self.streams.labeled)] = self.streams.labels
        lines = lines_of(self.streams, seed=self.seed, is_balanced=self.settings.balanced)
        size = {name: torch.empty(self._share(name), 0) for name in lines}
        for first in range(self.start_step, self.num_steps, _STEPS_AT_ONCE):
            steps = range(first, min(first + _STEPS_AT_ONCE, self.num_steps))
            parts = {name: self._parts(line, name, steps) for name, line in lines.items()}
            labels = torch.from_numpy(label_of[parts["labeled"][0].numpy()])
            for step in steps:
                at = step - first
                rows, draws = parts["labeled"]
                labeled = LabeledClips({}, size["labeled"], rows[at], draws[at], labels[at])
                unlabeled = None
                if "unlabeled" in lines:
                    rows, draws = parts["unlabeled"]
                    unlabeled = Clips({}, size["unlabeled"], rows[at], draws[at])
                yield Batch(labeled, unlabeled, step=step, progress=step / self.num_steps)

    def _parts(
        self, line: Line | BalancedLine, name: str, steps: range
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows and keys, int64 (steps, share), of this process's places of one stream."""
        size, share = getattr(self.settings, f"{name}_batch"), self._share(name)
        mine = slice(self.rank * share, (self.rank + 1) * share)
        places = np.arange(steps.start * size, steps.stop * size)
        rows = line.between(steps.start * size, steps.stop * size).reshape(len(steps), size)
        draws = place_keys(places, self.seed, name).reshape(len(steps), size)
        return torch.from_numpy(rows[:, mine]), torch.from_numpy(draws[:, mine])

    def _share(self, name: str) -> int:
        """Clips of a step and stream that are this process's."""
        return int(getattr(self.settings, f"{name}_batch")) // self.world_size
