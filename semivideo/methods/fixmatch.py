"""FixMatch (Sohn et al., NeurIPS 2020): one network labels weak views and learns from strong ones.

    p_i = softmax(F(w(u_i))),  no gradient
    L_s = 1/B sum_i H(y_i, F(x_i))
    L_u = 1/U sum_i 1[max p_i >= threshold] H(argmax p_i, F(s(u_i)))
    L   = L_s + weight L_u

The decision that is easy to get wrong: labelled, weak and strong clips go through the network in
one forward, so that batch statistics see all three.
Shapes: x (B, C, T, H, W), u_w and u_s (U, C, T, H, W), logits (., K).
"""

from __future__ import annotations

from torch.nn.functional import cross_entropy

from semivideo.checked import Share, Weight
from semivideo.methods.base import Method, jointly, logged, supervised_loss, unlabeled
from semivideo.models.contract import Network
from semivideo.objectives import after_warmup, confident_labels, masked_cross_entropy
from semivideo.records import Batch, ClipSpec, StepResult
from semivideo.transforms import Views


class FixMatch(Method):
    """Hard pseudo-labels of the network's own weak view.

    Args:
        primary: The network to train.
        views: Makes views of raw clips.
        clips: The clips of the one stream, ``{"primary": ...}``.
        threshold: Least confidence of a pseudo-label, in [0, 1].
        weight: Weight of the unlabelled term, >= 0; at 0 this is supervised training.
        supervised_warmup: Share of the training before the unlabelled term counts, in [0, 1];
            unlabelled clips take part in the batch statistics from the first step. The paper has
            none; from scratch on few labels it prevents collapse (docs).
    """

    def __init__(
        self,
        primary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        threshold: Share = 0.95,
        weight: Weight = 1.0,
        supervised_warmup: Share = 0.0,
    ) -> None:
        super().__init__()
        self.primary = primary
        self.views = views
        self.clips = clips
        self.threshold = threshold
        self.weight = weight
        self.supervised_warmup = supervised_warmup

    def forward(self, batch: Batch) -> StepResult:
        """Return L."""
        weight = after_warmup(self.weight, batch.progress, warmup=self.supervised_warmup)
        x, y = self.views.standard(batch.labeled, "primary"), batch.labeled.label
        if self.weight == 0:
            return supervised_loss({"L_s": self.primary(x)}, y)
        u = unlabeled(batch)
        u_w, u_s = self.views.weak(u, "primary"), self.views.strong(u, "primary")

        F_x, F_w, F_s = jointly(self.primary, x, u_w, u_s)
        label = confident_labels(F_w.softmax(dim=1), self.threshold)
        L_s = cross_entropy(F_x, y)
        L_u = masked_cross_entropy(F_s, label)

        return StepResult(
            loss=L_s + weight * L_u,
            terms={"L_s": L_s.detach(), "L_u": L_u.detach()},
            pseudo=(logged("primary", u, label),),
        )

    @property
    def deployed(self) -> Network:
        """The one network."""
        return self.primary
