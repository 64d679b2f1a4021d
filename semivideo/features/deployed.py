"""Encoder and head as one network on clips of pixels: what a run on features deploys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from semivideo.base.errors import CheckpointError
from semivideo.encoders import Encoder, load_encoder
from semivideo.encoders.local_motion import CODEBOOK_FILE
from semivideo.features.descriptor import described, encoders_of
from semivideo.features.several.parts_network import OnParts
from semivideo.models.contract import Network
from semivideo.settings import FeatureSettings, PartSettings


class OnFeatures(Network):
    """A head on what a frozen encoder says of a clip.

    Args:
        encoder: Frozen; it stays in evaluation mode.
        head: Takes descriptors (N, D', T', 1, 1).
        settings: Which descriptor.
        several: Whether several classes may be there at once.
    """

    def __init__(
        self, encoder: Encoder, head: Network, settings: FeatureSettings, *, several: bool = False
    ) -> None:
        super().__init__()
        self.several = several
        self.num_classes, self.num_features = head.num_classes, head.num_features
        self.encoder, self.head, self.settings = encoder, head, settings

    def train(self, mode: bool = True) -> OnFeatures:
        """Train the head alone."""
        nn.Module.train(self, mode)
        self.encoder.eval()
        return self

    def forward(self, clip_NCTHW: Tensor) -> Tensor:
        """Map clips to logits; of the mean over a clip and its mirror where the settings say so."""
        return self.of_steps(self.steps(clip_NCTHW))

    def steps(self, clip_NCTHW: Tensor) -> Tensor:
        """Ask the encoder about clips, and their mirrors where the settings say so.

        Returns:
            (M, N, T, D), M = 2 with mirrors, else 1.
        """
        seen = [clip_NCTHW, clip_NCTHW.flip(-1)] if self.settings.mirror else [clip_NCTHW]
        if torch.compiler.is_exporting():  # a graph with the encoder in it once
            steps_NTD: Tensor = self.encoder(torch.cat(seen))
            return torch.unflatten(steps_NTD, 0, (len(seen), -1))
        return torch.stack([self.encoder(each) for each in seen])

    def of_steps(self, steps_MNTD: Tensor) -> Tensor:
        """Map what ``steps`` returns to logits (N, K)."""
        logits = [self.classify(self._described(steps_NTD)) for steps_NTD in steps_MNTD]
        if len(logits) == 1:
            return logits[0]
        if self.several:
            shares_NK = torch.stack([each.sigmoid() for each in logits]).mean(dim=0)
            return shares_NK.logit(eps=torch.finfo(shares_NK.dtype).eps)
        shares_NK = torch.stack([each.softmax(dim=1) for each in logits]).sum(dim=0) / 2
        return shares_NK.clamp_min(torch.finfo(shares_NK.dtype).tiny).log()

    def features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map normalised clips (N, 3, T, H, W) to the head's features (N, D)."""
        return self._described(self.encoder(clip_NCTHW))

    def _described(self, steps_NTD: Tensor) -> Tensor:
        """The head's features of what the encoder says."""
        descriptor_NTD = described(steps_NTD, self.settings.descriptor)
        return self.head.features(descriptor_NTD.transpose(1, 2)[..., None, None])

    def classify(self, features_ND: Tensor) -> Tensor:
        """Map features (N, D) to logits (N, K)."""
        return self.head.classify(features_ND)

    def card_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the head's."""
        return self.head.card_options(options)


def with_encoder(
    head: Network,
    settings: FeatureSettings,
    *,
    several: bool = False,
    num_frames: int = 8,
    folder: Path | None = None,
) -> OnFeatures | OnParts:
    """Put the encoders under a head that was trained on their features.

    Args:
        head: The head.
        settings: Which encoders, with which weights.
        several: Whether several classes may be there at once.
        num_frames: Frames of a clip.
        folder: Where the head lies, and what its encoders learned from the videos.

    Raises:
        ConfigError: There is no such encoder.
        MissingExtraError: Its weights are not here.
        CheckpointError: Its weights are others than those that the head was trained on.
    """
    encoders = [_loaded(part, folder) for part in encoders_of(settings)]
    if len(encoders) == 1 and not settings.is_whole:
        return OnFeatures(encoders[0], head, settings, several=several)
    return OnParts(encoders, head, settings, num_frames=num_frames, several=several)


def _loaded(part: PartSettings, folder: Path | None) -> Encoder:
    """An encoder, with the weights that a head was trained on."""
    codebook = folder / CODEBOOK_FILE if folder is not None and part.is_whole else None
    encoder = load_encoder(part.encoder, codebook=codebook)
    if encoder.origin.sha256 != part.weights_sha256:
        raise CheckpointError(
            f"the head was trained on features of {part.encoder} with weights "
            f"{part.weights_sha256[:12]}..., and these are {encoder.origin.sha256[:12]}...; "
            "bring the former back, or train again on features of the new ones"
        )
    return encoder
