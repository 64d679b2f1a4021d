"""Which predictions become labels when the threshold follows the training: the arithmetic.

The state these functions are given is kept by ``semivideo.methods.parts.threshold_rules``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from semivideo.objectives.pseudo import ConfidentLabels

LEAST_SHARE = 1e-6  # of a class in a running mean: one that died out must not divide by zero


def confident_by_class(probabilities_NK: Tensor, threshold_K: Tensor) -> ConfidentLabels:
    """Return argmax p where max p >= the threshold of that class.

    Args:
        probabilities_NK: (N, K), rows sum to 1; the graph is cut.
        threshold_K: (K,), each in [0, 1].
    """
    confidence, label = probabilities_NK.detach().max(dim=1)
    return ConfidentLabels(label, confidence, confidence >= threshold_K[label])


def flexmatch_share(assigned_V: Tensor, num_classes: int) -> Tensor:
    """Return beta_c = count_c / max(max_c count_c, unassigned), FlexMatch's warm-up form.

    Args:
        assigned_V: int64 (V,), for each video the class it was last confidently given, ``K`` if it
            never was, ``K + 1`` if it was never seen; those count nowhere.
        num_classes: K.

    Returns:
        (K,), in [0, 1]; all 0 where there are no videos yet.
    """
    counts = assigned_V.new_zeros(num_classes + 2)
    counts.scatter_add_(0, assigned_V, torch.ones_like(assigned_V))
    return counts[:num_classes] / counts[: num_classes + 1].max().clamp(min=1)


def reassigned(
    assigned_V: Tensor, confident: ConfidentLabels, video_N: Tensor, *, num_classes: int
) -> Tensor:
    """Return int64 (V,), the class of each video after N more clips.

    Of several clips of one video the surest counts, of equally sure ones the one of the lowest
    class: by maximum and minimum, so that no order of the clips can matter.

    Args:
        assigned_V: int64 (V,), as in ``flexmatch_share``.
        confident: Labels of N clips; a video is given the label of its surest clip if it is kept.
        video_N: int64 (N,), in [0, V).
        num_classes: K.
    """
    K, (label_N, confidence_N, kept_N, _) = num_classes, confident
    surest_V = confidence_N.new_full(assigned_V.shape, -1.0)
    surest_V.scatter_reduce_(0, video_N, confidence_N, "amax")
    counts_N = kept_N & (confidence_N == surest_V[video_N])
    label_V = torch.full_like(assigned_V, K)
    label_V.scatter_reduce_(0, video_N, label_N.where(counts_N, K), "amin")
    seen_V = assigned_V.where(surest_V < 0, assigned_V.clamp(max=K))
    return label_V.where(label_V < K, seen_V)


def flexmatch_thresholds(share_K: Tensor, *, threshold: float) -> Tensor:
    """Return (K,), threshold beta / (2 - beta), FlexMatch's convex mapping.

    Args:
        share_K: beta (K,), in [0, 1]; at 1 the class gets the whole threshold.
        threshold: In [0, 1].
    """
    return threshold * (share_K / (2 - share_K))


def freematch_thresholds(mean_confidence: Tensor, mean_K: Tensor) -> Tensor:
    """Return (K,), tau p_c / max_c p_c (FreeMatch Eqs. 5-7).

    Args:
        mean_confidence: tau (), the running mean of max p.
        mean_K: (K,), the running mean of p.
    """
    return mean_confidence * (mean_K / mean_K.max())


def fairness(logits_NK: Tensor, kept_N: Tensor, *, mean_K: Tensor, histogram_K: Tensor) -> Tensor:
    """Return sum_c a_c log b_c, at most 0, FreeMatch's Eq. 11; 0 where nothing is kept.

    a = norm(running mean of p / running histogram of labels) of the weak views,
    b = norm(mean of p / histogram of argmax p) of the kept strong views. Classes that none of these
    is predicted as are left out: the published code adds a constant for each, no gradient.

    Args:
        logits_NK: (N, K), predictions on the strong view.
        kept_N: (N,), 1 where the clip's label is used, else 0, float.
        mean_K: (K,), running mean of p.
        histogram_K: (K,), running share of each class among the labels.
    """
    a_K = mean_K / histogram_K.clamp(min=LEAST_SHARE)
    probabilities_NK = logits_NK.softmax(dim=1)
    predicted_NK = torch.nn.functional.one_hot(logits_NK.argmax(dim=1), logits_NK.shape[1])
    count_K = (kept_N[:, None] * predicted_NK).sum(dim=0)
    is_there_K = count_K > 0
    mass_K = (kept_N[:, None] * probabilities_NK).sum(dim=0)
    b_K = torch.where(is_there_K, mass_K / count_K.clamp(min=1), 1.0)
    b_sum = torch.where(is_there_K, b_K, 0.0).sum().clamp(min=LEAST_SHARE)
    log_b_K = torch.where(is_there_K, (b_K / b_sum).log(), 0.0)
    return (a_K / a_K.sum() * log_b_K).sum()


def uniformly_aligned(probabilities_NK: Tensor, mean_K: Tensor) -> Tensor:
    """Return (N, K), norm(p / mean p): as if all classes were predicted equally often.

    SoftMatch's uniform alignment; the target 1/K drops out when rows are scaled to sum to 1.

    Args:
        probabilities_NK: (N, K), rows sum to 1.
        mean_K: (K,), the running mean of p.
    """
    scaled_NK = probabilities_NK / mean_K.clamp(min=LEAST_SHARE)
    return scaled_NK / scaled_NK.sum(dim=1, keepdim=True)


def truncated_gaussian(
    confidence_N: Tensor, *, mean: Tensor, variance: Tensor, num_sigmas: float
) -> Tensor:
    """Return (N,), exp(-min(p - mean, 0)^2 / (2 variance / num_sigmas^2)), SoftMatch's.

    Args:
        confidence_N: (N,), max p.
        mean: (), its running mean; from there on the weight is 1.
        variance: (), its running variance, > 0.
        num_sigmas: How much narrower than the confidences; large is a hard threshold at ``mean``.
    """
    below_N = (confidence_N - mean).clamp(max=0)
    return torch.exp(-(below_N**2) / (2 * variance / num_sigmas**2))
