"""UPS, Uncertainty-aware Pseudo-label Selection (Rizve et al., ICLR 2021), for clips.

Trainings in a row. The first sees the labels only. After each, every unlabelled video is judged
once: P predictions with dropout have mean p and deviation d, and where both agree the video gets
a label, or else classes it is known not to show. The next training learns these.

    y_i = argmax p_i,  kept_i = p_i(y_i) >= tau_p and d_i(y_i) <= kappa_p
    m_ik = not kept_i and k != y_i and q_ik <= tau_n and e_ik <= kappa_n
           q, e as p, d, of logits divided by ``temperature``
    L_s   = 1/B sum_i H(y_i, F(x_i))
    L_pos = 1/U sum_i kept_i H(y_i, F(a(u_i)))
    L_neg = 1/U sum_i [-sum_k m_ik log(1 - softmax(F(a(u_i)))_k) / sum_k m_ik]
    L     = L_s + weight (L_pos + L_neg)

The decision that is easy to get wrong: labels belong to videos and stay for a whole round, so that
errors are not reinforced at each step, and the network forgets its own by starting anew. The P
predictions share one backbone pass: dropout acts on the pooled features. a is the labelled view's
random crop, judged is the weak view. Dropout is drawn from the clips' keys, so any number of
processes chooses the same.
Shapes: x (B, C, T, H, W), u_a (U, C, T, H, W), logits (., K), features (., D).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy

from semivideo.base.checked import Weight
from semivideo.base.records import Batch, ClipSpec, StepResult
from semivideo.methods.base import Method, Passes, jointly, logged, supervised_loss, unlabeled
from semivideo.methods.parts.selection import Selection, judged
from semivideo.models.contract import Network
from semivideo.objectives import (
    ConfidentLabels,
    balanced_by_class,
    masked_cross_entropy,
    negative_learning_loss,
)
from semivideo.transforms import Views

PUBLISHED = Selection()


class UPS(Method):
    """Rounds of self-training on labels that are confident and certain under dropout.

    Args:
        primary: The network to train.
        weight: Weight of the unlabelled terms, >= 0; at 0 this is supervised training.
        rounds: Trainings in a row, >= 1, which share the steps of the run evenly.
        reinitialize: Whether each round starts from the initial weights instead of the last ones.
        selection: What is kept of the predictions.
    """

    passes = Passes(labeled=1, unlabeled=1)
    label: Tensor
    confidence: Tensor
    kept: Tensor
    excluded: Tensor

    def __init__(
        self,
        primary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        weight: Weight = 1.0,
        rounds: Annotated[int, Field(ge=1)] = 20,
        reinitialize: bool = True,
        selection: Selection = PUBLISHED,
    ) -> None:
        super().__init__()
        self.primary = primary
        self.initial = copy.deepcopy(primary).requires_grad_(False) if reinitialize else None
        self.views = views
        self.clips = clips
        self.weight = weight
        self.num_rounds = rounds if weight > 0 else 1
        self.selection = selection
        self.num_selections = 0

    def prepare(self, videos: Sequence[str]) -> None:
        """Make room for the labels of all videos."""
        V, K = len(videos), self.primary.num_classes
        self.register_buffer("label", torch.zeros(V, dtype=torch.int64))
        self.register_buffer("confidence", torch.zeros(V))
        self.register_buffer("kept", torch.zeros(V, dtype=torch.bool))
        self.register_buffer("excluded", torch.zeros(V, K, dtype=torch.bool))

    def forward(self, batch: Batch) -> StepResult:
        """Return L; in the first round L_s."""
        x, y = self.views.standard(batch.labeled, "primary"), batch.labeled.label
        if self.weight == 0 or self.num_selections == 0:
            return supervised_loss({"L_s": self.primary(x)}, y)
        u = unlabeled(batch)
        label = ConfidentLabels(self.label[u.video], self.confidence[u.video], self.kept[u.video])

        u_a = self.views.standard(u, "primary")
        F_x, F_u = jointly(self.primary, labeled=x, standard=u_a)
        L_s = cross_entropy(F_x, y)
        L_pos = masked_cross_entropy(F_u, label)
        L_neg = negative_learning_loss(F_u, self.excluded[u.video])

        return StepResult(
            loss=L_s + self.weight * (L_pos + L_neg),
            terms={"L_s": L_s.detach(), "L_pos": L_pos.detach(), "L_neg": L_neg.detach()},
            pseudo=(logged("primary", u, label),),
        )

    @torch.no_grad()
    def start_round(self, batches: Iterable[Batch]) -> None:
        """Choose labels and excluded classes by the present network, then start it anew."""
        s, clips = self.selection, (unlabeled(batch) for batch in batches)
        self.num_selections += 1
        self.primary.eval()
        video, labels, excluded = judged(
            self.primary, clips, views=self.views, selection=s, salt=self.num_selections
        )
        kept = labels.kept
        if self.num_selections <= s.balanced_rounds:
            K = self.primary.num_classes
            kept = balanced_by_class(labels, num_classes=K, at_least=s.min_per_class)
        self.label.zero_()[video] = labels.label
        self.confidence.zero_()[video] = labels.confidence
        self.kept.zero_()[video] = kept
        self.excluded.zero_()[video] = excluded & ~kept[:, None]
        if self.initial is not None:
            self.primary.load_state_dict(self.initial.state_dict())

    def get_extra_state(self) -> Tensor:
        """Return the number of selections, as part of the state dict."""
        return torch.tensor(self.num_selections)

    def set_extra_state(self, state: Tensor) -> None:
        """Take over the number of selections."""
        self.num_selections = int(state)

    @property
    def deployed(self) -> Network:
        """The one network."""
        return self.primary
