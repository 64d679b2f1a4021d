"""The options of LTG in sections, one for each part of it, such as ``method.alignment.weight``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from semivideo.base.checked import Section, Weight
from semivideo.base.records import Modality
from semivideo.methods.parts.hidden_features import BLOCKS, Block
from semivideo.objectives import Distance

LabelSource = Literal["average", "average_logits", "rgb", "temporal", "own"]


class TwoStreams(Section):
    """What the second network sees, and who labels."""

    gradient: Literal["fast", "slow"] = "fast"
    """Difference to the next frame of the video (fast) or of the clip (slow) (Table 3a)."""
    labels: LabelSource = "average"
    """Labels of the mean of probabilities, of logits, of one network, or each its own (3d)."""

    @property
    def modality(self) -> Modality:
        """What the second network sees, as the loader knows it."""
        return "fast_gradient" if self.gradient == "fast" else "slow_gradient"


class Alignment(Section):
    """How the features of the first network follow those of the second."""

    weight: Weight = 1.0
    """Factor of the term; 0 for none."""
    distance: Distance = "cosine"
    """What is taken at each place (Table 3b)."""
    blocks: tuple[Block, ...] = Field(BLOCKS, min_length=1)
    """Outputs that are compared; the paper's res1 to res4 are res2 to res5 here (Table 3e)."""
    stop_gradient: bool = True
    """Whether the second network stays as it is (Table 3c)."""


class Contrast(Section):
    """How both streams of one clip attract and those of different clips repel each other."""

    weight: Weight = 1.0
    """Factor of the term; 0 for none."""
    temperature: float = Field(0.5, gt=0)
    """Of InfoNCE (Table 3g)."""
    dim: int = Field(512, ge=1)
    """Size of each layer of the projection heads."""
