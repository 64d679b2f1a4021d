"""The head of ``wccn``: a linear classifier that looks away from what clips of one group differ in.

    f' = f + (V g V^T) f      g_m = 1 / sqrt(1 + e_m / l) - 1      logits = W f' / |f'| + b

The columns v_m of V are directions, e_m the variance within groups along them, l what counts as
little (``features.within`` finds them). Along a direction of much variance within groups f' is
short, so a classifier there would cost large weights.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from semivideo.models.heads import Head


class WithinHead(Head):
    """A linear classifier on features that are shortened along some directions.

    Args:
        num_classes: K >= 1.
        dim: D, numbers a step.
        num_directions: M >= 0.
    """

    def __init__(
        self, num_classes: int, *, dim: int, num_directions: Annotated[int, Field(ge=0)] = 0
    ) -> None:
        super().__init__(num_classes, dim=dim, num_features=dim, dropout=0.0)
        self.directions: Tensor
        self.gains: Tensor
        self.register_buffer("directions", torch.zeros(num_directions, dim))
        self.register_buffer("gains", torch.zeros(num_directions))

    def look_away(self, directions_MD: Tensor, gains_M: Tensor) -> None:
        """Take over directions.

        Args:
            directions_MD: float32 (M, D), orthonormal.
            gains_M: float32 (M,), g of the module's equation, in (-1, 0].
        """
        self.directions, self.gains = directions_MD, gains_M

    def shortened(self, features_ND: Tensor) -> Tensor:
        """Map standardised features (..., D) to f' / |f'|, (..., D)."""
        along = features_ND @ self.directions.T
        return normalize(features_ND + (along * self.gains) @ self.directions, dim=-1)

    def features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map (N, D, T, 1, 1) to (N, D): the mean over T, shortened."""
        return self.shortened(self.steps(clip_NCTHW).mean(dim=2))

    def card_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options with the number of directions."""
        return {**options, "num_directions": len(self.directions)}
