"""VideoSSL (Jing et al., WACV 2021, arXiv 2003.00197), reconstructed.

A video network learns from its own confident labels, as in Pseudo-Label, and from an image
classifier I, trained elsewhere, that says what objects are in a frame of the clip.

    p_i = softmax(F(u_i)),  no gradient where it is the label
    q_i = softmax(I(middle frame of z_i)),  no gradient;  z runs over labelled and unlabelled clips
    L_s = 1/B sum_i H(y_i, F(x_i))
    L_u = 1/U sum_i 1[max p_i >= threshold] H(argmax p_i, F(u_i))
    L_d = 1/(B + U) sum_i H(q_i, softmax(D(z_i))),  D: a second classifier on the features of F
    L   = L_s + weight L_u + distillation_weight L_d

Reconstructed: there is no published code, and threshold and weights of the paper could not be
verified. The decision that is easy to get wrong: L_d learns the classifier's probabilities, not its
best class, through a classifier of its own, whose classes are not actions. All clips get the
labelled view and share one forward.
Shapes: x (B, C, T, H, W), u (U, C, T, H, W), features (., D), F (., K), q and D (., image classes).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from semivideo.base.checked import Proportion, Weight
from semivideo.base.errors import ConfigError
from semivideo.base.records import Batch, ClipSpec, StepResult
from semivideo.methods.base import Method, Passes, logged, supervised_loss, unlabeled
from semivideo.methods.parts.image_teacher import image_teacher
from semivideo.models.contract import Network
from semivideo.objectives import after_warmup, confident_labels, masked_cross_entropy
from semivideo.transforms import Views


class VideoSSL(Method):
    """Own pseudo-labels, and the class probabilities of an image classifier.

    Args:
        primary: F, the network to train.
        threshold: Least confidence of a pseudo-label, in [0, 1].
        weight: Weight of the pseudo-labels, >= 0.
        distillation_weight: Weight of the image classifier's probabilities, >= 0; the paper's
            method has it and needs a teacher, 0 leaves it out.
        teacher: The image classifier: ``efficientnet_lite0`` with ImageNet's weights (extra
            ``pretrained``); a file of logits, ``PATH.npz``
            (``evaluation.cache_image_logits`` makes one); ``module:attribute``, a
            ``torch.nn.Module`` for images (N, 3, H, W) normalised as ``views`` says; or, on
            features, ``encoder``: the classes that the encoder was pretrained for.
        image_classes: Classes of the image classifier, >= 1.
        supervised_warmup: Share of the training before the pseudo-labels count, in [0, 1].

    Raises:
        ConfigError: Teacher and ``distillation_weight`` do not go together.
    """

    passes = Passes(labeled=1, unlabeled=1)

    def __init__(
        self,
        primary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        threshold: Proportion = 0.95,
        weight: Weight = 1.0,
        distillation_weight: Weight = 0.0,
        teacher: str | None = None,
        image_classes: PositiveInt = 1000,
        supervised_warmup: Proportion = 0.0,
    ) -> None:
        super().__init__()
        _check(distillation_weight, teacher)
        self.primary = primary
        self.views = views
        self.clips = clips
        self.threshold = threshold
        self.weight = weight
        self.distillation_weight = distillation_weight
        self.supervised_warmup = supervised_warmup
        self.teacher = None
        self.takes_mixed = teacher is None  # the teacher knows whole videos
        if teacher is not None:
            settings = getattr(views, "settings", None)  # cached views have none
            levels = None if settings is None else (settings.mean, settings.std)
            self.teacher = image_teacher(teacher, num_classes=image_classes, levels=levels)
            self.distilled = nn.Linear(primary.num_features, image_classes)

    def prepare(self, videos: Sequence[str]) -> None:
        """Read the teacher's file, if it is one."""
        if self.teacher is not None:
            self.teacher.prepare(videos)

    def forward(self, batch: Batch) -> StepResult:
        """Return L."""
        weight = after_warmup(self.weight, batch.progress, warmup=self.supervised_warmup)
        x, y = self.views.standard(batch.labeled, "primary"), batch.labeled.label
        if self.weight == self.distillation_weight == 0:
            return supervised_loss({"L_s": self.primary(x)}, y)
        u = unlabeled(batch)
        z = torch.cat([x, self.views.standard(u, "primary")])

        features = self.primary.features(z)
        F_x, F_u = self.primary.classify(features).float().tensor_split([len(x)])
        label = confident_labels(F_u.softmax(dim=1), self.threshold)
        terms = {"L_s": cross_entropy(F_x, y), "L_u": masked_cross_entropy(F_u, label)}
        L = terms["L_s"] + weight * terms["L_u"]
        if self.teacher is not None:
            q = self.teacher(torch.cat([batch.labeled.video, u.video]), middle_frames(z))
            terms["L_d"] = cross_entropy(self.distilled(features).float(), q)
            L = L + self.distillation_weight * terms["L_d"]

        return StepResult(
            loss=L,
            terms={name: term.detach() for name, term in terms.items()},
            pseudo=(logged("primary", u, label),),
        )

    @property
    def deployed(self) -> Network:
        """The network without the second classifier."""
        return self.primary


def middle_frames(clips_NCTHW: Tensor) -> Tensor:
    """Return (N, C, H, W): of T frames the one number T // 2, counted from 0."""
    return clips_NCTHW[:, :, clips_NCTHW.shape[2] // 2]


def _check(distillation_weight: float, teacher: str | None) -> None:
    """Refuse a weight without a teacher, and a teacher that would not be asked."""
    if distillation_weight > 0 and teacher is None:
        raise ConfigError(
            f"method.distillation_weight = {distillation_weight:g} needs an image classifier; set "
            "method.teacher to a file of its logits (PATH.npz) or to module:attribute, or set "
            "method.distillation_weight=0 to learn from pseudo-labels only"
        )
    if distillation_weight == 0 and teacher is not None:
        raise ConfigError(
            f"method.teacher = {teacher!r} has no effect with method.distillation_weight = 0; set "
            "that to 1, or leave the teacher out"
        )
