"""Local motion as an encoder: pairs of frames in, one Fisher vector a video out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semivideo.base.randomness import uniform
from semivideo.data.video.decode import Image
from semivideo.encoders.encoder import Encoder, Origin, Preprocessing
from semivideo.encoders.local_motion.codebook import NUM_FEATURES, Codebook
from semivideo.encoders.local_motion.local_descriptors import (
    MOST_PAIRS,
    PAIR_SECONDS,
    SIDE,
    LocalDescriptors,
    PairClip,
    Pairs,
    describe,
)

NAME = "local_motion"
PRETRAINED_ON = "nothing: codebook of your own videos"
LICENCE = "none needed"
_KEPT = 0.5
"""Share of the descriptors to choose from that a strong view keeps."""


class LocalMotion(Encoder):
    """256 numbers a video.

    Args:
        codebook: Learned from videos of the same task.
        known: Descriptors of videos, by id, that were made on the way.
    """

    name = NAME
    dim = NUM_FEATURES
    is_whole = True
    preprocessing = Preprocessing(
        SIDE, SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), num_frames=2 * MOST_PAIRS
    )

    def __init__(
        self, codebook: Codebook, *, known: Mapping[str, LocalDescriptors] | None = None
    ) -> None:
        super().__init__()
        self.codebook, self.known = codebook, known or {}
        self.origin = Origin(
            weights="the user's videos",
            sha256=codebook.sha256,
            pretrained_on=PRETRAINED_ON,
            league="scratch",
            licence=LICENCE,
        )

    def weak(self, found: LocalDescriptors, *, mirror: bool) -> NDArray[np.float32]:
        """Return the plain view of a video, or its mirror: float32 (1, 256), a step."""
        plain = found.plain
        return self.codebook.features(plain.mirrored if mirror else plain)[None]

    def strong(self, found: LocalDescriptors, draw: int, *, flip: bool) -> NDArray[np.float32]:
        """Return a view of half of the descriptors, drawn from more blocks, mirrored or not.

        Args:
            found: The video.
            draw: Key of the draw.
            flip: Whether it may be mirrored.
        """
        number = max(1, round(_KEPT * len(found)))
        order = np.argsort(uniform([draw], "descriptors", size=len(found))[0], kind="stable")
        some = found.rows(np.sort(order[:number]))
        is_mirrored = flip and uniform([draw], "mirror")[0, 0] < 0.5
        return self.codebook.features(some.mirrored if is_mirrored else some)[None]

    def encode(self, clip_NCTHW: Tensor) -> Tensor:
        """Map clips (N, 3, 2 P, H, W) in [0, 1], P pairs of frames in one window, to (N, 1, 256).

        Videos come to it as ``PairClip``, with their time and their windows.
        """
        pixels = (clip_NCTHW.detach().cpu().float() * 255).round().clamp(0, 255).to(torch.uint8)
        found: list[Any] = []
        for frames_CTHW in pixels:
            pairs: Image = frames_CTHW.transpose(0, 1).unflatten(0, (-1, 2)).numpy()
            numbers = np.arange(2 * len(pairs), dtype=np.int64).reshape(-1, 2)
            plan = Pairs(numbers, np.zeros(len(pairs), dtype=np.int64), PAIR_SECONDS)
            found.append(self.weak(describe(PairClip(pairs, plan)), mirror=False))
        return torch.from_numpy(np.stack(found)).to(clip_NCTHW.device)
