"""MvPL, Multiview Pseudo-Labeling (Xiong et al., ICCV 2021, arXiv 2104.00682).

One network F learns from several modalities of a clip: its frames (v = 1, the one it is deployed
on), their temporal gradient, and the optical flow. All of them together make the pseudo-label, and
F learns it from the strong view of each. At a test F sees frames only and costs nothing more.

    q_i   = 1/V sum_v softmax(F(w_v(u_i))),  no gradient
    L_s^v = 1/B sum_i H(y_i, F(x_iv))
    L_u^v = 1/U sum_i 1[max q_i >= threshold] H(argmax q_i, F(s_v(u_i)))
    L     = 1/V sum_v (L_s^v + weight L_u^v)

With frames alone this is FixMatch. Easy to get wrong: labelled, weak and strong clips of all
modalities go through F in one forward. The statistics that F is tested with are those of the mix;
had each modality a forward of its own, F would be trained on frames normalised by their own
statistics and tested on frames normalised by a mix of them.
Shapes: x (V B, C, T, H, W), u_w and u_s (V U, C, T, H, W), modality by modality; logits (., K).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from semivideo.base.checked import Proportion, Weight
from semivideo.base.errors import ConfigError
from semivideo.base.records import Batch, ClipSpec, Modality, StepResult
from semivideo.methods.base import Method, Passes, jointly, logged, supervised_loss, unlabeled
from semivideo.models.contract import Network
from semivideo.objectives import (
    ConfidentLabels,
    after_warmup,
    confident_labels,
    masked_cross_entropy,
)
from semivideo.transforms import Views

Fusion = Literal["probabilities", "logits", "agreement"]


class MvPL(Method):
    """One network for frames and motion, which label a clip together.

    Args:
        primary: F, the network to train.
        clips: The clips of the one network, ``{"primary": ...}``; all modalities take its frames.
        modalities: What F sees of them, each once, "rgb" first.
        fusion: How V predictions make one label, see ``fused_labels``.
        threshold: Least confidence of a pseudo-label, in [0, 1].
        weight: Weight of the unlabelled terms, >= 0; at 0 this is supervised training on frames
            alone.
        supervised_warmup: Share of the training before the unlabelled terms count, in [0, 1];
            labelled clips of all modalities are learned, and unlabelled ones take part in the batch
            statistics, from the first step.

    Raises:
        ConfigError: ``modalities`` does not begin with "rgb" or names one twice.
    """

    weak_only_labels = True
    needs_strong = True
    passes = Passes(labeled=1, unlabeled=2, for_each="modalities")

    def __init__(
        self,
        primary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        modalities: tuple[Modality, ...] = ("rgb", "fast_gradient"),
        fusion: Fusion = "probabilities",
        threshold: Proportion = 0.3,
        weight: Weight = 1.0,
        supervised_warmup: Proportion = 1 / 8,
    ) -> None:
        super().__init__()
        if modalities[:1] != ("rgb",) or len(set(modalities)) < len(modalities):
            raise ConfigError(
                "method.modalities must begin with rgb, which the network is deployed on, and name "
                f"no modality twice, got {list(modalities)}; write [rgb, fast_gradient] or "
                "[rgb, fast_gradient, flow]"
            )
        self.primary = primary
        self.views = views
        frames = replace(clips["primary"], modality="rgb")
        self.clips = {"primary": frames}
        self.clips |= {name: replace(frames, modality=name) for name in modalities[1:]}
        self.modalities = modalities
        self.fusion: Fusion = fusion
        self.threshold = threshold
        self.weight = weight
        self.supervised_warmup = supervised_warmup

    def forward(self, batch: Batch) -> StepResult:
        """Return L."""
        weight = after_warmup(self.weight, batch.progress, warmup=self.supervised_warmup)
        views, y, V = self.views, batch.labeled.label, len(self.clips)
        if self.weight == 0:
            return supervised_loss(
                {"L_s^rgb": self.primary(views.standard(batch.labeled, "primary"))}, y
            )
        u = unlabeled(batch)
        x = torch.cat([views.standard(batch.labeled, v) for v in self.clips])
        u_w = torch.cat([views.weak(u, v) for v in self.clips])
        u_s = torch.cat([views.strong(u, v) for v in self.clips])

        F_x, F_w, F_s = jointly(
            self.primary, labeled=x, weak=u_w, strong=u_s, weak_graph=batch.weak_graph
        )
        label = fused_labels(F_w.chunk(V), fusion=self.fusion, threshold=self.threshold)
        L_s = [cross_entropy(F_xv, y) for F_xv in F_x.chunk(V)]
        L_u = [masked_cross_entropy(F_sv, label) for F_sv in F_s.chunk(V)]

        terms = {f"L_s^{v}": L.detach() for v, L in zip(self.modalities, L_s, strict=True)}
        terms |= {f"L_u^{v}": L.detach() for v, L in zip(self.modalities, L_u, strict=True)}
        return StepResult(
            loss=torch.stack(L_s).mean() + weight * torch.stack(L_u).mean(),
            terms=terms,
            pseudo=(logged("fused", u, label),),
        )

    @property
    def deployed(self) -> Network:
        """The one network, on frames."""
        return self.primary


def fused_labels(logits: Sequence[Tensor], *, fusion: Fusion, threshold: float) -> ConfidentLabels:
    """Make one label for each clip of the predictions on its V modalities.

    Args:
        logits: V tensors (U, K); the graph is cut.
        fusion: "probabilities" averages softmax(F_v). "logits" takes the softmax of the average, a
            geometric mean, which one sure modality sways more. "agreement" averages
            probabilities and keeps a label only where each modality alone says the same class.
        threshold: Least confidence of the average, in [0, 1].
    """
    z_VUK = torch.stack([z_UK.detach() for z_UK in logits])
    if fusion == "logits":
        return confident_labels(z_VUK.mean(dim=0).softmax(dim=1), threshold)
    p_VUK = z_VUK.softmax(dim=2)
    label = confident_labels(p_VUK.mean(dim=0), threshold)
    if fusion == "agreement":
        says_the_same = (p_VUK.argmax(dim=2) == label.label).all(dim=0)
        return label._replace(kept=label.kept & says_the_same)
    return label
