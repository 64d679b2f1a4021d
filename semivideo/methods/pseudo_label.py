"""Pseudo-Label (Lee, ICML workshop 2013), for clips: a network learns from its own sure labels.

    p_i = softmax(F(w(u_i))),  no gradient where it is the label
    L_s = 1/B sum_i H(y_i, F(x_i))
    L_u = 1/U sum_i 1[max p_i >= threshold] H(argmax p_i, F(w(u_i)))
    L   = L_s + weight r L_u,  r: 0 up to ``supervised_warmup`` of the training, 1 from ``ramp`` on,
                               linear between (the paper's T1 and T2)

The decision that is easy to get wrong: label and loss come from one and the same forward of the
weak view, so that the gradient only sharpens what the network says already. It is FixMatch with
equal views. USB's code freezes the batch statistics while unlabelled clips pass; here they share
one forward with the labelled ones, as in every method.
Shapes: x (B, C, T, H, W), u_w (U, C, T, H, W), logits (., K).
"""

from __future__ import annotations

from torch.nn.functional import cross_entropy

from semivideo.base.checked import Proportion, Weight
from semivideo.base.records import Batch, ClipSpec, StepResult
from semivideo.methods.base import Method, Passes, jointly, logged, supervised_loss, unlabeled
from semivideo.models.contract import Network
from semivideo.objectives import confident_labels, masked_cross_entropy, ramped
from semivideo.transforms import Views


class PseudoLabel(Method):
    """Hard pseudo-labels of the weak view, learned on the weak view.

    Args:
        primary: The network to train.
        threshold: Least confidence of a pseudo-label, in [0, 1].
        weight: Weight of the unlabelled term after the ramp, >= 0; 0 is supervised training.
        ramp: Share of the training at which the weight has risen to its full value, in [0, 1].
        supervised_warmup: Proportion at which it begins to rise, in [0, 1]; USB's code has 0.
    """

    passes = Passes(labeled=1, unlabeled=1)

    def __init__(
        self,
        primary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        threshold: Proportion = 0.95,
        weight: Weight = 1.0,
        ramp: Proportion = 0.4,
        supervised_warmup: Proportion = 0.0,
    ) -> None:
        super().__init__()
        self.primary = primary
        self.views = views
        self.clips = clips
        self.threshold = threshold
        self.weight = weight
        self.ramp = ramp
        self.supervised_warmup = supervised_warmup

    def forward(self, batch: Batch) -> StepResult:
        """Return L."""
        x, y = self.views.standard(batch.labeled, "primary"), batch.labeled.label
        if self.weight == 0:
            return supervised_loss({"L_s": self.primary(x)}, y)
        u = unlabeled(batch)
        u_w = self.views.weak(u, "primary")

        F_x, F_w = jointly(self.primary, labeled=x, weak=u_w)
        label = confident_labels(F_w.softmax(dim=1), self.threshold)
        L_s = cross_entropy(F_x, y)
        L_u = masked_cross_entropy(F_w, label)

        weight = ramped(self.weight, batch.progress, ramp=self.ramp, start=self.supervised_warmup)

        return StepResult(
            loss=L_s + weight * L_u,
            terms={"L_s": L_s.detach(), "L_u": L_u.detach()},
            pseudo=(logged("primary", u, label),),
        )

    @property
    def deployed(self) -> Network:
        """The one network."""
        return self.primary
