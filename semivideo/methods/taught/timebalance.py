"""TimeBalance (Dave et al., CVPR 2023, arXiv 2303.16268), the part that costs little.

Two teachers know a video in two ways: I whatever the time, D by how it changes. A student learns
their mixture, in which I counts the more the more alike a video is at all times. In the first half
of the steps the teachers learn the labels; then both are asked once a video.

    first   L = 1/B sum_i (H(y_i, F(x_i)) + H(y_i, I(shuffled x_i)) + H(y_i, D(g_i)))
    between s_i = mean over pairs of parts of the clip of max(0, cos(D_part, D_other part))
            t_i = s_i softmax(I(shuffled w(u_i))) + (1 - s_i) softmax(D(g of w(u_i)))
    then    L_s = 1/B sum_i H(y_i, F(x_i))
            L_u = 1/(U K) sum_i |softmax(F(s(u_i))) - t_i|^2
            L   = L_s + weight L_u

In the paper the teachers are trained without labels first, I by clips of a video that attract and D
by clips of a video that repel each other. Here they are so by what they see: I's frames come in
random order, D's are temporal gradients g. On cached features that is a head on the mean of the
frames' features and one on those of their gradients, and training takes seconds.

The decision that is easy to get wrong: s belongs to a video and is D's; in I's eyes a video is
always like itself. A part has the frames of a share of the clip, each shown as often as it takes to
fill a clip, so that any network can be asked.
Shapes: x, g (B, C, T, H, W), u_w and u_s (U, C, T, H, W), logits (., K), t (., K), s (.,).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy, mse_loss

from semivideo.base.checked import Weight
from semivideo.base.randomness import uniform
from semivideo.base.records import Batch, Clips, ClipSpec, StepResult
from semivideo.methods.base import Method, Passes, jointly, logged, supervised_loss, unlabeled
from semivideo.methods.parts.asked_once import asked_once, untouched
from semivideo.models.contract import Network
from semivideo.objectives import confident_labels
from semivideo.transforms import Views
from semivideo.transforms.temporal import reordered

Balance = Literal["similarity", "rank"]


class TimeBalance(Method):
    """Two teachers mixed by how alike a video is at all times.

    Args:
        primary: F, the student; I is a copy of it.
        temporal: D, the teacher on temporal gradients.
        clips: The clips of the streams "primary" and "temporal".
        weight: Weight of L_u, >= 0; the published code's is 100. At 0 this is supervised training.
        balance: What s is: the "similarity" itself, or its "rank" among the unlabelled videos in
            [0, 1], where networks find all videos alike.
        parts: Parts of a clip that are compared, >= 2.
        reinitialize: Whether F starts anew after the teachers were asked.
    """

    needs_strong = True
    needs_steps = True
    passes = Passes(labeled=1, unlabeled=1, of=("primary",))
    taught: Tensor

    def __init__(
        self,
        primary: Network,
        temporal: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        weight: Weight = 100.0,
        balance: Balance = "similarity",
        parts: Annotated[int, Field(ge=2, le=64)] = 2,
        reinitialize: bool = True,
    ) -> None:
        super().__init__()
        self.primary, self.temporal = primary, temporal
        self.invariant = copy.deepcopy(primary)
        self.initial = copy.deepcopy(primary).requires_grad_(False) if reinitialize else None
        self.views = views
        self.clips = clips | {"temporal": replace(clips["temporal"], modality="fast_gradient")}
        self.weight, self.parts = weight, parts
        self.balance: Balance = balance
        self.num_rounds = 2 if weight > 0 else 1
        self.num_selections = 0

    def prepare(self, videos: Sequence[str]) -> None:
        """Make room for what the teachers say of all videos."""
        V, K = len(videos), self.primary.num_classes  # half as large as float32, in checkpoints too
        self.register_buffer("taught", torch.zeros(V, K, dtype=torch.float16))

    def forward(self, batch: Batch) -> StepResult:
        """Return L of the half of the training that it is."""
        v, y = self.views, batch.labeled.label
        x = v.standard(batch.labeled, "primary")
        if self.weight == 0:
            return supervised_loss({"L_s": self.primary(x)}, y)
        if self.num_selections == 0:
            z_I = self.invariant(shuffled(x, batch.labeled))
            z_D = self.temporal(v.standard(batch.labeled, "temporal"))
            return supervised_loss({"L_s": self.primary(x), "L_s^I": z_I, "L_s^D": z_D}, y)
        u = unlabeled(batch)

        F_x, F_s = jointly(self.primary, labeled=x, strong=v.strong(u, "primary"))
        t = self.taught[u.video].to(F_s.dtype)
        L_s = cross_entropy(F_x, y)
        L_u = mse_loss(F_s.softmax(dim=1), t)
        teachers = [*self.invariant.parameters(), *self.temporal.parameters()]

        return StepResult(
            loss=L_s + self.weight * L_u + untouched(teachers),
            terms={"L_s": L_s.detach(), "L_u": L_u.detach()},
            pseudo=(logged("teachers", u, confident_labels(t, 0.0)),),
        )

    def start_round(self, batches: Iterable[Batch]) -> None:
        """Ask both teachers about every video, then start the student anew."""
        self.num_selections += 1
        self.eval()
        video, said = asked_once(self._said, (unlabeled(batch) for batch in batches))
        K = self.primary.num_classes
        p_I, p_D, s = said[:, :K], said[:, K : 2 * K], said[:, 2 * K]
        if self.balance == "rank":
            s = s.argsort(stable=True).argsort().to(s.dtype) / max(1, len(s) - 1)
        t = s[:, None] * p_I + (1 - s)[:, None] * p_D
        self.taught.zero_()[video] = t.to(self.taught.dtype)
        if self.initial is not None:
            self.primary.load_state_dict(self.initial.state_dict())

    def _said(self, u: Clips) -> Tensor:
        """Probabilities of I and of D, and s: (U, 2 K + 1)."""
        w, g = self.views.weak(u, "primary"), self.views.weak(u, "temporal")
        p_I = self.invariant(shuffled(w, u)).float().softmax(dim=1)
        p_D = self.temporal(g).float().softmax(dim=1)
        s = self_similarity(self.temporal, g, num_parts=self.parts)
        return torch.cat([p_I, p_D, s[:, None]], dim=1)

    def get_extra_state(self) -> Tensor:
        """Return how often the teachers were asked, as part of the state dict."""
        return torch.tensor(self.num_selections)

    def set_extra_state(self, state: Tensor) -> None:
        """Take over how often the teachers were asked."""
        self.num_selections = int(state)

    @property
    def deployed(self) -> Network:
        """The student."""
        return self.primary


def shuffled(views_NCTHW: Tensor, clips: Clips) -> Tensor:
    """Show the frames of each clip in an order drawn by its key.

    Args:
        views_NCTHW: Of the clips, (N, C, T, H, W).
        clips: N clips.
    """
    drawn = uniform(clips.draw.cpu().numpy(), "shuffle", size=views_NCTHW.shape[2])
    return reordered(views_NCTHW.transpose(1, 2), drawn.argsort(axis=1)).transpose(1, 2)


def self_similarity(network: Network, clips_NCTHW: Tensor, *, num_parts: int) -> Tensor:
    """Return the mean of max(0, cos) over pairs of parts of each clip, float (N,).

    Args:
        network: Whose features of the parts are compared.
        clips_NCTHW: (N, C, T, H, W); of T < num_parts frames there are T parts, and one is like
            itself.
        num_parts: >= 2.
    """
    N, T = len(clips_NCTHW), clips_NCTHW.shape[2]
    num = min(num_parts, T)
    if num == 1:
        return clips_NCTHW.new_ones(N)
    length, place = T // num, torch.arange(T)
    features = [
        network.features(clips_NCTHW[:, :, first * length + place * length // T]).float()
        for first in range(num)
    ]
    pairs = [cosine_similarity(a, b, dim=1).clamp(min=0) for a, b in combinations(features, 2)]
    return torch.stack(pairs).mean(dim=0)
