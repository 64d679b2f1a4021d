"""LTG, Learning from Temporal Gradient (Xiao et al., CVPR 2022, arXiv 2111.13241).

F sees frames, G their temporal gradient, in which motion is plain. They learn from labels made
together, and F's hidden features follow G's, so that F alone, the deployed one, sees motion too.

    q_i   = (softmax(F(w(u_i))) + softmax(G(w(u_i)))) / 2,  no gradient                      (Eq. 5)
    L_s^k = 1/B sum_i H(y_i, k(x_i)),                                                   k in {F, G}
    L_u^k = 1/U sum_i 1[max q_i >= threshold] H(argmax q_i, k(s(u_i)))
    L_a   = sum_b (1 - mean over clips, times and places of cos(F_b(z), sg(G_b(z)))),  b: res2..res5
    L_c   = (InfoNCE(P(F(z)) -> Q(G(z))) + InfoNCE(Q(G(z)) -> P(F(z)))) / 2,     P, Q: 3-layer heads
    L     = sum_k (L_s^k + weight L_u^k) / 2 + alignment.weight L_a + contrast.weight L_c

Easy to get wrong: the stop-gradient sg (60.0 without, 74.6 with it, Table 3c). z are labelled and
weak clips, never strong ones; L_a and L_c count from the first step, only L_u awaits the warm-up.
F and G share crop and flip of a clip, not RandAugment. x, w and s go through a network together.
Where the published code differs from the paper: docs/methods/ltg.md.
Shapes: x (B, C, T, H, W), w and s (U, C, T, H, W), logits (., K), F_b (B + U, C_b, T_b, H_b, W_b).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy

from semivideo.base.checked import Proportion, Section, Weight
from semivideo.base.processes import gathered
from semivideo.base.records import Batch, ClipSpec, Modality, StepResult
from semivideo.methods.base import Method, Passes, logged, supervised_loss, unlabeled
from semivideo.methods.parts.hidden_features import (
    BLOCKS,
    Block,
    Contrast,
    Projection,
    block_pairs,
    check_stages,
    contrasted,
    seen,
)
from semivideo.models.contract import Network
from semivideo.objectives import (
    Distance,
    after_warmup,
    aligned,
    confident_labels,
    masked_cross_entropy,
)
from semivideo.transforms import Views

LabelSource = Literal["average", "average_logits", "rgb", "temporal", "own"]


class TwoStreams(Section):
    """What the second network sees, and who labels."""

    gradient: Literal["fast", "slow", "none"] = "fast"
    """Difference to the next frame of the video (fast) or clip (slow) (Table 3a); none: frames."""
    labels: LabelSource = "average"
    """Labels of the mean of probabilities, of logits, of one network, or each its own (3d)."""

    @property
    def modality(self) -> Modality:
        """What the second network sees, as the loader knows it."""
        seen: dict[str, Modality] = {"fast": "fast_gradient", "slow": "slow_gradient"}
        return seen.get(self.gradient, "rgb")


class Alignment(Section):
    """How the features of the first network follow those of the second."""

    weight: Weight = 1.0
    """Factor of the term; 0 for none."""
    distance: Distance = "cosine"
    """What is taken at each place (Table 3b)."""
    blocks: tuple[Block, ...] = Field(BLOCKS, min_length=1)
    """Outputs that are compared; the paper's res1 to res4 are res2 to res5 here (Table 3e)."""
    stop_gradient: bool = True
    """Whether the second network stays as it is (Table 3c)."""


STREAMS, ALIGNMENT, CONTRAST = TwoStreams(), Alignment(), Contrast()


