"""Agreement, a toy: the strong view of a clip gets the probabilities of its weak view.

    p_i = softmax(F(w(u_i))),  no gradient
    L_s = 1/B sum_i H(y_i, F(x_i))
    L_u = 1/U sum_i H(p_i, F(s(u_i)))
    L   = L_s + weight L_u

It stands for a method of a user: it knows the library, and the library does not know it.
Shapes: x (B, C, T, H, W), u_w and u_s (U, C, T, H, W), logits (., K).
"""

from torch.nn.functional import cross_entropy

from semivideo.base.checked import Weight
from semivideo.base.records import Batch, ClipSpec, StepResult
from semivideo.methods.base import Method, jointly, unlabeled
from semivideo.models import Network
from semivideo.transforms import Views


class ToyMethod(Method):
    """Soft labels of the network's own weak view."""

    weak_only_labels = True

    def __init__(
        self,
        primary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        weight: Weight = 1.0,
    ) -> None:
        super().__init__()
        self.primary, self.views, self.clips, self.weight = primary, views, clips, weight

    def forward(self, batch: Batch) -> StepResult:
        u = unlabeled(batch)
        x = self.views.standard(batch.labeled, "primary")
        u_w, u_s = self.views.weak(u, "primary"), self.views.strong(u, "primary")

        F_x, F_w, F_s = jointly(
            self.primary, labeled=x, weak=u_w, strong=u_s, weak_graph=batch.weak_graph
        )
        L_s = cross_entropy(F_x, batch.labeled.label)
        L_u = cross_entropy(F_s, F_w.detach().softmax(dim=1))

        return StepResult(
            loss=L_s + self.weight * L_u, terms={"L_s": L_s.detach(), "L_u": L_u.detach()}
        )

    @property
    def deployed(self) -> Network:
        return self.primary
