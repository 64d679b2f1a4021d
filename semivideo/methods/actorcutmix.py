"""ActorCutMix (Zou et al., arXiv 2103.16565): FixMatch whose strong view may swap the scene.

In some of the steps people are cut out of a clip and put before another clip of the batch, from
which its own people were removed. m_i is 1 inside the box around the people of w(u_i) and 0 outside
of it, r_i its mean, and clip j the partner of i among the clips with 0 < r < 1.

    p_i = softmax(F(w(u_i))),  y_i = argmax p_i,  no gradient
    s_i = m_i w(u_i) + (1 - m_i) (1 - m_j) w(u_j),  v_i = 1 - (1 - r_i)^4
    s_i = s(u_i),  v_i = 1    in all other steps, and for clips without people or without a partner
    L_s = 1/B sum_i H(y_i, F(x_i))
    L_u = 1/U sum_i 1[max p_i >= threshold] (v_i H(y_i, F(s_i)) + (1 - v_i) H(y_j, F(s_i)))
    L   = L_s + weight L_u

The decision that is easy to get wrong: whether a clip counts is decided by the confidence of its
foreground alone, as in the published code; the scene's label y_j is used as it is. The code pairs
the clips of a GPU from both ends; here all processes' clips form one circle, in the order of their
draws, so that neither their order nor the number of processes matters. Removed people leave the
mean colour (0). The box is the same in all frames: around the boxes that a file gives the video, or
around what moves in w(u_i). Features of frames have no places: there m_i is the half of the steps
in which most changes, and the scene is the other steps of clip j.
Shapes: x (B, C, T, H, W), u_w, u_s, s (U, C, T, H, W), m (U, 1, 1, H, W), logits (., K).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from semivideo.base.checked import Proportion, Weight
from semivideo.base.devices import on_device
from semivideo.base.processes import gathered
from semivideo.base.randomness import uniform
from semivideo.base.records import Batch, Clips, ClipSpec, StepResult
from semivideo.methods.base import Method, Passes, jointly, logged, supervised_loss, unlabeled
from semivideo.methods.parts.boxes import human_boxes
from semivideo.models.contract import Network
from semivideo.objectives import after_warmup, confident_labels
from semivideo.transforms import Views
from semivideo.transforms.labeled_mix import partners
from semivideo.transforms.mix import boxes_in_views, inside, motion_boxes, motion_steps, within


class ActorCutMix(Method):
    """FixMatch with people put before other scenes.

    Args:
        primary: The network to train.
        views: Makes views of raw clips; the paper's use ``temporal_augment``.
        threshold: Least confidence of a pseudo-label, in [0, 1].
        weight: Weight of the unlabelled term, >= 0; at 0 this is supervised training.
        supervised_warmup: Share of the training before the unlabelled term counts, in [0, 1]; the
            paper has none.
        mix_probability: Share of the steps in which scenes are swapped, in [0, 1]; at 0 this is
            FixMatch.
        boxes: File with boxes around people (``parts.boxes``); None for boxes around what moves.
        min_score: Boxes of a lower score do not count, in [0, 1].
    """

    weak_only_labels = True
    needs_strong = True
    needs_steps = True
    passes = Passes(labeled=1, unlabeled=2)
    box_of_video: Tensor

    def __init__(
        self,
        primary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        threshold: Proportion = 0.95,
        weight: Weight = 1.0,
        supervised_warmup: Proportion = 0.0,
        mix_probability: Proportion = 0.5,
        boxes: Path | None = None,
        min_score: Proportion = 0.4,
    ) -> None:
        super().__init__()
        self.primary = primary
        self.views = views
        self.clips = clips
        self.threshold = threshold
        self.weight = weight
        self.supervised_warmup = supervised_warmup
        self.mix_probability = mix_probability
        self.boxes = boxes
        self.min_score = min_score

    def prepare(self, videos: Sequence[str]) -> None:
        """Read the boxes of the videos."""
        if self.boxes is not None:
            found = torch.from_numpy(human_boxes(self.boxes, videos, min_score=self.min_score))
            self.register_buffer("box_of_video", found, persistent=False)

    def forward(self, batch: Batch) -> StepResult:
        """Return L."""
        weight = after_warmup(self.weight, batch.progress, warmup=self.supervised_warmup)
        x, y = self.views.standard(batch.labeled, "primary"), batch.labeled.label
        if self.weight == 0:
            return supervised_loss({"L_s": self.primary(x)}, y)
        u = unlabeled(batch)
        u_w, s = self.views.weak(u, "primary"), self.views.strong(u, "primary")
        v, j = torch.ones(len(u), device=u_w.device), None
        if uniform([batch.step], "swap") < self.mix_probability:  # the same in all processes
            s, v, j = self._before_other_scenes(u, u_w, s)

        F_x, F_w, F_s = jointly(
            self.primary, labeled=x, weak=u_w, strong=s, weak_graph=batch.weak_graph
        )
        label = confident_labels(F_w.softmax(dim=1), self.threshold)
        y_i = label.label
        y_j = y_i if j is None else gathered(y_i)[j]
        H_i = cross_entropy(F_s, y_i, reduction="none")
        H_j = cross_entropy(F_s, y_j, reduction="none")
        L_s = cross_entropy(F_x, y)
        L_u = (label.kept * (v * H_i + (1 - v) * H_j)).mean()

        return StepResult(
            loss=L_s + weight * L_u,
            terms={"L_s": L_s.detach(), "L_u": L_u.detach(), "mixed": (v < 1).float().mean()},
            pseudo=(logged("primary", u, label),),
        )

    @torch.no_grad()
    def _before_other_scenes(
        self, u: Clips, u_w: Tensor, u_s: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return s and v of this process's clips, and the numbers j among those of all."""
        box = self._boxes(u, u_w)
        draw = on_device(u.draw, u_w.device)
        all_draws, all_views, all_boxes = gathered(draw), gathered(u_w), gathered(box)
        m, all_m = _masks(box, u_w), _masks(all_boxes, u_w)
        r, all_r = (mask.float().mean(dim=(1, 2, 3, 4)) for mask in (m, all_m))
        has_people, all_have = ((share > 0) & (share < 1) for share in (r, all_r))

        j = partners(draw, all_draws, all_have)
        is_swapped = has_people & (all_draws[j] != draw)
        scenes = all_views[j] * ~all_m[j]
        s = torch.where(is_swapped.view(-1, 1, 1, 1, 1), torch.where(m, u_w, scenes), u_s)
        return s, torch.where(is_swapped, 1 - (1 - r) ** 4, 1.0), j

    def _boxes(self, u: Clips, u_w: Tensor) -> Tensor:
        """(U, 4): the box around people in the weak view; (U, 2) in time, without places."""
        if not _has_places(u_w):
            return motion_steps(u_w)
        if self.boxes is None:
            return motion_boxes(u_w)
        p = self.views.sample("weak", u, stream="primary")
        return boxes_in_views(self.box_of_video[u.video], p, side=u_w.shape[-1])

    @property
    def deployed(self) -> Network:
        """The one network."""
        return self.primary


def _has_places(views_NCTHW: Tensor) -> bool:
    """Whether there is more than one place; the features of a frame are one."""
    return views_NCTHW.shape[-1] > 1


def _masks(boxes: Tensor, views_NCTHW: Tensor) -> Tensor:
    """The mask of each box, to be multiplied with views."""
    if _has_places(views_NCTHW):
        return inside(boxes, side=views_NCTHW.shape[-1])
    return within(boxes, num=views_NCTHW.shape[2])
