"""The network that is deployed on features of whole videos or of several encoders, and its reader.

    video -> for each encoder its frames -> its weak views -> descriptors, side by side -> head

It takes videos, not clips: each encoder reads its own frames, at the size that it wants.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from semivideo.base.records import ClipSpec, Video
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.clip_reader import ClipReader, testing_clips
from semivideo.data.video.decode import Image
from semivideo.encoders.encoder import Encoder
from semivideo.encoders.local_motion import LocalMotion, PairClip, describe
from semivideo.features.descriptor import described_parts, encoders_of, kind_of
from semivideo.features.feature_form import reading_settings, view_settings
from semivideo.features.several.motion_views import PairReader, pairs_of_file
from semivideo.models.contract import Network
from semivideo.settings import DataSettings, Decoder, FeatureSettings, ViewSettings
from semivideo.transforms import Views

Shown = tuple[Image | PairClip, ...]
"""What each encoder is shown of a video: uint8 (1, T, 3, H, W), or pairs of frames."""
_STREAM = "clip"


class OnParts(nn.Module):
    """A head on what one or several frozen encoders say of a video.

    Args:
        encoders: Frozen, in the order of the settings.
        head: Takes descriptors (N, D', T', 1, 1).
        settings: Which descriptor, and whether mirrors are looked at.
        num_frames: Frames of a clip, for encoders of clips.
        several: Whether several classes may be there at once.
    """

    def __init__(
        self,
        encoders: list[Encoder],
        head: Network,
        settings: FeatureSettings,
        *,
        num_frames: int,
        several: bool = False,
    ) -> None:
        super().__init__()
        self.encoders, self.head, self.settings = nn.ModuleList(encoders), head, settings
        self.num_frames, self.several = num_frames, several
        self.views = [
            Views(ViewSettings(**view_settings(each.preprocessing, flip=settings.mirror)))
            for each in encoders
        ]

    def train(self, mode: bool = True) -> OnParts:
        """Train the head alone."""
        super().train(mode)
        self.encoders.eval()
        return self

    def forward(self, shown: Shown) -> Tensor:
        """Map what is shown of a video to logits (1, K), of the mean over it and its mirror."""
        steps = [self._steps(place, each) for place, each in enumerate(shown)]
        kind, parts = self.settings.descriptor, encoders_of(self.settings)
        kinds = [kind_of(part.is_whole, kind) for part in parts]
        logits = []
        for view in range(len(steps[0])):
            descriptor_NTD = described_parts([part[view] for part in steps], kinds)
            logits.append(self.head(descriptor_NTD.transpose(1, 2)[..., None, None]))
        if len(logits) == 1:
            only: Tensor = logits[0]
            return only
        stacked = torch.stack(logits)
        if self.several:
            shares_NK = stacked.sigmoid().mean(dim=0)
            return shares_NK.logit(eps=torch.finfo(shares_NK.dtype).eps)
        shares_NK = stacked.softmax(dim=2).mean(dim=0)
        return shares_NK.clamp_min(torch.finfo(shares_NK.dtype).tiny).log()

    def _steps(self, place: int, shown: Image | PairClip) -> list[Tensor]:
        """What an encoder says of a video, and of its mirror if that is looked at: (1, T, D)."""
        encoder, device = self.encoders[place], next(self.head.buffers()).device
        mirrors = [False, True] if self.settings.mirror else [False]
        if isinstance(shown, PairClip):
            motion, found = cast("LocalMotion", encoder), describe(shown)
            said = [torch.from_numpy(motion.weak(found, mirror=mirror)) for mirror in mirrors]
            return [each[None].to(device) for each in said]
        wants = cast("Encoder", encoder).preprocessing
        frames = torch.from_numpy(shown).to(device)
        size = torch.tensor(frames.shape[-2:]).repeat(len(frames), 1)
        crops = self.views[place].test_crops(
            frames,
            size,
            num_crops=1,
            crop_size=wants.crop_size,
            scale=wants.short_side / wants.crop_size,
        )
        clip_NCTHW = crops.flatten(0, 1)
        return [encoder(clip_NCTHW.flip(-1) if mirror else clip_NCTHW) for mirror in mirrors]

    def shown_of_file(self, path: Path, video: Video, *, decoder: Decoder) -> Shown:
        """Read what the encoders want to see of a file.

        Args:
            path: The file.
            video: What is meant of it.
            decoder: Who decodes it.

        Raises:
            DataError: It cannot be used or decoded.
        """
        return tuple(
            pairs_of_file(path, video, decoder=decoder)
            if isinstance(encoder, LocalMotion)
            else testing_clips(
                path,
                video,
                spec=ClipSpec(self.num_frames, 1),
                settings=_settings(cast("Encoder", encoder), decoder),
                num_clips=1,
            )
            for encoder in self.encoders
        )


class PartsReader:
    """Reads what the encoders of a network want to see of a manifest's videos.

    Args:
        network: The network.
        manifest: The videos.
        decoder: Who decodes the files.
    """

    def __init__(self, network: OnParts, manifest: Manifest, *, decoder: Decoder) -> None:
        specs = {_STREAM: ClipSpec(network.num_frames, 1)}
        self.readers = [
            PairReader(manifest, decoder=decoder)
            if isinstance(encoder, LocalMotion)
            else ClipReader(manifest, specs, settings=_settings(cast("Encoder", encoder), decoder))
            for encoder in network.encoders
        ]

    def testing(self, row: int) -> Shown:
        """Read a video.

        Raises:
            DataError: It cannot be used or decoded.
        """
        return tuple(
            reader.read(row)
            if isinstance(reader, PairReader)
            else reader.testing(row, num_clips=1, stream=_STREAM)
            for reader in self.readers
        )


def _settings(encoder: Encoder, decoder: Decoder) -> DataSettings:
    return DataSettings(**reading_settings(encoder.preprocessing), decoder=decoder)
