"""The views of one video, of one reading of its file, as an encoder takes them.

    frames of view 0: the middle of each of T parts of the video; of the others: random ones
    view 0: centre crop;  1: view 0 mirrored;  2 ...: crop, RandAugment, Cutout, other frames

All modalities show the same frames, crops and flips. A temporal gradient is shown to a network that
has seen pictures only as 127.5 + 4 (frame - its successor): eight times the contrast of LTG's own
image, which such a network finds faint. Turned views are view 0 by one, two, three quarter turns.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from semivideo.base.randomness import key
from semivideo.base.records import Clips, ClipSpec, Indices
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.clip_reader import ClipReader, as_seen
from semivideo.data.clips.plan import Timeline, testing_indices, training_indices
from semivideo.data.video.decode import Image
from semivideo.features.feature_form import (
    MODALITIES,
    NUM_TURNED,
    FeatureForm,
    reading_settings,
    view_settings,
)
from semivideo.settings import DataSettings, ViewSettings
from semivideo.transforms import Views

_STREAM = "view"
_GRADIENT_CONTRAST = 8.0  # times (frame - successor) / 2


class VideoViews:
    """Reads videos and makes their views.

    Args:
        manifest: The videos.
        form: Which views, of which modalities.
        device: Where views are made.
    """

    def __init__(self, manifest: Manifest, form: FeatureForm, *, device: torch.device) -> None:
        self.form, self.device, self.ids = form, device, manifest.ids
        self.settings = DataSettings(**reading_settings(form.preprocessing))
        usual = ViewSettings(**view_settings(form.preprocessing, flip=form.flip))
        motion = usual.model_copy(update={"motion_contrast": _GRADIENT_CONTRAST})
        # Flow has a scale of its own, whose ends are 20 pixels of 256.
        settings = {name: usual for name in MODALITIES} | {"temporal-gradient": motion}
        self.views = {name: Views(settings[name]) for name in form.modalities}
        self.specs = {
            _name(modality, view): ClipSpec(form.num_frames, 1, modality=MODALITIES[modality])
            for modality in form.modalities
            for view in range(form.num_views)
        }
        self.reader = ClipReader(manifest, self.specs, settings=self.settings)

    def read(self, row: int) -> dict[str, Image]:
        """Read the frames of all views: uint8 (T, C, H, W), C as in ``records.Clips``.

        Raises:
            DataError: The video cannot be used or decoded.
        """
        found = self.reader.cut(row, partial(self._plan, self.ids[row]))
        return {name: as_seen(frames, self.specs[name]) for name, frames in found.items()}

    def clips(self, row: int, frames: dict[str, Image]) -> list[Tensor]:
        """Make the views: float (1, 3, T, crop, crop) each, in the order of the form."""
        made = [
            self._view(row, view, frames[_name(modality, view)], modality)
            for modality in self.form.modalities
            for view in range(self.form.num_views)
        ]
        turns = range(1, 1 + NUM_TURNED) if self.form.rotations else ()
        return made + [torch.rot90(made[0], turn, dims=(3, 4)) for turn in turns]

    def _plan(self, id: str, timeline: Timeline) -> dict[str, Indices]:
        """Frames of each view; view 1 is the mirror of view 0."""
        chosen = {}
        for view in range(self.form.num_views):
            frames = self._frames(id, view, timeline)
            after = np.minimum(frames + 1, timeline.frame[-1])
            for modality in self.form.modalities:
                is_rgb = modality == "rgb"
                chosen[_name(modality, view)] = frames if is_rgb else np.stack([frames, after], 1)
        return chosen

    def _frames(self, id: str, view: int, timeline: Timeline) -> Indices:
        spec, settings = ClipSpec(self.form.num_frames, 1), self.settings
        if self._is_weak(view):
            (middle,) = testing_indices(timeline, spec=spec, settings=settings, num_clips=1)
            return np.asarray(middle)
        drawn = training_indices(
            timeline,
            specs={_STREAM: spec},
            settings=settings,
            draw=key("features", id, view),
        )
        return np.asarray(drawn[_STREAM])

    def _view(self, row: int, view: int, frames: Image, modality: str) -> Tensor:
        """One view (1, 3, T, crop, crop) of a video."""
        clips = Clips(
            frames={_STREAM: torch.from_numpy(frames[None]).to(self.device)},
            size=torch.tensor([frames.shape[-2:]]),
            video=torch.tensor([row]),
            draw=torch.tensor([key("features", self.ids[row], view)]),
        )
        is_weak, views = self._is_weak(view), self.views[modality]
        drawn = views.sample("weak" if is_weak else "strong", clips, stream=_STREAM)
        if view == 1 and is_weak:
            drawn = replace(drawn, flip=np.ones(1, dtype=bool))
        return views.apply(clips.frames[_STREAM], drawn)

    def _is_weak(self, view: int) -> bool:
        return view < self.form.num_weak


def _name(modality: str, view: int) -> str:
    return f"{modality} {view}"
