"""Several classes at once: each is a question of its own, answered by a sigmoid."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from semivideo.objectives.pseudo import ConfidentLabels


def binary_cross_entropy(
    logits_NK: Tensor, present_NK: Tensor, *, positive_weight_K: Tensor | None = None
) -> Tensor:
    """Return -1/(N K) sum_ik [w_k y_ik log s(z_ik) + (1 - y_ik) log(1 - s(z_ik))], a scalar.

    Args:
        logits_NK: z, (N, K).
        present_NK: y in [0, 1], (N, K).
        positive_weight_K: w > 0, (K,); None for 1.
    """
    return F.binary_cross_entropy_with_logits(logits_NK, present_NK, pos_weight=positive_weight_K)


def confident_presence(probabilities_NK: Tensor, threshold: float) -> ConfidentLabels:
    """Return y = 1[p >= 1/2] where max(p, 1 - p) >= threshold, for each class by itself.

    Args:
        probabilities_NK: (N, K) in [0, 1]; the graph is cut.
        threshold: In [0, 1].

    Returns:
        All (N, K): float labels 0 or 1, the confidence, and the verdict.
    """
    p_NK = probabilities_NK.detach()
    present_NK = (p_NK >= 0.5).to(p_NK.dtype)
    confidence_NK = p_NK.maximum(1 - p_NK)
    return ConfidentLabels(present_NK, confidence_NK, confidence_NK >= threshold)


def masked_binary_cross_entropy(logits_NK: Tensor, target: ConfidentLabels) -> Tensor:
    """Return the binary cross-entropy of kept labels over all N K, kept or not, a scalar.

    Args:
        logits_NK: (N, K), predictions on the strong view.
        target: What ``confident_presence`` returns for the same N clips.
    """
    loss_NK = F.binary_cross_entropy_with_logits(logits_NK, target.label, reduction="none")
    return (loss_NK * target.kept).mean()
