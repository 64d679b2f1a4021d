"""Batches of cached features: rows and keys alone, made at once, each a function of (seed, step).

The order of videos and the keys of draws are those of ``data.clips.loader``, so a method draws the
same clips from features as it would from files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from semivideo.base.randomness import place_keys
from semivideo.base.records import Batch, Clips, LabeledClips
from semivideo.data.clips.loader import Streams, lines_of
from semivideo.data.clips.order import BalancedLine, Line
from semivideo.settings import DataSettings

Rows = NDArray[np.int64]


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
        for step in range(self.start_step, self.num_steps):
            rows, draws = self._part(lines["labeled"], "labeled", step)
            labeled = LabeledClips(
                frames={},
                size=torch.empty(len(rows), 0),
                video=torch.from_numpy(rows),
                draw=torch.from_numpy(draws),
                label=torch.from_numpy(label_of[rows]),
            )
            unlabeled = None
            if "unlabeled" in lines:
                rows, draws = self._part(lines["unlabeled"], "unlabeled", step)
                unlabeled = Clips(
                    {}, torch.empty(len(rows), 0), torch.from_numpy(rows), torch.from_numpy(draws)
                )
            yield Batch(labeled, unlabeled, step=step, progress=step / self.num_steps)

    def _part(self, line: Line | BalancedLine, name: str, step: int) -> tuple[Rows, Rows]:
        """Rows and keys of this process's places of one stream."""
        size = getattr(self.settings, f"{name}_batch")
        share = size // self.world_size
        first = step * size + self.rank * share
        draws = place_keys(np.arange(first, first + share), self.seed, name)
        return line.between(first, first + share), draws
