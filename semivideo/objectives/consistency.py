"""Consistency of predictions: what two views of the same clips say, group by group.

The functions compare the rows they are given. Where a batch is shared by several processes, the
caller gathers the rows of all (``semivideo.base.processes.gathered``) first.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from semivideo.objectives.contrastive import nt_xent


def group_contrast(a_NK: Tensor, b_NK: Tensor, *, temperature: float) -> Tensor:
    """Return NT-Xent between the group means of two views (TCL Eqs. 3 and 4).

    A group of a view are the clips whose most probable class, in that view, is k. Groups that only
    one of the views has do not take part.

    Args:
        a_NK: (N, K), class probabilities.
        b_NK: (N, K), those of another view of the same clips.
        temperature: t > 0.

    Returns:
        A scalar; 0 where the views share fewer than two groups, for then nothing repels.
    """
    (a_KK, in_a), (b_KK, in_b) = group_means(a_NK), group_means(b_NK)
    shared = in_a & in_b
    if not shared.any():
        return 0.0 * (a_NK.sum() + b_NK.sum())  # zero with a graph
    return nt_xent(a_KK[shared], b_KK[shared], temperature=temperature)


def weighted_squared_error(a_NK: Tensor, b_NK: Tensor, weight_N: Tensor) -> Tensor:
    """Return 1/N sum_i weight_i 1/K sum_k (a_ik - b_ik)^2, a scalar (SVFormer's L_mix).

    Args:
        a_NK: (N, K), probabilities.
        b_NK: (N, K), what they are to be.
        weight_N: (N,), >= 0.
    """
    return ((a_NK - b_NK).square().mean(dim=1) * weight_N).mean()


def divergence(q_NK: Tensor, logits_NK: Tensor) -> Tensor:
    """Return 1/N sum_i KL(q_i || softmax(logits_i)), a scalar; 0 log 0 is 0.

    Args:
        q_NK: (N, K), rows sum to 1; what is to be learned, without a graph.
        logits_NK: (N, K).
    """
    log_p = logits_NK.log_softmax(dim=1)
    divergence_NK: Tensor = torch.special.xlogy(q_NK, q_NK) - q_NK * log_p
    return divergence_NK.sum(dim=1).mean()


def group_means(probabilities_NK: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of the rows that name class k, for each k; no gradient through the naming.

    Args:
        probabilities_NK: (N, K).

    Returns:
        The means (K, K), row k that of group k and 0 if it is empty; bool (K,), whether it is not.
    """
    K = probabilities_NK.shape[1]
    member_NK = one_hot(probabilities_NK.detach().argmax(dim=1), K).to(probabilities_NK.dtype)
    count_K = member_NK.sum(dim=0)
    with torch.autocast(probabilities_NK.device.type, enabled=False):
        sum_KK = member_NK.T @ probabilities_NK
    return sum_KK / count_K.clamp(min=1)[:, None], count_K > 0
