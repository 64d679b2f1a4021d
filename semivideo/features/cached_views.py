"""Cached views in the place of views of pixels: the methods' pages do not know the difference.

standard  a weak view: 0, or its mirror 1 where there is one, drawn by the key of the clip
weak      view 0
strong    one of the views from 2 on, drawn by the key of the clip and the stream

A stream of another modality reads the views of that modality. One that has a half, a third of the
frames takes every second, third step, from the first, second, third on, drawn by the key of the
clip: another speed. Crop and flip of a clip are those of a view, the same in all streams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semivideo.base.errors import ConfigError
from semivideo.base.randomness import uniform
from semivideo.base.records import Clips, ClipSpec
from semivideo.features.descriptor import Descriptor, described_dim, described_parts, kind_of
from semivideo.features.feature_cache import FeatureCache
from semivideo.features.feature_form import MODALITIES, NUM_TURNED, FeatureForm
from semivideo.models.heads import Dim, Standardize

_ROWS_AT_ONCE = 256
_AGAIN = "make the features again, into another folder, with"


class Source(NamedTuple):
    """Where a stream is read in a cache.

    Attributes:
        modality: A key of ``MODALITIES``.
        every: Steps from one that is taken to the next.
    """

    modality: str
    every: int


FRAMES = Source("rgb", 1)
TURNED = Source("turned", 1)
"""The turned forms of view 0, in the place of views."""


def sources(
    form: FeatureForm, clips: Mapping[str, ClipSpec], *, num_frames: int
) -> dict[str, Source]:
    """Say where each stream of a method is read.

    Args:
        form: Of the cache.
        clips: Stream to what it sees.
        num_frames: Frames of the deployed network's stream.

    Raises:
        ConfigError: The cache does not have it.
    """
    names = {name: key for key, name in MODALITIES.items()}
    found = {}
    for stream, spec in clips.items():
        if spec.modality not in names:
            raise ConfigError(
                f"stream {stream!r} sees {spec.modality}, which features are not made of "
                f"[{', '.join(names)}]; set method.streams.gradient=fast"
            )
        modality, every = names[spec.modality], max(1, round(num_frames / spec.num_frames))
        if modality not in form.modalities:
            wanted = " ".join(f"--modality {name}" for name in (*form.modalities, modality))
            raise ConfigError(
                f"stream {stream!r} sees {modality}, and these are features of "
                f"{', '.join(form.modalities)}; {_AGAIN} {wanted}"
            )
        if form.steps < every:
            raise ConfigError(
                f"stream {stream!r} takes every {every}th step of a clip, and {form.encoder} gives "
                f"{form.steps}; {_AGAIN} more frames or an encoder that gives a step a frame"
            )
        found[stream] = Source(modality, every)
    return found


def check_strong(form: FeatureForm, *, folder: str | Path, who: str) -> None:
    """Refuse a cache of weak views alone where strong ones are learned from.

    Args:
        form: Of the cache.
        folder: Where it is.
        who: Learns from strong views.

    Raises:
        ConfigError: There are none.
    """
    if form.num_strong:
        return
    has = {1: "1 view of a video, which is weak"}.get(
        form.num_views, "2 views of a video, plain and mirrored, which are both weak"
    )
    words = ["semivideo features VIDEOS --out NEW --encoder", form.encoder, "--views 6"]
    if not form.flip:
        words.append("--no-flip")
    if form.modalities != ("rgb",):
        words += [f"--modality {name}" for name in form.modalities]
    if form.rotations:
        words.append("--rotations")
    raise ConfigError(
        f"{who} learns from strong views, and {folder} has {has}; it needs at least "
        f"{3 if form.flip else 2}, and 6 are usual: `{' '.join(words)}`"
    )


class FeatureViews:
    """Views of the videos of a feature cache, described, in memory.

    Args:
        cache: The features.
        rows: Rows of the manifest that are held.
        kind: Of the descriptor.
        cache_rows: Where each of these rows is in the cache, which may hold a part of the manifest;
            None if it holds all of it.

    Attributes:
        table: float32 (rows, views, T', D'), of the frames themselves.
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
        self.num_weak = cache.form.num_weak
        self._place = np.full(1 + max(rows.max(initial=0), cache.form.num_videos), -1)
        self._place[rows] = np.arange(len(rows))
        self._there = rows if cache_rows is None else cache_rows
        row_of = dict(zip(self._there.tolist(), rows.tolist(), strict=True))
        self.errors = {row_of[n]: why for n, why in cache.errors.items() if n in row_of}
        self._source: dict[str, Source] = {}
        self._tables: dict[Source, Tensor] = {FRAMES: self._read(FRAMES)}

    def serve(self, clips: Mapping[str, ClipSpec]) -> None:
        """Make room for what the streams of a method see, before anything is standardised.

        Args:
            clips: Stream to what it sees, the deployed network's first.

        Raises:
            ConfigError: The cache does not have it.
        """
        num_frames = next(iter(clips.values())).num_frames
        self._source = sources(self.cache.form, clips, num_frames=num_frames)
        wanted = {*self._source.values(), *([TURNED] if self.cache.form.rotations else [])}
        for source in sorted(wanted - self._tables.keys()):
            self._tables[source] = self._read(source)

    @property
    def table(self) -> Tensor:
        """Views of the frames themselves."""
        return self._tables[FRAMES]

    @property
    def dim(self) -> Dim:
        """D', numbers a step of what a head sees; of several encoders those of each."""
        forms = [part.form for part in self.cache.parts]
        dims = [described_dim(form.dim, kind_of(form.is_whole, self.kind)) for form in forms]
        return dims[0] if len(dims) == 1 else tuple(dims)

    def standard(self, clips: Clips, stream: str) -> Tensor:
        """Return the labelled view: float32 (N, D', T', 1, 1)."""
        return self._of(clips, stream, self._drawn(clips, "standard", 0, self.num_weak))

    def weak(self, clips: Clips, stream: str) -> Tensor:
        """Return the view that pseudo-labels are made of: float32 (N, D', T', 1, 1)."""
        return self._of(clips, stream, np.zeros(len(clips), dtype=np.int64))

    def center(self, clips: Clips, stream: str) -> Tensor:
        """Return the view of the middle of the frame, which is the weak one."""
        return self.weak(clips, stream)

    def strong(self, clips: Clips, stream: str) -> Tensor:
        """Return the view that pseudo-labels are learned on: float32 (N, D', T', 1, 1).

        Raises:
            ConfigError: The cache has weak views only.
        """
        form = self.cache.form
        check_strong(form, folder=self.cache.folder, who="the method")
        drawn = self._drawn(clips, f"strong {stream}", self.num_weak, form.num_views)
        return self._of(clips, stream, drawn)

    def rotations(self, views_NDT11: Tensor, clips: Sequence[Clips]) -> Tensor:
        """Return views, and view 0 of these clips by one, two and three quarter turns.

        Args:
            views_NDT11: Standard views of the clips, one after the other.
            clips: The clips.

        Returns:
            (4 N, D', T', 1, 1).

        Raises:
            ConfigError: The cache has no turned views.
        """
        if TURNED not in self._tables:
            raise ConfigError(
                f"{self.cache.folder} has no turned views, which s4l learns from; {_AGAIN} "
                "--rotations"
            )
        video = torch.cat([each.video for each in clips])
        places = torch.from_numpy(self._place[video.cpu().numpy()])
        turned_KNTD = self._tables[TURNED][places].transpose(0, 1)
        steps = turned_KNTD.flatten(0, 1).to(views_NDT11.device)
        return torch.cat([views_NDT11, self._clip(steps)])

    def standardized(self, rows: NDArray[np.int64]) -> Standardize:
        """Standardise all views, once for all steps of a training; call it on fresh views.

        Args:
            rows: Training videos; mean and deviation are those of the steps of their weak views.

        Returns:
            What was done to frames, for the heads that are to do it in deployment.
        """
        places = torch.from_numpy(self._place[rows])
        done: dict[Source, Standardize] = {}
        for source, table in self._tables.items():
            # Each modality and speed by its own mean; turned views by that of what they are turned
            # from.
            standardize = done[FRAMES] if source == TURNED else Standardize(self.dim)
            if source != TURNED:
                standardize.fit(table[places, : self.num_weak].flatten(0, 2))
            done[source] = standardize
            for view in range(table.shape[1]):
                steps_NTD = table[:, view]
                steps_NTD.copy_(standardize(self._clip(steps_NTD)).transpose(1, 2))
        done[FRAMES].is_done = True
        return done[FRAMES]

    def of_rows(self, rows: NDArray[np.int64], view: int) -> Tensor:
        """Return one view of some rows: float32 (N, D', T', 1, 1)."""
        return self._clip(self.table[torch.from_numpy(self._place[rows]), view])

    @property
    def middle_steps(self) -> Tensor:
        """Raw features of the middle step of view 0: float32 (rows of the manifest, D).

        Zeros for rows that are not held.
        """
        step = self.cache.form.steps // 2
        found = torch.zeros(len(self._place), self.cache.form.dim)
        held = np.flatnonzero(self._place >= 0)
        features = torch.from_numpy(self.cache.rows(self._there)[:, 0, step]).float()
        found[torch.from_numpy(held)] = features[torch.from_numpy(self._place[held])]
        return found

    def weak_means(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the mean over steps of each weak view of some rows: float32 (N, W, D')."""
        places = torch.from_numpy(self._place[rows])
        return self.table[places, : self.num_weak].mean(dim=2)

    def _drawn(self, clips: Clips, salt: str, first: int, end: int) -> NDArray[np.int64]:
        """One of the views [first, end) for each clip."""
        shares = uniform(clips.draw.numpy(), salt)[:, 0]
        return first + (shares * (end - first)).astype(np.int64)

    def _of(self, clips: Clips, stream: str, views: NDArray[np.int64]) -> Tensor:
        source = self._source.get(stream, FRAMES)
        table = self._tables[source]
        if source.every > 1:
            phase = self._drawn(clips, f"phase {stream}", 0, source.every)
            views = views + phase * self.cache.form.num_views
        places = self._place[clips.video.cpu().numpy()] * table.shape[1] + views
        # A quarter of the time of indexing by two arrays.
        steps_NTD = table.flatten(0, 1).index_select(0, torch.from_numpy(places))
        return self._clip(steps_NTD.to(clips.video.device))

    @staticmethod
    def _clip(steps_NTD: Tensor) -> Tensor:
        """(N, T', D') as a clip (N, D', T', 1, 1)."""
        return steps_NTD.transpose(1, 2)[..., None, None]

    def _read(self, source: Source) -> Tensor:
        """Descriptors (rows, views, T', D'); of other speeds the views of each first step."""
        kinds = [kind_of(part.form.is_whole, self.kind) for part in self.cache.parts]
        tables = []
        for start in range(0, len(self._there), _ROWS_AT_ONCE):
            rows = self._there[start : start + _ROWS_AT_ONCE]
            found = [self._steps(part, rows, source) for part in self.cache.parts]
            num_rows, num_views = found[0].shape[:2]
            flat = described_parts([steps.flatten(0, 1) for steps in found], kinds)
            tables.append(flat.view(num_rows, num_views, *flat.shape[1:]))
        return torch.cat(tables)

    def _steps(self, part: FeatureCache, rows: NDArray[np.int64], source: Source) -> Tensor:
        """Steps (rows, views, T, D) of one encoder."""
        form = part.form
        if source == TURNED:
            stored = slice(form.num_stored - NUM_TURNED, form.num_stored)
            return torch.from_numpy(part.rows(rows)[:, stored]).float()
        found = part.rows(rows)[:, form.views_of(source.modality)]
        features = torch.from_numpy(found[:, : self.cache.form.num_views]).float()
        if form.is_whole:  # it has no speed
            return features.repeat(1, source.every, 1, 1)
        T = form.steps // source.every
        speeds = [features[:, :, n :: source.every][:, :, :T] for n in range(source.every)]
        return torch.cat(speeds, dim=1)
