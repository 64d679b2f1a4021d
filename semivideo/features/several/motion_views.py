"""The views of one video as local motion takes them: one flow for all, descriptors drawn after it.

view 0: the descriptors of the blocks that move most;  1: those of the mirrored video
2 ...: half of the descriptors, drawn from half as many more blocks, mirrored or not
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semivideo.base.randomness import key
from semivideo.base.records import ClipSpec, Indices, Video
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.clip_reader import ClipReader, planned_frames
from semivideo.data.clips.plan import Timeline
from semivideo.data.video.decode import Image
from semivideo.encoders.local_motion import (
    LocalDescriptors,
    LocalMotion,
    PairClip,
    describe,
    plan_pairs,
)
from semivideo.encoders.local_motion.local_descriptors import SIDE, Pairs
from semivideo.features.feature_form import FeatureForm
from semivideo.settings import DataSettings, Decoder

_STREAM = "pairs"


class PairReader:
    """Reads the pairs of frames that local motion is shown.

    Args:
        manifest: The videos.
        decoder: Who decodes the files.
    """

    def __init__(self, manifest: Manifest, *, decoder: Decoder = "software") -> None:
        specs = {_STREAM: ClipSpec(2, 1)}
        self.reader = ClipReader(manifest, specs, settings=_settings(decoder))

    def read(self, row: int) -> PairClip:
        """Read the pairs of a video.

        Raises:
            DataError: It cannot be used or decoded.
        """
        return _planned(lambda plan: self.reader.cut(row, plan))


def pairs_of_file(path: Path, video: Video, *, decoder: Decoder = "software") -> PairClip:
    """Read the pairs of a file that need not be in a manifest.

    Args:
        path: The file.
        video: What is meant of it.
        decoder: Who decodes it.

    Raises:
        DataError: It cannot be used or decoded.
    """
    settings = _settings(decoder)
    return _planned(lambda plan: planned_frames(path, video, plan, settings=settings))


def _settings(decoder: Decoder) -> DataSettings:
    return DataSettings(short_side=SIDE, decoder=decoder)


def _planned(
    cut: Callable[[Callable[[Timeline], dict[str, Indices]]], dict[str, Image]],
) -> PairClip:
    """Read what a plan chose, and keep both; of a file that breaks off the last plan holds."""
    plans: list[Pairs] = []

    def plan(timeline: Timeline) -> dict[str, Indices]:
        plans.append(plan_pairs(timeline))
        return {_STREAM: plans[-1].frames}

    frames = cut(plan)[_STREAM]
    return PairClip(frames, plans[-1])


class MotionViews:
    """Reads videos and says what local motion says of their views.

    Args:
        manifest: The videos.
        form: How many views, and whether they may be mirrored.
        encoder: With its codebook.
    """

    def __init__(self, manifest: Manifest, form: FeatureForm, encoder: LocalMotion) -> None:
        self.form, self.encoder, self.ids = form, encoder, manifest.ids
        self.reader = PairReader(manifest)

    def read(self, row: int) -> LocalDescriptors:
        """Describe a video.

        Raises:
            DataError: It cannot be used or decoded.
        """
        known = self.encoder.known.get(self.ids[row])
        return describe(self.reader.read(row)) if known is None else known

    def features(self, row: int, found: LocalDescriptors) -> NDArray[np.float32]:
        """Return float32 (views, 1, D) of a video that was described."""
        views = []
        for view in range(self.form.num_views):
            if view < self.form.num_weak:
                views.append(self.encoder.weak(found, mirror=view == 1))
            else:
                draw = key("features", self.ids[row], view)
                views.append(self.encoder.strong(found, draw, flip=self.form.flip))
        return np.stack(views)
