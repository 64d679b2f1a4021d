"""FixMatch (Sohn et al., NeurIPS 2020): one network labels weak views and learns from strong ones.

    p_i = softmax(F(w(u_i))),  no gradient
    L_s = 1/B sum_i H(y_i, F(x_i))
    L_u = 1/U sum_i 1[max p_i >= threshold] H(argmax p_i, F(s(u_i)))
    L   = L_s + weight L_u

Another rule than the fixed threshold may choose or weigh the labels (``threshold_rules``). UDA (Xie
et al., NeurIPS 2020) learns soft labels in place of the class: p_k^(1/T) / sum_j p_j^(1/T).
Where several classes may be there at once (``parts.class_answers``), sigmoid and binary
cross-entropy stand for softmax and H, and each class has a pseudo-label of its own: there where
p_k >= threshold, not there where 1 - p_k is.
With ``teacher_decay`` a teacher, the running average of F (``parts.ema``), labels in place of F, as
in Mean Teacher, SVFormer and SeFAR.
The decision that is easy to get wrong: labelled, weak and strong clips go through the network in
one forward, so that batch statistics see all three.
Shapes: x (B, C, T, H, W), u_w and u_s (U, C, T, H, W), logits (., K).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from semivideo.base.checked import Proportion, Weight
from semivideo.base.records import Batch, ClipSpec, StepResult
from semivideo.methods.base import Method, Passes, jointly, logged, supervised_loss, unlabeled
from semivideo.methods.parts.ema import WeightAverage
from semivideo.methods.parts.threshold_rules import ThresholdRule, make_thresholds
from semivideo.models.contract import Network
from semivideo.objectives import after_warmup, sharpened
from semivideo.transforms import Views

Temperature = Annotated[float, Field(gt=0)]


class FixMatch(Method):
    """Pseudo-labels of the network's own weak view.

    Args:
        primary: The network to train.
        threshold: Least confidence of a pseudo-label, in [0, 1].
        weight: Weight of the unlabelled term, >= 0; at 0 this is supervised training.
        supervised_warmup: Share of the training before the unlabelled term counts, in [0, 1];
            unlabelled clips take part in the batch statistics from the first step. The paper has
            none; from scratch on few labels it prevents collapse (docs).
        thresholds: Rule that chooses the labels; "freematch" and "softmatch" need no threshold.
        temperature: T > 0 of soft labels (UDA: 0.4); None for hard ones.
        teacher_decay: Of an average of F that labels in its place, in [0, 1]; None for F itself.
            F is deployed either way.
    """

    weak_only_labels = True
    needs_strong = True
    passes = Passes(labeled=1, unlabeled=2)
    asks_answer = True

    def __init__(
        self,
        primary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        threshold: Proportion = 0.95,
        weight: Weight = 1.0,
        supervised_warmup: Proportion = 0.0,
        thresholds: ThresholdRule = "fixed",
        temperature: Temperature | None = None,
        teacher_decay: Proportion | None = None,
    ) -> None:
        super().__init__()
        self.primary = primary
        self.views = views
        self.clips = clips
        self.thresholds = make_thresholds(thresholds, primary, threshold=threshold)
        self.weight = weight
        self.supervised_warmup = supervised_warmup
        self.temperature = temperature
        self.teacher = None
        if teacher_decay is not None:
            self.teacher = WeightAverage(primary, decay=teacher_decay)
            self.passes = Passes(labeled=1, unlabeled=1, without_graph=1)

    def prepare(self, videos: Sequence[str]) -> None:
        """Make room for what is counted by video."""
        self.thresholds.prepare(len(videos))

    def forward(self, batch: Batch) -> StepResult:
        """Return L."""
        weight = after_warmup(self.weight, batch.progress, warmup=self.supervised_warmup)
        x, y = self.views.standard(batch.labeled, "primary"), batch.labeled.label
        if self.weight == 0:
            return supervised_loss({"L_s": self.primary(x)}, y, answer=self.answer)
        u = unlabeled(batch)
        u_w, u_s = self.views.weak(u, "primary"), self.views.strong(u, "primary")

        F_x, F_w, F_s = jointly(
            self.primary,
            labeled=x,
            weak=u_w,
            strong=u_s,
            weak_graph=batch.weak_graph,
            teacher=self.teacher,
        )
        p = self.answer.shares(F_w.detach())
        label = self.thresholds(p, u.video)
        soft = None if self.temperature is None else sharpened(p, self.temperature)
        L_s = self.answer.loss(F_x, y)
        L_u = self.answer.learned(F_s, label, soft_labels_NK=soft)
        L_u = L_u + self.thresholds.penalty(F_s, label)

        return StepResult(
            loss=L_s + weight * L_u,
            terms={"L_s": L_s.detach(), "L_u": L_u.detach()},
            pseudo=(logged("primary", u, label),),
        )

    def after_step(self) -> None:
        """Move the teacher, if there is one, towards the network."""
        if self.teacher is not None:
            self.teacher.update()

    @property
    def deployed(self) -> Network:
        """The one network."""
        return self.primary
