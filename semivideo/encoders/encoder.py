"""What an encoder is: a frozen network, its preprocessing, and what must be said beside its name.

    frames uint8 (N, T, 3, H, W) -> views -> clip float (N, 3, T, crop, crop) -> (N, T', D)

T' is T for image networks and the number of steps in time, or 1, for video networks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from semivideo.base.errors import ConfigError, option
from semivideo.encoders.text_tower import ClassTexts
from semivideo.settings import League

Channels = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What becomes of a frame before an encoder sees it; it belongs to the weights.

    Attributes:
        crop_size: Side of the square that the encoder takes, in pixels.
        short_side: Short side of the frame before the centre crop, in pixels, >= ``crop_size``.
        mean: Of each channel of frames in [0, 1], subtracted.
        std: Deviation of each channel, divided by, > 0.
        num_frames: Frames of a clip; None for encoders that take any number.
        interpolation: How frames come to ``short_side``; "area" shrinks only, the others are those
            of Pillow, whose pixels the weights were trained on.
        keeps_ratio: Off squeezes the whole frame into a square of ``short_side``.
    """

    crop_size: int
    short_side: int
    mean: Channels
    std: Channels
    num_frames: int | None = None
    interpolation: Literal["area", "bilinear", "bicubic"] = "area"
    keeps_ratio: bool = True


@dataclass(frozen=True, slots=True)
class Origin:
    """What has to be said beside a number that an encoder helped to get.

    Attributes:
        weights: Where they come from, such as a package or a folder.
        sha256: Digest of the weights.
        pretrained_on: The data they were trained on, as published.
        league: What that makes of a result.
        licence: As published; shown, not vouched for.
    """

    weights: str
    sha256: str
    pretrained_on: str
    league: League
    licence: str


class Encoder(nn.Module, ABC):
    """A frozen network that turns clips into a few numbers a frame.

    Attributes:
        name: As in the table, or as it was added.
        dim: D, numbers a step in time.
        preprocessing: What its clips must have gone through.
        origin: Where its weights come from.
        usual_frames: Frames of a clip where nobody says how many.
        whole_frames: Frames that become one step in time: their number is a multiple of it.
        is_whole: Whether it says one vector of a whole video, of frames that it chooses itself.
    """

    name: str
    dim: int
    preprocessing: Preprocessing
    origin: Origin
    usual_frames: int = 8
    whole_frames: int = 1
    is_whole: bool = False

    def frames_of_clip(self, wanted: int | None) -> int:
        """Return how many frames a clip has.

        Args:
            wanted: By the user; None for the usual number.

        Raises:
            ConfigError: The weights were not made for so many.
        """
        needed = self.preprocessing.num_frames
        if needed is not None and wanted not in (None, needed):
            raise ConfigError(
                f"{self.name} takes {needed} frames, not {wanted}; leave out {option('frames')}"
            )
        number = wanted or needed or self.usual_frames
        if number % self.whole_frames:
            raise ConfigError(
                f"{self.name} takes {self.whole_frames} frames at a time, and {number} is no "
                f"multiple of it; choose {option('frames', number + number % self.whole_frames)}"
            )
        return number

    @abstractmethod
    def encode(self, clip_NCTHW: Tensor) -> Tensor:
        """Map normalised clips (N, 3, T, crop, crop) to features (N, T', D)."""

    def image_logits(self, features_ND: Tensor) -> Tensor:
        """Map features of frames (N, D) to logits of the classes it was pretrained for.

        Raises:
            ConfigError: It was not pretrained for classes of images.
        """
        raise ConfigError(
            f"{self.name} was not pretrained for classes of images, so it cannot be the teacher; "
            "take features of efficientnet_lite0, or set method.teacher to a file of logits"
        )

    def class_texts(self, sentences: Sequence[Sequence[str]]) -> ClassTexts:
        """Return classes as vectors in the space of the features.

        Args:
            sentences: About each class, one or more.

        Raises:
            ConfigError: It knows no sentences.
        """
        raise ConfigError(
            f"{self.name} knows no sentences, so class names cannot be the teacher; take features "
            "of clip_b32, siglip2_b16 or another network of text and images, or set method.teacher "
            "to a file of logits"
        )

    @torch.inference_mode()
    def forward(self, clip_NCTHW: Tensor) -> Tensor:
        """As ``encode``, without a graph."""
        return self.encode(clip_NCTHW)

    def frozen(self) -> Encoder:
        """Return itself in evaluation mode, its parameters not to be learned."""
        return self.eval().requires_grad_(requires_grad=False)
