"""Which predictions become labels: what a method asks a rule, and the rules.

A method asks ``thresholds(p, video)`` for the labels of its unlabelled clips and adds ``penalty``
to the loss of learning from them. "fixed" keeps max p >= threshold. Three rules follow the
training; for a label of class c the threshold tau_c, and the weight of the clip in SoftMatch, is

    flexmatch  threshold beta_c / (2 - beta_c),  beta_c = n_c / max(max_k n_k, n_none)
               n_c: videos whose last confident (p >= threshold) label was c; n_none: without one
    freematch  tau m_c / max_k m_k,  tau and m: running means of max p and of p
    softmatch  exp(-min(q - mu, 0)^2 / (2 s^2 / 4)),  q = max norm(p / m)
               mu and s^2: running mean and variance of q

The decision that is easy to get wrong: FlexMatch counts videos, not clips, so its state is a class
for every video of the manifest. Videos that never came by (those of the test part never do) count
nowhere, so n_none is the paper's after one pass. FreeMatch and SoftMatch take a batch in before
they judge it, FlexMatch after, as the papers' algorithms do. All see the clips of all processes.
Shapes: p (N, K), video (N,), m (K,), one class a video (V,).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from semivideo import objectives
from semivideo.base.processes import gathered
from semivideo.models.contract import Network
from semivideo.objectives import ConfidentLabels

ThresholdRule = Literal["fixed", "flexmatch", "freematch", "softmatch"]
DECAY = 0.999  # of running means, in both papers
FAIRNESS_WEIGHT = 0.01  # relative to the unlabelled loss
NUM_SIGMAS = 2.0


class Thresholds(nn.Module, ABC):
    """Turns predictions into labels; what it learns on the way is in its buffers."""

    def forward(self, probabilities_NK: Tensor, video_N: Tensor) -> ConfidentLabels:
        """Return the labels of N clips; in training, learn from them.

        Args:
            probabilities_NK: (N, K), rows sum to 1; the graph is cut.
            video_N: int64 (N,), the number of each clip's video.
        """
        if self.training:
            with torch.no_grad():
                self.update(gathered(probabilities_NK.detach()), gathered(video_N))
        return self.judge(probabilities_NK.detach())

    @abstractmethod
    def judge(self, probabilities_NK: Tensor) -> ConfidentLabels:
        """Return the labels of N clips by the present state, which stays as it is."""

    def update(self, probabilities_NK: Tensor, video_N: Tensor) -> None:
        """Take in the predictions on the clips of all processes, in any order."""

    def prepare(self, num_videos: int) -> None:
        """Make room for videos number 0 to ``num_videos`` - 1."""

    def penalty(self, logits_NK: Tensor, labels: ConfidentLabels) -> Tensor:
        """Return a scalar to add to the unlabelled loss, from the logits of the strong views."""
        return logits_NK.new_zeros(())


class FixedThreshold(Thresholds):
    """The same threshold for every class at any time (FixMatch, CMPL)."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def judge(self, probabilities_NK: Tensor) -> ConfidentLabels:
        """Keep max p >= threshold."""
        return objectives.confident_labels(probabilities_NK, self.threshold)


class FlexMatchThresholds(Thresholds):
    """Lower thresholds for classes of few confident labels (Zhang et al., NeurIPS 2021)."""

    assigned: Tensor  # int64 (V,), see objectives.flexmatch_share
    share: Tensor  # beta (K,)

    def __init__(self, num_classes: int, *, threshold: float) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.threshold = threshold
        self.register_buffer("assigned", torch.empty(0, dtype=torch.int64))
        self.register_buffer("share", torch.zeros(num_classes))

    def prepare(self, num_videos: int) -> None:
        """Mark all videos as never seen."""
        self.assigned = self.assigned.new_full((num_videos,), self.num_classes + 1)

    def judge(self, probabilities_NK: Tensor) -> ConfidentLabels:
        """Keep max p >= tau_c."""
        threshold_K = objectives.flexmatch_thresholds(self.share, threshold=self.threshold)
        return objectives.confident_by_class(probabilities_NK, threshold_K)

    def update(self, probabilities_NK: Tensor, video_N: Tensor) -> None:
        """Count what is known before this step, as the paper's algorithm does; then assign.

        Raises:
            RuntimeError: ``prepare`` was not called.
        """
        if not len(self.assigned):
            raise RuntimeError("FlexMatch counts by video; call prepare(videos) before training")
        K, known = self.num_classes, self.assigned
        confident = objectives.confident_labels(probabilities_NK, self.threshold)
        self.share.copy_(objectives.flexmatch_share(known, K))
        known.copy_(objectives.reassigned(known, confident, video_N, num_classes=K))


