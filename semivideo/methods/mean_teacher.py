"""Mean Teacher (Tarvainen and Valpola, NeurIPS 2017), for clips.

The student learns to give one view of a clip the probabilities that its teacher, the running
average of its own weights, gives another.

    q_i = softmax(T(w(u_i))),  no gradient;  T <- decay T + (1 - decay) F after each step
    L_s = 1/B sum_i H(y_i, F(x_i))
    L_u = 1/(U K) sum_i |softmax(F(a(u_i))) - q_i|^2
    L   = L_s + weight r L_u,  r rises from 0 to 1 over the first ``ramp`` of the training

The decision that is easy to get wrong: the student must see another view than the teacher, and the
gradient must reach the student; a widely used implementation compared the teacher with itself for
years, a loss of exactly zero. Here a is the labelled view's random crop and w the weak view. Paper
and TorchSSL deploy the teacher; so do we. The teacher's batch statistics are averages too.
Shapes: x (B, C, T, H, W), u_a and u_w (U, C, T, H, W), logits (., K).
"""

from __future__ import annotations

import torch
from torch.nn.functional import mse_loss

from semivideo.base.checked import Proportion, Weight
from semivideo.base.records import Batch, ClipSpec, StepResult
from semivideo.methods.base import Method, Passes, jointly, supervised_loss, unlabeled
from semivideo.methods.parts.ema import WeightAverage
from semivideo.models.contract import Network
from semivideo.objectives import ramped
from semivideo.transforms import Views


class MeanTeacher(Method):
    """Squared error to the probabilities of the averaged network.

    Args:
        primary: F, the student.
        weight: Weight of the unlabelled term after the ramp, >= 0 (TorchSSL: 50).
        ramp: Share of the training over which the weight rises linearly, in [0, 1].
        decay: Of the average, in [0, 1]; 0 makes the teacher a copy of the student.
    """

    passes = Passes(labeled=1, unlabeled=1, without_graph=1)
    asks_answer = True

    def __init__(
        self,
        primary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        weight: Weight = 50.0,
        ramp: Proportion = 0.4,
        decay: Proportion = 0.999,
    ) -> None:
        super().__init__()
        self.primary = primary
        self.teacher = WeightAverage(primary, decay=decay)
        self.views = views
        self.clips = clips
        self.weight = weight
        self.ramp = ramp

    def forward(self, batch: Batch) -> StepResult:
        """Return L."""
        x, y = self.views.standard(batch.labeled, "primary"), batch.labeled.label
        if self.weight == 0:
            return supervised_loss({"L_s": self.primary(x)}, y, answer=self.answer)
        u = unlabeled(batch)
        u_a, u_w = self.views.standard(u, "primary"), self.views.weak(u, "primary")

        F_x, F_a = jointly(self.primary, labeled=x, standard=u_a)
        with torch.no_grad():
            q = self.answer.shares(self.teacher(u_w).float())
        L_s = self.answer.loss(F_x, y)
        L_u = mse_loss(self.answer.shares(F_a), q)

        return StepResult(
            loss=L_s + ramped(self.weight, batch.progress, ramp=self.ramp) * L_u,
            terms={"L_s": L_s.detach(), "L_u": L_u.detach()},
        )

    def after_step(self) -> None:
        """Move the teacher towards the student."""
        self.teacher.update()

    @property
    def deployed(self) -> Network:
        """The teacher."""
        return self.teacher.network
