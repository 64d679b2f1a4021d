"""Cached views in the place of views of pixels: the methods' pages do not know the difference.

standard  a weak view: 0, or its mirror 1 where there is one, drawn by the key of the clip
weak      view 0
strong    one of the views from 2 on, drawn by the key of the clip and the stream
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semivideo.base.errors import ConfigError
from semivideo.base.randomness import uniform
from semivideo.base.records import Clips
from semivideo.features.descriptor import Descriptor, described
from semivideo.features.feature_cache import FeatureCache
from semivideo.models.heads import Standardize

_ROWS_AT_ONCE = 256


class FeatureViews:
    """Views of the videos of a feature cache, described, in memory.

    Args:
        cache: The features.
        rows: Rows of the manifest that are held.
        kind: Of the descriptor.
        cache_rows: Where each of these rows is in the cache, which may hold a part of the manifest;
            None if it holds all of it.

    Attributes:
        table: float32 (rows, views, T', D').
        errors: Row of the manifest to reason, of videos that have no features.
    """

    def __init__(
        self,
        cache: FeatureCache,
        *,
        rows: NDArray[np.int64],
        kind: Descriptor,
        cache_rows: NDArray[np.int64] | None = None,
    ) -> None:
        self.cache, self.kind = cache, kind
        self.num_weak = 2 if cache.form.flip and cache.form.num_views > 1 else 1
        self._place = np.full(1 + max(rows.max(initial=0), cache.form.num_videos), -1)
        self._place[rows] = np.arange(len(rows))
        there = rows if cache_rows is None else cache_rows
        row_of = dict(zip(there.tolist(), rows.tolist(), strict=True))
        self.errors = {row_of[n]: why for n, why in cache.errors.items() if n in row_of}
        self.table = torch.cat(
            [
                _described(cache, there[start : start + _ROWS_AT_ONCE], kind=kind)
                for start in range(0, len(rows), _ROWS_AT_ONCE)
            ]
        )

    @property
    def dim(self) -> int:
        """D', numbers a step of what a head sees."""
        return int(self.table.shape[-1])

    def standard(self, clips: Clips, stream: str) -> Tensor:
        """Return the labelled view: float32 (N, D', T', 1, 1)."""
        return self._of(clips, self._drawn(clips, "standard", 0, self.num_weak))

    def weak(self, clips: Clips, stream: str) -> Tensor:
        """Return the view that pseudo-labels are made of: float32 (N, D', T', 1, 1)."""
        return self._of(clips, np.zeros(len(clips), dtype=np.int64))

    def center(self, clips: Clips, stream: str) -> Tensor:
        """Return the view of the middle of the frame, which is the weak one."""
        return self.weak(clips, stream)

    def strong(self, clips: Clips, stream: str) -> Tensor:
        """Return the view that pseudo-labels are learned on: float32 (N, D', T', 1, 1).

        Raises:
            ConfigError: The cache has weak views only.
        """
        num_views = self.cache.form.num_views
        if num_views <= self.num_weak:
            raise ConfigError(
                f"{self.cache.folder} has {num_views} view(s) a video, all of them weak; make "
                "features with --views 6 for methods that learn from strong views"
            )
        return self._of(clips, self._drawn(clips, f"strong {stream}", self.num_weak, num_views))

    def standardized(self, rows: NDArray[np.int64]) -> Standardize:
        """Standardise all views, once for all steps of a training; call it on fresh views.

        Args:
            rows: Training videos; mean and deviation are those of the steps of their weak views.

        Returns:
            What was done, for the heads that are to do it in deployment.
        """
        weak = self.table[torch.from_numpy(self._place[rows]), : self.num_weak]
        standardize = Standardize(self.dim)
        standardize.fit(weak.flatten(0, 2))
        for view in range(self.table.shape[1]):
            steps_NTD = self.table[:, view]
            steps_NTD.copy_(standardize(self._clip(steps_NTD)).transpose(1, 2))
        standardize.is_done = True
        return standardize

    def of_rows(self, rows: NDArray[np.int64], view: int) -> Tensor:
        """Return one view of some rows: float32 (N, D', T', 1, 1)."""
        return self._clip(self.table[torch.from_numpy(self._place[rows]), view])

    def weak_means(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the mean over steps of each weak view of some rows: float32 (N, W, D')."""
        places = torch.from_numpy(self._place[rows])
        return self.table[places, : self.num_weak].mean(dim=2)

    def _drawn(self, clips: Clips, salt: str, first: int, end: int) -> NDArray[np.int64]:
        """One of the views [first, end) for each clip."""
        shares = uniform(clips.draw.numpy(), salt)[:, 0]
        return first + (shares * (end - first)).astype(np.int64)

    def _of(self, clips: Clips, views: NDArray[np.int64]) -> Tensor:
        places = self._place[clips.video.cpu().numpy()] * self.table.shape[1] + views
        # A quarter of the time of indexing by two arrays.
        steps_NTD = self.table.flatten(0, 1).index_select(0, torch.from_numpy(places))
        return self._clip(steps_NTD.to(clips.video.device))

    @staticmethod
    def _clip(steps_NTD: Tensor) -> Tensor:
        """(N, T', D') as a clip (N, D', T', 1, 1)."""
        return steps_NTD.transpose(1, 2)[..., None, None]


def _described(cache: FeatureCache, rows: NDArray[np.int64], *, kind: Descriptor) -> Tensor:
    """Descriptors (N, views, T', D') of some rows."""
    features = torch.from_numpy(cache.rows(rows)).float()
    flat = described(features.flatten(0, 1), kind)
    return flat.view(*features.shape[:2], *flat.shape[1:])
