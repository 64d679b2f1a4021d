"""TCL, Temporal Contrastive Learning (Singh et al., CVPR 2021, arXiv 2102.02751).

A video keeps its class at any speed: one network sees it along a fast path (all frames) and a slow
one (half of them, drawn apart), and says the same of both, unlike what it says of other videos.

    f_i = softmax(F(fast(u_i))),  s_i = softmax(F(slow(u_i)))
    L_s  = 1/B sum_i H(y_i, F(fast(x_i)))
    L_ic = NT-Xent(f, s): f_i attracts s_i and repels the other 2 U - 2 rows; cosine / 0.5
    L_gc = NT-Xent(mean of f by argmax f, mean of s by argmax s), over classes named in both paths
    L_u  = 1/U sum_i 1[max f_i >= threshold] H(argmax f_i, F(fast(u_i))),  no gradient in the label
    L    = L_s                                      in the first ``contrast_from`` of the training,
           L_s + L_u                                in its last ``finetune``,
           L_s + weight L_ic + group_weight L_gc    in between

The decision that is easy to get wrong: the contrasts compare class probabilities, not features, so
they act on the classifier itself, and clips of one class repel each other too; L_gc makes up for
that. Labelled and unlabelled clips share a forward on the fast path; in the published code each has
its own. All clips get the labelled view; ``views.shared_crop`` is whether both paths get one crop.
Shapes: x (B, C, T, H, W), u_f (U, C, T, H, W), u_s (U, C, T/2, H, W), logits (., K).
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor
from torch.nn.functional import cross_entropy

from semivideo.base.checked import Proportion, Weight
from semivideo.base.errors import ConfigError
from semivideo.base.processes import gathered
from semivideo.base.records import Batch, ClipSpec, StepResult
from semivideo.methods.base import Method, Passes, jointly, logged, supervised_loss, unlabeled
from semivideo.models.contract import Network
from semivideo.objectives import confident_labels, group_contrast, masked_cross_entropy, nt_xent
from semivideo.transforms import Views

TEMPERATURE = 0.5
"""Of both contrasts, in the paper and its code."""


class TCL(Method):
    """Two speeds of a video contrasted in class probabilities.

    Args:
        primary: F, one network for both paths; must take clips of both lengths.
        clips: The clips of the fast path, ``{"primary": ...}``; the slow ones follow from them.
        threshold: Least confidence of a pseudo-label in the last phase, in [0, 1].
        weight: Weight of the instance contrast, the paper's gamma, >= 0.
        group_weight: Weight of the group contrast, the paper's beta, >= 0.
        contrast_from: Share of the training before the contrasts, in [0, 1]; unlabelled clips take
            part in the batch statistics from the first step.
        finetune: Share of the training, at its end, with pseudo-labels in place of the contrasts,
            in [0, 1]; 0 leaves that phase out. The published code also lowers the learning rate.
        detach_fast: Whether the contrasts teach the slow path only, as the published code does;
            the paper's formula teaches both.

    Raises:
        ConfigError: The clips of the fast path have one frame, so half of them is none.
    """

    passes = Passes(labeled=1, unlabeled=1.5)  # the slow path has half of the frames

    def __init__(
        self,
        primary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        threshold: Proportion = 0.8,
        weight: Weight = 9.0,
        group_weight: Weight = 1.0,
        contrast_from: Proportion = 0.125,
        finetune: Proportion = 0.125,
        detach_fast: bool = False,
    ) -> None:
        super().__init__()
        self.primary = primary
        self.views = views
        self.clips = {"primary": clips["primary"], "slow": slow_path(clips["primary"])}
        self.threshold = threshold
        self.weight = weight
        self.group_weight = group_weight
        self.contrast_from = contrast_from
        self.finetune = finetune
        self.detach_fast = detach_fast

    def forward(self, batch: Batch) -> StepResult:
        """Return L."""
        x, y = self.views.standard(batch.labeled, "primary"), batch.labeled.label
        if self.weight == self.group_weight == self.finetune == 0:
            return supervised_loss({"L_s": self.primary(x)}, y)
        u = unlabeled(batch)
        u_f = self.views.standard(u, "primary")
        finetunes = batch.progress >= 1 - self.finetune
        contrasts = batch.progress >= self.contrast_from and not finetunes

        F_x, F_f = jointly(self.primary, labeled=x, standard=u_f)
        label = confident_labels(F_f.softmax(dim=1), self.threshold)
        L_s = L = cross_entropy(F_x, y)
        L_u = masked_cross_entropy(F_f, label)
        terms = {"L_s": L_s, "L_u": L_u}
        if finetunes:
            L = L_s + L_u
        if contrasts:
            F_s = self.primary(self.views.standard(u, "slow")).float()
            L_ic, L_gc = self.contrasts(F_f, F_s)
            L = L_s + self.weight * L_ic + self.group_weight * L_gc
            terms |= {"L_ic": L_ic, "L_gc": L_gc}

        return StepResult(
            loss=L,
            terms={name: term.detach() for name, term in terms.items()},
            pseudo=(logged("primary", u, label),),
        )

    def contrasts(self, F_f: Tensor, F_s: Tensor) -> tuple[Tensor, Tensor]:
        """Return L_ic and L_gc over the clips of all processes from logits (U, K) of both paths."""
        if self.detach_fast:
            F_f = F_f.detach()
        f, s = gathered(F_f.softmax(dim=1)), gathered(F_s.softmax(dim=1))
        L_ic = nt_xent(f, s, temperature=TEMPERATURE)
        return L_ic, group_contrast(f, s, temperature=TEMPERATURE)

    @property
    def deployed(self) -> Network:
        """The one network, on the fast path."""
        return self.primary


def slow_path(fast: ClipSpec) -> ClipSpec:
    """Return half the frames at twice the stride, drawn by themselves."""
    if fast.num_frames < 2:
        raise ConfigError(
            "tcl shows its slow path half of networks.primary.num_frames = 1 frames, which is "
            "none; set it to 2 or more"
        )
    half, twice = fast.num_frames // 2, fast.stride_frames * 2
    return replace(fast, num_frames=half, stride_frames=twice, is_apart=True)
