"""Supervised: the baseline that every gain is measured from; it sees the labelled clips only.

    L = 1/B sum_i H(y_i, F(x_i))

It must run for as many iterations as the method it is compared with, or the comparison is void.
Shapes: x (B, C, T, H, W), logits (B, K).
"""

from __future__ import annotations

from semivideo.base.records import Batch, ClipSpec, StepResult
from semivideo.methods.base import Method, Passes, supervised_loss
from semivideo.models.contract import Network
from semivideo.transforms import Views


class Supervised(Method):
    """Cross-entropy on the standard view of the labelled clips.

    Args:
        primary: The network to train.
    """

    uses_unlabeled = False
    passes = Passes(labeled=1, unlabeled=0)
    asks_answer = True

    def __init__(self, primary: Network, *, views: Views, clips: dict[str, ClipSpec]) -> None:
        super().__init__()
        self.primary = primary
        self.views = views
        self.clips = clips

    def forward(self, batch: Batch) -> StepResult:
        """Return L."""
        x, y = self.views.standard(batch.labeled, "primary"), batch.labeled.label
        return supervised_loss({"L_s": self.primary(x)}, y, answer=self.answer)

    @property
    def deployed(self) -> Network:
        """The one network."""
        return self.primary