class LTG(Method):
    """Frames and their temporal gradient side by side; the network on frames is deployed.

    Args:
        primary: F, the network that is deployed.
        temporal: G, on the temporal gradient; F's twin, so that their blocks can be compared.
        clips: The clips of the streams "primary" and "temporal".
        threshold: Least confidence of a pseudo-label, in [0, 1].
        weight: Weight of L_u, >= 0.
        supervised_warmup: Share of the training before L_u counts, in [0, 1]; on UCF-101 the
            paper's is 30 of 180 epochs.
        streams: What G sees and who labels.
        alignment: How F follows G.
        contrast: How clips are told apart.

    Raises:
        ConfigError: A network that is to be aligned has no ``stages``.
    """

    needs_strong = True
    passes = Passes(labeled=1, unlabeled=2)

    def __init__(
        self,
        primary: Network,
        temporal: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        threshold: Proportion = 0.3,
        weight: Weight = 1.0,
        supervised_warmup: Proportion = 1 / 6,
        streams: TwoStreams = STREAMS,
        alignment: Alignment = ALIGNMENT,
        contrast: Contrast = CONTRAST,
    ) -> None:
        super().__init__()
        self.primary, self.temporal, self.views = primary, temporal, views
        self.clips = clips | {"temporal": replace(clips["temporal"], modality=streams.modality)}
        self.threshold, self.weight, self.supervised_warmup = threshold, weight, supervised_warmup
        self.streams, self.alignment, self.contrast = streams, alignment, contrast
        if alignment.weight:
            check_stages(primary, temporal)
        if contrast.weight:
            self.P = Projection(primary.num_features, dim=contrast.dim)
            self.Q = Projection(temporal.num_features, dim=contrast.dim)

    def forward(self, batch: Batch) -> StepResult:
        """Return L."""
        weight = after_warmup(self.weight, batch.progress, warmup=self.supervised_warmup)
        v, y, a, c = self.views, batch.labeled.label, self.alignment, self.contrast
        x, x_g = v.standard(batch.labeled, "primary"), v.standard(batch.labeled, "temporal")
        if not (self.weight or a.weight or c.weight):
            only = supervised_loss({"L_s^F": self.primary(x), "L_s^G": self.temporal(x_g)}, y)
            return replace(only, loss=only.loss / 2)
        u = unlabeled(batch)
        w, s = v.weak(u, "primary"), v.strong(u, "primary")
        w_g, s_g = v.weak(u, "temporal"), v.strong(u, "temporal")

        F = seen(self.primary, labeled=x, weak=w, strong=s)
        G = seen(self.temporal, labeled=x_g, weak=w_g, strong=s_g)

        given = label_makers(self.streams.labels, F.w.detach(), G.w.detach())
        labels = [(name, confident_labels(q, self.threshold)) for name, q in given]
        for_F, for_G = labels[0][1], labels[-1][1]
        terms = {
            "L_s^F": cross_entropy(F.x, y),
            "L_s^G": cross_entropy(G.x, y),
            "L_u^F": masked_cross_entropy(F.s, for_F),
            "L_u^G": masked_cross_entropy(G.s, for_G),
        }
        L = (terms["L_s^F"] + terms["L_s^G"] + weight * (terms["L_u^F"] + terms["L_u^G"])) / 2
        if a.weight:
            L_b = [
                aligned(f, g.detach() if a.stop_gradient else g, distance=a.distance)
                for f, g in block_pairs(F, G, blocks=a.blocks)
            ]
            terms["L_a"] = torch.stack(L_b).sum()
            L = L + a.weight * terms["L_a"]
        if c.weight:
            p, q = self.P(gathered(F.features)), self.Q(gathered(G.features))
            terms["L_c"] = contrasted(p, q, temperature=c.temperature)
            L = L + c.weight * terms["L_c"]
        return StepResult(
            loss=L,
            terms={name: term.detach() for name, term in terms.items()},
            pseudo=tuple(logged(name, u, label) for name, label in labels),
        )

    @property
    def deployed(self) -> Network:
        """The network on frames."""
        return self.primary


def label_makers(source: LabelSource, F_w: Tensor, G_w: Tensor) -> list[tuple[str, Tensor]]:
    """Return who labels with which probabilities, the first one for F and the last one for G.

    All are (U, K); ``F_w`` and ``G_w`` are the logits on the weak view, without a graph.
    """
    p_F, p_G = F_w.softmax(dim=1), G_w.softmax(dim=1)
    makers: dict[LabelSource, list[tuple[str, Tensor]]] = {
        "average": [("average", (p_F + p_G) / 2)],
        "average_logits": [("average", ((F_w + G_w) / 2).softmax(dim=1))],
        "rgb": [("primary", p_F)],
        "temporal": [("temporal", p_G)],
        "own": [("primary", p_F), ("temporal", p_G)],
    }
    return makers[source]