class FreeMatchThresholds(Thresholds):
    """The mean confidence, scaled by class, and a fairness term (Wang et al., ICLR 2023)."""

    confidence: Tensor  # tau ()
    mean: Tensor  # m (K,)
    histogram: Tensor  # share of each class among the labels (K,)

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("confidence", torch.full((), 1 / num_classes))
        self.register_buffer("mean", torch.full((num_classes,), 1 / num_classes))
        self.register_buffer("histogram", torch.full((num_classes,), 1 / num_classes))

    def judge(self, probabilities_NK: Tensor) -> ConfidentLabels:
        """Keep max p >= tau_c."""
        threshold_K = objectives.freematch_thresholds(self.confidence, self.mean)
        return objectives.confident_by_class(probabilities_NK, threshold_K)

    def update(self, probabilities_NK: Tensor, video_N: Tensor) -> None:
        """Follow confidence, probabilities and labels."""
        confidence_N, label_N = probabilities_NK.max(dim=1)
        label_NK = one_hot(label_N, len(self.mean)).float()
        self.confidence.lerp_(confidence_N.mean(), 1 - DECAY)
        self.mean.lerp_(probabilities_NK.mean(dim=0), 1 - DECAY)
        self.histogram.lerp_(label_NK.mean(dim=0), 1 - DECAY)

    def penalty(self, logits_NK: Tensor, labels: ConfidentLabels) -> Tensor:
        """Return the weighted fairness of the strong views of all processes."""
        kept_N = gathered(labels.kept.float())
        fairness = objectives.fairness(
            gathered(logits_NK), kept_N, mean_K=self.mean, histogram_K=self.histogram
        )
        return FAIRNESS_WEIGHT * fairness


class SoftMatchWeights(Thresholds):
    """Less weight the less sure, after uniform alignment (Chen et al., ICLR 2023).

    Label and confidence are those before the alignment; kept is what counts in full.
    """

    mean: Tensor  # m (K,)
    confidence: Tensor  # mu ()
    variance: Tensor  # s^2 ()

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((num_classes,), 1 / num_classes))
        self.register_buffer("confidence", torch.full((), 1 / num_classes))
        self.register_buffer("variance", torch.ones(()))

    def judge(self, probabilities_NK: Tensor) -> ConfidentLabels:
        """Weigh all, by their aligned confidence."""
        confidence, label = probabilities_NK.max(dim=1)
        aligned_N = objectives.uniformly_aligned(probabilities_NK, self.mean).amax(dim=1)
        weight = objectives.truncated_gaussian(
            aligned_N, mean=self.confidence, variance=self.variance, num_sigmas=NUM_SIGMAS
        )
        return ConfidentLabels(label, confidence, aligned_N >= self.confidence, weight)

    def update(self, probabilities_NK: Tensor, video_N: Tensor) -> None:
        """Follow probabilities, then mean and variance of the aligned confidence."""
        self.mean.lerp_(probabilities_NK.mean(dim=0), 1 - DECAY)
        aligned_N = objectives.uniformly_aligned(probabilities_NK, self.mean).amax(dim=1)
        self.confidence.lerp_(aligned_N.mean(), 1 - DECAY)
        self.variance.lerp_(aligned_N.var(correction=min(1, len(aligned_N) - 1)), 1 - DECAY)


def make_thresholds(rule: ThresholdRule, network: Network, *, threshold: float) -> Thresholds:
    """Return the thresholds of a rule; ``threshold`` counts for "fixed" and "flexmatch"."""
    if rule == "freematch":
        return FreeMatchThresholds(network.num_classes)
    if rule == "softmatch":
        return SoftMatchWeights(network.num_classes)
    if rule == "flexmatch":
        return FlexMatchThresholds(network.num_classes, threshold=threshold)
    return FixedThreshold(threshold)
