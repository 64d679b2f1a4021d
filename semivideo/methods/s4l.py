"""S4L, Self-Supervised Semi-Supervised Learning by rotation (Zhai et al., ICCV 2019), for clips.

Every clip, labelled or not, is shown in four spatial rotations, and a second classifier on the same
features tells them apart; what helps to see which way is up helps to recognise actions.

    r_k(x), k in {0, 1, 2, 3}: all frames of x turned by k quarter turns
    L_s = 1/(4 B) sum_i sum_k H(y_i, F(r_k(x_i)))
    L_r = 1/(4 (B + U)) sum_i sum_k H(k, R(r_k(z_i))),  z runs over labelled and unlabelled clips
    L   = L_s + weight L_r

The decision that is easy to get wrong: the label counts for all four rotations of a labelled clip
(the published code's ``copy_label``). That asks more of the classifier, which must then know every
action upside down; without it L_s is over k = 0 alone. F and R share all layers but the last. One
forward holds all 4 (B + U) clips.
Shapes: x (B, C, T, H, W), u (U, C, T, H, W), features (., D), F (., K), R (., 4).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from semivideo.base.checked import Weight
from semivideo.base.records import Batch, ClipSpec, StepResult
from semivideo.methods.base import Method, Passes, supervised_loss, unlabeled
from semivideo.models.contract import Network
from semivideo.transforms import Views


class S4L(Method):
    """Rotation as a second task on labelled and unlabelled clips.

    Args:
        primary: The network to train.
        weight: Weight of the rotation term, >= 0; at 0 this is supervised training, unrotated.
        copy_label: Whether the label counts for all rotations of a labelled clip.
    """

    passes = Passes(labeled=4, unlabeled=4)

    def __init__(
        self,
        primary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        weight: Weight = 1.0,
        copy_label: bool = True,
    ) -> None:
        super().__init__()
        self.primary = primary
        self.rotation = nn.Linear(primary.num_features, 4)
        self.views = views
        self.clips = clips
        self.weight = weight
        self.num_copies = 4 if copy_label else 1

    def forward(self, batch: Batch) -> StepResult:
        """Return L."""
        x, y = self.views.standard(batch.labeled, "primary"), batch.labeled.label
        if self.weight == 0:
            return supervised_loss({"L_s": self.primary(x)}, y)
        u = unlabeled(batch)
        z = torch.cat([x, self.views.standard(u, "primary")])
        B, N = len(x), len(z)

        turned = self.views.rotations(z, (batch.labeled, u))  # k slowest: (4 N, C, T, H, W)
        features = self.primary.features(turned)
        labeled = features.view(4, N, -1)[: self.num_copies, :B]
        F_x = self.primary.classify(labeled.flatten(0, 1)).float()
        R_z = self.rotation(features).float()
        k = torch.arange(4, device=z.device).repeat_interleave(N)
        L_s = cross_entropy(F_x, torch.cat([y] * self.num_copies))
        L_r = cross_entropy(R_z, k)

        return StepResult(
            loss=L_s + self.weight * L_r,
            terms={
                "L_s": L_s.detach(),
                "L_r": L_r.detach(),
                "rotation_accuracy": (R_z.detach().argmax(1) == k).float().mean(),
            },
        )

    @property
    def deployed(self) -> Network:
        """The network without the rotation classifier."""
        return self.primary
