"""CMPL, Cross-Model Pseudo-Labeling (Xu et al., CVPR 2022, arXiv 2112.09690).

A primary network F and a light auxiliary network A, which sees the same window at twice the frame
rate, give each other confident pseudo-labels. They err on different videos, so each corrects what
the other would have confirmed.

    p^F_i = softmax(F(w(u_i))),  p^A_i = softmax(A(w(u_i))),  no gradient
    L_s^F = 1/B sum_i H(y_i, F(x_i))                                             (same for A)
    L_u^F = 1/U sum_i 1[max p^A_i >= threshold] H(argmax p^A_i, F(s(u_i)))
    L_u^A = 1/U sum_i 1[max p^F_i >= threshold] H(argmax p^F_i, A(s(u_i)))
    L     = (L_s^F + L_s^A) + weight (L_u^F + L_u^A)

Easy to get wrong: the mean runs over all U clips, kept or not, and each network's labelled, weak
and strong clips share one forward. Where the paper is silent we take: F and A share crop and flip
of a clip and draw RandAugment apart; the auxiliary's window moves by up to ``offset_seconds`` of
its clip settings, uniformly, and stays in the video; no supervised warm-up, no EMA. With another
rule than the fixed threshold, the labels that teach F and those that teach A have a state each.
Two settings are of later papers. ``teacher_decay``: running averages of F and A label in their
place. ``contrast``: ActNetFormer's between architectures (Dass et al., ICPR 2024, arXiv 2404.06243)
adds contrast.weight (InfoNCE(P(F(z)) -> Q(A(z))) + InfoNCE(Q(A(z)) -> P(F(z)))) / 2, features of
labelled and weak clips z through 3-layer heads, as LTG's L_c; it counts from the first step.
Shapes: x, x_a (B, C, T, H, W), u_w, u_s, u_aw, u_as (U, C, T, H, W), logits (., K).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from semivideo.base.checked import Proportion, Weight
from semivideo.base.processes import gathered
from semivideo.base.records import Batch, ClipSpec, PseudoLabels, StepResult
from semivideo.methods.base import Method, Passes, jointly, logged, unlabeled
from semivideo.methods.parts.ema import WeightAverage
from semivideo.methods.parts.hidden_features import Contrast, Projection, contrasted, seen
from semivideo.methods.parts.threshold_rules import ThresholdRule, make_thresholds
from semivideo.models.contract import Network
from semivideo.objectives import Scheme, after_warmup, label_sources
from semivideo.transforms import Views

Term = Literal["L_s^F", "L_s^A", "L_u^F", "L_u^A"]
NO_CONTRAST = Contrast(weight=0.0)
ALL_TERMS: tuple[Term, ...] = ("L_s^F", "L_s^A", "L_u^F", "L_u^A")


class CMPL(Method):
    """Two networks that label for each other; the primary one is deployed.

    Args:
        primary: F, the network that is deployed.
        auxiliary: A, lighter and at a higher frame rate; any network.
        clips: The clips of the streams "primary" and "auxiliary".
        threshold: Least confidence of a pseudo-label, in [0, 1] (Fig. 4a: 0.9 is best).
        weight: Weight of the unlabelled terms, >= 0; the paper's 5 at 1 % labels, 2 at 10 %.
        scheme: Who teaches whom (appendix A); the paper's is "cross".
        terms: Terms of L that count (Table 6).
        supervised_warmup: Share of the training before the unlabelled terms count, in [0, 1];
            unlabelled clips take part in the batch statistics from the first step.
        thresholds: Rule that chooses the labels; with "freematch" and "softmatch", ``threshold``
            only counts in the schemes "self_first" and "opposite_first".
        teacher_decay: Of averages of F and A that label in their place, in [0, 1]; None for F and A
            themselves. F is deployed either way.
        contrast: Between the features of F and those of A (ActNetFormer); none by its weight of 0.
        shared: Whether A is F itself, which then sees the clips of both streams: FixMatch with
            frame-rate augmentation, and with an offset also of location (Tables 2 and 3).
    """

    weak_only_labels = True
    needs_strong = True
    passes = Passes(labeled=1, unlabeled=2)
    asks_answer = True

    def __init__(
        self,
        primary: Network,
        auxiliary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        threshold: Proportion = 0.9,
        weight: Weight = 5.0,
        scheme: Scheme = "cross",
        terms: tuple[Term, ...] = ALL_TERMS,
        supervised_warmup: Proportion = 0.0,
        thresholds: ThresholdRule = "fixed",
        teacher_decay: Proportion | None = None,
        contrast: Contrast = NO_CONTRAST,
        shared: bool = False,
    ) -> None:
        super().__init__()
        auxiliary = primary if shared else auxiliary
        self.primary = primary
        self.auxiliary = auxiliary
        self.views = views
        self.clips = clips
        self.threshold = threshold
        self.weight = weight
        self.scheme: Scheme = scheme
        self.terms = terms
        self.supervised_warmup = supervised_warmup
        self.thresholds_F = make_thresholds(thresholds, primary, threshold=threshold)
        self.thresholds_A = make_thresholds(thresholds, auxiliary, threshold=threshold)
        self.teacher_F = self.teacher_A = None
        if teacher_decay is not None:
            self.teacher_F = WeightAverage(primary, decay=teacher_decay)
            self.teacher_A = WeightAverage(auxiliary, decay=teacher_decay)
            self.passes = Passes(labeled=1, unlabeled=1, without_graph=1)
        self.contrast = contrast
        if contrast.weight:
            self.P = Projection(primary.num_features, dim=contrast.dim)
            self.Q = Projection(auxiliary.num_features, dim=contrast.dim)
            self.weak_only_labels = False
            self.passes = Passes(1, 2, 0 if teacher_decay is None else 1)

    def prepare(self, videos: Sequence[str]) -> None:
        """Make room for what is counted by video."""
        self.thresholds_F.prepare(len(videos))
        self.thresholds_A.prepare(len(videos))

    def forward(self, batch: Batch) -> StepResult:
        """Return L."""
        weight = after_warmup(self.weight, batch.progress, warmup=self.supervised_warmup)
        views, y = self.views, batch.labeled.label
        x = views.standard(batch.labeled, "primary")
        x_a = views.standard(batch.labeled, "auxiliary")
        if self.weight == self.contrast.weight == 0:
            F_x, A_x = self.primary(x).float(), self.auxiliary(x_a).float()
            only = {"L_s^F": self.answer.loss(F_x, y), "L_s^A": self.answer.loss(A_x, y)}
            return self.total(only, 0.0)
        u = unlabeled(batch)
        u_w, u_s = views.weak(u, "primary"), views.strong(u, "primary")
        u_aw, u_as = views.weak(u, "auxiliary"), views.strong(u, "auxiliary")

        graph = batch.weak_graph
        F_x, F_w, F_s, f = self.forwarded(self.primary, self.teacher_F, x, u_w, u_s, graph=graph)
        A_x, A_w, A_s, a = self.forwarded(
            self.auxiliary, self.teacher_A, x_a, u_aw, u_as, graph=graph
        )
        p_F, p_A = self.answer.shares(F_w.detach()), self.answer.shares(A_w.detach())
        for_F, for_A = label_sources(self.scheme, p_F, p_A, threshold=self.threshold)
        label_F = self.thresholds_F(for_F, u.video)  # A teaches F
        label_A = self.thresholds_A(for_A, u.video)  # F teaches A
        L_u_F = self.answer.learned(F_s, label_F) + self.thresholds_F.penalty(F_s, label_F)
        L_u_A = self.answer.learned(A_s, label_A) + self.thresholds_A.penalty(A_s, label_A)
        losses = {
            "L_s^F": self.answer.loss(F_x, y),
            "L_s^A": self.answer.loss(A_x, y),
            "L_u^F": L_u_F,
            "L_u^A": L_u_A,
        }
        if f is not None and a is not None:
            p, q = self.P(gathered(f)), self.Q(gathered(a))
            losses["L_c"] = contrasted(p, q, temperature=self.contrast.temperature)
        # Logged is what each network would teach the other, whatever the scheme.
        return self.total(
            losses,
            weight,
            logged("primary", u, self.thresholds_A.judge(p_F)),
            logged("auxiliary", u, self.thresholds_F.judge(p_A)),
        )

    def forwarded(
        self,
        network: Network,
        teacher: WeightAverage | None,
        x: Tensor,
        w: Tensor,
        s: Tensor,
        *,
        graph: bool,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Return logits (., K) of x, w and s, and features (B + U, D) of x and w to contrast.

        Args:
            network: F or A.
            teacher: What labels w in its place, or None.
            x: Labelled clips (B, C, T, H, W).
            w: Weak views (U, C, T, H, W).
            s: Strong views (U, C, T, H, W).
            graph: ``Batch.weak_graph``.
        """
        if not self.contrast.weight:
            logits = jointly(
                network, labeled=x, weak=w, strong=s, weak_graph=graph, teacher=teacher
            )
            return logits[0], logits[1], logits[2], None
        N = seen(network, labeled=x, weak=w, strong=s)
        if teacher is None:
            return N.x, N.w, N.s, N.features
        with torch.no_grad():
            return N.x, teacher(w).float(), N.s, N.features

    def after_step(self) -> None:
        """Move the teachers, if there are any, towards their networks."""
        for teacher in (self.teacher_F, self.teacher_A):
            if teacher is not None:
                teacher.update()

    def total(self, losses: dict[str, Tensor], weight: float, *pseudo: PseudoLabels) -> StepResult:
        """Return the weighted sum of the terms that count."""
        # A term switched off has weight 0 and stays in the sum: every parameter keeps a gradient,
        # which distributed training needs.
        factor = {"L_s^F": 1.0, "L_s^A": 1.0, "L_u^F": weight, "L_u^A": weight}
        factor = {t: (t in self.terms) * each for t, each in factor.items()}
        factor["L_c"] = self.contrast.weight
        L = torch.stack([factor[t] * loss for t, loss in losses.items()]).sum()
        return StepResult(
            loss=L, terms={t: loss.detach() for t, loss in losses.items()}, pseudo=pseudo
        )

    @property
    def deployed(self) -> Network:
        """The primary network."""
        return self.primary
