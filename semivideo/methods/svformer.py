"""SVFormer (Xing et al., CVPR 2023, arXiv 2211.13222), for any network.

A teacher T, the running average of the student F, labels weak views. F learns the labels on strong
views whose time is warped, and on mixtures of two strong clips: one mask of patches, the same in
all frames, says which clip is seen where.

    p_i = softmax(T(w(u_i))),  no gradient;  c_i = max p_i,  m_i = 1[c_i >= threshold]
    q_i = onehot(argmax p_i) where m_i = 1, p_i elsewhere
    L_s   = 1/B sum_i H(y_i, F(x_i))
    L_u   = 1/U sum_i m_i H(argmax p_i, F(s(u_i)))
    lambda ~ Beta(alpha, alpha);  M: patches of a grid, a share lambda of them 1
    z_i   = M s(u_i) + (1 - M) s(u_j),  q^_i = lambda q_i + (1 - lambda) q_j
    L_mix = 1/U sum_i (lambda m_i + (1 - lambda) m_j) 1/K sum_k (softmax(F(z_i))_k - q^_ik)^2
    L     = L_s + weight L_u + mixing.weight L_mix

SeFAR (Huang et al., AAAI 2025) is this with ``reverse``, ``adaptive`` and without ``warp``, decay
0.9999. ``reverse``: two short segments of the strong view run backwards. ``adaptive``: T predicts
with dropout, P times, with mean p and deviation d of the top class; the weight w_i of
``regulated_weights`` stands for m_i, q_i is p_i always, and both unlabelled terms rise along a sine
from the end of the warm-up on.

The decision that is easy to get wrong: lambda of the labels is the share of pixels that the mask
really shows. T is made at the end of the supervised warm-up: until then it is F. The partner j is
the next clip of all processes by its draw, in a circle. Deployed is F.
Shapes: x (B, C, T, H, W), u_w, u_s, z (U, C, T, H, W), M (1, 1, 1, H, W), p and q (U, K), logits
(., K).
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from semivideo.base.checked import Proportion, Section, Weight
from semivideo.base.devices import on_device
from semivideo.base.processes import gathered
from semivideo.base.records import Batch, Clips, ClipSpec, StepResult
from semivideo.methods.base import Method, Passes, jointly, logged, supervised_loss, unlabeled
from semivideo.methods.parts.ema import WeightAverage
from semivideo.methods.parts.selection import dropout_scales
from semivideo.models.contract import Network
from semivideo.objectives import (
    ConfidentLabels,
    after_warmup,
    confident_labels,
    masked_cross_entropy,
    regulated_weights,
    sine_ramped,
    weighted_squared_error,
)
from semivideo.transforms import Views
from semivideo.transforms.labeled_mix import partners
from semivideo.transforms.temporal import reordered, sample_reversed_segments, sample_warp
from semivideo.transforms.tubes import drawn_tubes, mixed_in_tubes

NUM_PREDICTIONS, DROPOUT = 10, 0.5
"""P of SeFAR, and the share of the pooled features that each prediction drops."""


class TubeMix(Section):
    """How two clips are mixed."""

    weight: Weight = 2.0
    """Factor of L_mix; 0 for none."""
    alpha: float = Field(10.0, gt=0)
    """Of the Beta distribution of lambda."""
    grid: int = Field(14, ge=1)
    """Patches along a side; 14 are those of a transformer on 224 pixels."""


MIXING = TubeMix()


class SVFormer(Method):
    """A teacher's labels on strong views warped in time, and on clips mixed patch by patch.

    Args:
        primary: F, the student; any network.
        threshold: Least confidence of a pseudo-label, in [0, 1]; the paper tries 0.3 to 0.9.
        weight: Weight of L_u, >= 0.
        mixing: How clips are mixed.
        decay: Of the teacher, in [0, 1]; SeFAR's settings have 0.9999.
        supervised_warmup: Share of the training before the unlabelled terms count and the teacher
            is made, in [0, 1]; the paper's is 5 of 30 epochs.
        warp: Whether the time of strong views is warped.
        reverse: Whether two segments of strong views run backwards (SeFAR); off where the direction
            of a movement is the class.
        adaptive: Whether clips count by the teacher's certainty in place of a threshold (SeFAR).
    """

    needs_strong = True
    passes = Passes(labeled=1, unlabeled=2, without_graph=1)

    def __init__(
        self,
        primary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        threshold: Proportion = 0.7,
        weight: Weight = 2.0,
        mixing: TubeMix = MIXING,
        decay: Proportion = 0.99,
        supervised_warmup: Proportion = 1 / 6,
        warp: bool = True,
        reverse: bool = False,
        adaptive: bool = False,
    ) -> None:
        super().__init__()
        self.primary = primary
        self.teacher = WeightAverage(primary, decay=decay)
        self.views, self.clips = views, clips
        self.threshold, self.weight, self.mixing = threshold, weight, mixing
        self.supervised_warmup, self.is_warming = supervised_warmup, False
        self.warp, self.reverse, self.adaptive = warp, reverse, adaptive

    def forward(self, batch: Batch) -> StepResult:
        """Return L."""
        x, y = self.views.standard(batch.labeled, "primary"), batch.labeled.label
        if self.weight == self.mixing.weight == 0:
            return supervised_loss({"L_s": self.primary(x)}, y)
        self.is_warming = batch.progress < self.supervised_warmup
        r, u = self._rise(batch.progress), unlabeled(batch)
        label, q = self._labels(u, self.views.weak(u, "primary"))
        u_s = self._retimed(u, self.views.strong(u, "primary"))
        tubes = drawn_tubes(
            batch.step, alpha=self.mixing.alpha, grid=self.mixing.grid, side=u_s.shape[-1]
        )
        j = _partners(u, u_s)
        z = mixed_in_tubes(u_s, gathered(u_s)[j], tubes)

        F_x, F_z, F_s = jointly(self.primary, labeled=x, standard=z, strong=u_s)
        lam = tubes.share
        m = label.kept.to(q.dtype) if label.weight is None else label.weight
        q_mix = lam * q + (1 - lam) * gathered(q)[j]
        m_mix = lam * m + (1 - lam) * gathered(m)[j]
        L_s = cross_entropy(F_x, y)
        L_u = masked_cross_entropy(F_s, label)
        L_mix = weighted_squared_error(F_z.softmax(dim=1), q_mix, m_mix)

        return StepResult(
            loss=L_s + r * (self.weight * L_u + self.mixing.weight * L_mix),
            terms={"L_s": L_s.detach(), "L_u": L_u.detach(), "L_mix": L_mix.detach()},
            pseudo=(logged("teacher", u, label),),
        )

    def _rise(self, progress: float) -> float:
        """Factor of the unlabelled terms."""
        if self.adaptive:
            return sine_ramped(1.0, progress, start=self.supervised_warmup)
        return after_warmup(1.0, progress, warmup=self.supervised_warmup)

    @torch.no_grad()
    def _labels(self, u: Clips, u_w: Tensor) -> tuple[ConfidentLabels, Tensor]:
        """Return the labels of U clips and q (U, K)."""
        if not self.adaptive:
            p = self.teacher(u_w).float().softmax(dim=1)
            label = confident_labels(p, self.threshold)
            is_class = one_hot(label.label, p.shape[1]).to(p.dtype)
            return label, torch.where(label.kept[:, None], is_class, p)
        network = self.teacher.network
        features = network.features(u_w).float()
        scales = dropout_scales(
            u.draw,
            num_passes=NUM_PREDICTIONS,
            num_features=features.shape[1],
            rate=DROPOUT,
            salt=0,
        )
        z = [
            network.classify(features * s) for s in on_device(scales, features.device).to(features)
        ]
        d, p = torch.std_mean(torch.stack(z).float().softmax(dim=2), dim=0)
        c, label_U = p.max(dim=1)
        w = regulated_weights(c, d.gather(1, label_U[:, None])[:, 0])
        return ConfidentLabels(label_U, c, w >= 0.5, w), p

    def _retimed(self, u: Clips, u_s: Tensor) -> Tensor:
        """Strong views with their time warped and segments reversed, as the settings say."""
        frames_first, keys = u_s.transpose(1, 2), u.draw.cpu().numpy()
        for is_on, sample in ((self.warp, sample_warp), (self.reverse, sample_reversed_segments)):
            if is_on:
                order = sample(keys, stream="primary", num_frames=u_s.shape[2])
                frames_first = reordered(frames_first, order)
        return frames_first.transpose(1, 2)

    def after_step(self) -> None:
        """Move the teacher towards the student; in the warm-up it is the student."""
        self.teacher.update(copies=self.is_warming)

    @property
    def deployed(self) -> Network:
        """The student."""
        return self.primary


def _partners(u: Clips, u_s: Tensor) -> Tensor:
    """Return numbers j of the partners of U clips, among those of all processes."""
    draw = on_device(u.draw, u_s.device)
    all_draws = gathered(draw)
    return partners(draw, all_draws, torch.ones_like(all_draws, dtype=torch.bool))
