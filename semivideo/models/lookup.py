"""Heads that are filled at once, not trained: of k nearest neighbours, and of ``wccn``.

Neighbours: the weights are the labelled examples themselves.

    votes_k(x) = sum over the nearest examples j of class k of exp(cos(x, f_j) / temperature)

WithinHead: a linear classifier that looks away from what clips of one group differ in.

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
from torch.nn.functional import normalize, one_hot

from semivideo.models.contract import Network
from semivideo.models.heads import Dim, Head, Standardize, total

_LEAST = 1e-6
"""Share of a class that no neighbour is of: logits stay finite."""


class Neighbours(Network):
    """Votes of the nearest labelled examples, weighed by cosine.

    Args:
        num_classes: K >= 1.
        dim: D, numbers a step, of several parts those of each.
        num_examples: Labelled examples, >= 1.
        nearest: How many of them vote, >= 1.
        temperature: Of the votes, > 0; small lets the nearest ones decide.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        dim: Dim,
        num_examples: Annotated[int, Field(ge=1)] = 1,
        nearest: Annotated[int, Field(ge=1)] = 20,
        temperature: Annotated[float, Field(gt=0)] = 0.07,
    ) -> None:
        super().__init__()
        self.num_classes, self.num_features = num_classes, total(dim)
        self.nearest, self.temperature = nearest, temperature
        self.standardize = Standardize(dim)
        self.examples: Tensor
        self.labels: Tensor
        self.register_buffer("examples", torch.zeros(num_examples, total(dim)))
        self.register_buffer("labels", torch.zeros(num_examples, dtype=torch.int64))

    def remember(self, examples_ND: Tensor, labels_N: Tensor, *, nearest: int) -> None:
        """Take over labelled examples.

        Args:
            examples_ND: float32 (N, D), standardised; only their directions count.
            labels_N: int64 (N,) in [0, K).
            nearest: How many vote, >= 1.
        """
        self.examples, self.labels = normalize(examples_ND, dim=1), labels_N
        self.nearest = nearest

    def features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map (N, D, T, 1, 1) to the mean over T, (N, D)."""
        steps_NDT: Tensor = self.standardize(clip_NCTHW)
        return steps_NDT.mean(dim=2)

    def classify(self, features_ND: Tensor) -> Tensor:
        """Map features (N, D) to the logarithm of each class's share of the votes, (N, K)."""
        cosines_NE = normalize(features_ND, dim=1) @ self.examples.T
        best_Nk, places_Nk = cosines_NE.topk(min(self.nearest, cosines_NE.shape[1]), dim=1)
        votes_Nk = (best_Nk / self.temperature).softmax(dim=1)
        of_class_NkK = one_hot(self.labels[places_Nk], self.num_classes).to(votes_Nk.dtype)
        return torch.einsum("nj,njk->nk", votes_Nk, of_class_NkK).clamp_min(_LEAST).log()

    def card_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options with the number of examples, and how many of them vote."""
        return {**options, "num_examples": len(self.examples), "nearest": self.nearest}


class WithinHead(Head):
    """A linear classifier on features that are shortened along some directions.

    Args:
        num_classes: K >= 1.
        dim: D, numbers a step, of several parts those of each.
        num_directions: M >= 0.
    """

    def __init__(
        self, num_classes: int, *, dim: Dim, num_directions: Annotated[int, Field(ge=0)] = 0
    ) -> None:
        super().__init__(num_classes, dim=dim, num_features=total(dim), dropout=0.0)
        self.directions: Tensor
        self.gains: Tensor
        self.register_buffer("directions", torch.zeros(num_directions, total(dim)))
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
