"""Labels that are chosen by confidence and uncertainty, and learning what a clip is not (UPS).

Probabilities and deviations are the mean and the standard deviation of several predictions of a
clip that differ by dropout.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

_LARGEST = 1 - 1e-7  # keeps log(1 - p) finite, as the published code does


class CertainLabels(NamedTuple):
    """Hard labels of N clips; none of the tensors has a graph.

    Attributes:
        label: int64 (N,), the most probable class.
        confidence: float (N,), its probability.
        deviation: float (N,), the standard deviation of that probability.
        kept: bool (N,), whether it is probable and certain enough.
    """

    label: Tensor
    confidence: Tensor
    deviation: Tensor
    kept: Tensor


def certain_labels(
    probabilities_NK: Tensor, deviations_NK: Tensor, *, tau: float, kappa: float
) -> CertainLabels:
    """Return argmax p where p >= tau and its deviation <= kappa (UPS: positive labels).

    Args:
        probabilities_NK: (N, K), rows sum to 1; the graph is cut.
        deviations_NK: (N, K), >= 0.
        tau: Least probability, in [0, 1].
        kappa: Largest deviation, >= 0.
    """
    confidence, label = probabilities_NK.detach().max(dim=1)
    deviation = deviations_NK.detach().gather(1, label[:, None]).squeeze(1)
    return CertainLabels(label, confidence, deviation, (confidence >= tau) & (deviation <= kappa))


def regulated_weights(confidence_N: Tensor, deviation_N: Tensor) -> Tensor:
    """Return 2 sigmoid(exp(c) - e) 2 (sigmoid(1 / (20 d)) - 1/2), float (N,) (SeFAR).

    Args:
        confidence_N: c (N,), the mean probability of the most probable class, in [0, 1].
        deviation_N: d (N,), the standard deviation of that probability, >= 0.

    Returns:
        In [0, 1]; 1 where c is 1 and d is 0.
    """
    sure_N = 2 * torch.sigmoid(confidence_N.exp() - math.e)
    steady_N = 2 * torch.sigmoid(1 / (20 * deviation_N)) - 1
    return sure_N * steady_N


def excluded_classes(
    probabilities_NK: Tensor, deviations_NK: Tensor, *, tau: float, kappa: float
) -> Tensor:
    """Return where p <= tau and its deviation <= kappa (UPS: negative labels), bool (N, K).

    Args:
        probabilities_NK: (N, K), rows sum to 1.
        deviations_NK: (N, K), >= 0.
        tau: Largest probability, in [0, 1].
        kappa: Largest deviation, >= 0.
    """
    return (probabilities_NK <= tau) & (deviations_NK <= kappa)


def balanced_by_class(labels: CertainLabels, *, num_classes: int, at_least: int) -> Tensor:
    """Keep as many labels of each class as the rarest kept class has, those of least deviation.

    Args:
        labels: Of N clips; of equal deviations the first clips stay.
        num_classes: K.
        at_least: Keep up to so many of a class even where another has fewer, >= 0.

    Returns:
        bool (N,), a part of ``labels.kept``.
    """
    most = max(at_least, int(labels.label[labels.kept].bincount(minlength=num_classes).min()))
    order = labels.deviation.argsort(stable=True)
    order = order[labels.kept[order]]
    stays = torch.zeros_like(labels.kept)
    for k in range(num_classes):
        stays[order[labels.label[order] == k][:most]] = True
    return stays


def negative_learning_loss(logits_NK: Tensor, excluded_NK: Tensor) -> Tensor:
    """Return 1/N sum_i [-sum_k m_ik log(1 - p_ik) / sum_k m_ik], a scalar (UPS).

    A clip without an excluded class adds 0. As in ``masked_cross_entropy``, the mean runs over all.

    Args:
        logits_NK: (N, K); p is their softmax.
        excluded_NK: bool (N, K), m: the classes that each clip does not show.
    """
    p_NK = F.softmax(logits_NK, dim=1).clamp(max=_LARGEST)
    sum_N = -(torch.log1p(-p_NK) * excluded_NK).sum(dim=1)
    return (sum_N / excluded_NK.sum(dim=1).clamp(min=1)).mean()
