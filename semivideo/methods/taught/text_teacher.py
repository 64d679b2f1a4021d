"""A text teacher: soft labels from the names of the classes, by a network of text and images.

CLIP and its kin put pictures and sentences into one space. Without a label they say how near each
video is to each class; that is a teacher who is there from the first step, and of whom a network
with labels needs less and less. FixMatch goes on beside it.

    t_k = mean of the embeddings of sentences about class k;  v_i = mean of those of frames of u_i
    z_i = scale cos(v_i, t_k),  said once a video
    q_i = softmax(z_i) (1/K) / m, rows of sum 1;  m: mean of softmax(z) over the clips seen so far
    p_i = softmax(F(w(u_i))),  no gradient
    L_s = 1/B sum_i H(y_i, F(x_i))
    L_u = 1/U sum_i 1[max p_i >= threshold] H(argmax p_i, F(s(u_i)))
    L_t = tau^2 1/U sum_i KL(q_i^(1/tau) || softmax(F(s(u_i)) / tau)),  q^(1/tau) of sum 1
    L   = L_s + weight L_u + r text_weight L_t,  r falls from 1 to 0 over the first ``fade``

Zero-shot classifiers prefer some classes whatever they see; dividing by m takes that out. The
decision that is easy to get wrong: m is of training clips alone, as the clips come by.
Shapes: x (B, C, T, H, W), u_w and u_s (U, C, T, H, W), logits, q and z (., K), m (K,).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy

from semivideo.base.checked import Proportion, Weight
from semivideo.base.errors import ConfigError, DataError
from semivideo.base.processes import gathered
from semivideo.base.records import Batch, ClipSpec, StepResult
from semivideo.methods.base import Method, Passes, jointly, logged, supervised_loss, unlabeled
from semivideo.methods.parts.class_sentences import TEMPLATES, sentences_about
from semivideo.methods.parts.image_logits import read_image_logits
from semivideo.models.contract import Network
from semivideo.objectives import (
    after_warmup,
    confident_labels,
    divergence,
    masked_cross_entropy,
    ramped,
    sharpened,
)
from semivideo.transforms import Views

ENCODER = "encoder"


class TextTeacher(Method):
    """Class names by a network of text and images, beside the network's own pseudo-labels.

    Args:
        primary: F, the network to train.
        threshold: Least confidence of a pseudo-label, in [0, 1].
        weight: Weight of L_u, >= 0.
        text_weight: Weight of L_t at the first step, >= 0; needs a teacher.
        teacher: On features of CLIP, MetaCLIP 2 or SigLIP (2), "encoder"; otherwise a file of
            logits of the classes in the manifest's order, PATH.npz
            (``evaluation.cache_text_logits`` makes one); None leaves L_t out.
        templates: Sentences with {} where the class stands; each class gets all of them.
        sentences: JSON file with sentences about each class, in place of the templates.
        temperature: tau > 0.
        fade: Share of the training after which the teacher is not heard any more, in (0, 1].
        supervised_warmup: Share of the training before L_u counts, in [0, 1].

    Raises:
        ConfigError: Teacher and ``text_weight`` do not go together.
    """

    weak_only_labels = True
    needs_strong = True
    passes = Passes(labeled=1, unlabeled=2)
    said: Tensor
    total: Tensor
    num_seen: Tensor

    def __init__(
        self,
        primary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        threshold: Proportion = 0.95,
        weight: Weight = 1.0,
        text_weight: Weight = 0.0,
        teacher: str | None = None,
        templates: Annotated[tuple[str, ...], Field(min_length=1)] = TEMPLATES,
        sentences: Path | None = None,
        temperature: Annotated[float, Field(gt=0)] = 1.0,
        fade: Annotated[Proportion, Field(gt=0)] = 1.0,
        supervised_warmup: Proportion = 0.0,
    ) -> None:
        super().__init__()
        _check(text_weight, teacher)
        self.primary = primary
        self.views = views
        self.clips = clips
        self.threshold, self.supervised_warmup = threshold, supervised_warmup
        self.weight, self.text_weight, self.fade = weight, text_weight, fade
        self.templates, self.sentences = templates, sentences
        self.temperature = temperature
        self.teacher = teacher
        self.told: tuple[Sequence[str], Tensor] | None = None
        if teacher is not None:
            self.register_buffer("total", torch.zeros(primary.num_classes))
            self.register_buffer("num_seen", torch.zeros(()))

    def sentences_about(self, classes: Sequence[str]) -> list[list[str]]:
        """Return sentences about the classes, for who asks the teacher."""
        return sentences_about(classes, templates=self.templates, file=self.sentences)

    def prepare(self, videos: Sequence[str]) -> None:
        """Learn what the teacher says of each video; of unknown ones that all classes are alike.

        Raises:
            ConfigError: The encoder is to teach, and there are no features.
            DataError: The file does not fit these videos or has another number of classes.
        """
        if self.teacher is None:
            return
        K = self.primary.num_classes
        if self.teacher != ENCODER:
            said = torch.from_numpy(read_image_logits(Path(self.teacher), videos)).float()
        else:
            said = _rows_of(videos, self._told(), num_classes=K)
        if said.shape[1] != K:
            raise DataError(
                f"{self.teacher} has logits of {said.shape[1]} classes, and the videos have {K}; "
                "make it again for these classes",
                path=self.teacher,
            )
        self.register_buffer("said", said, persistent=False)

    def _told(self) -> tuple[Sequence[str], Tensor]:
        if self.told is None:
            raise ConfigError(
                "method.teacher = encoder asks the network whose features are trained on, and "
                "these are videos; name PATH.npz, which semivideo.evaluation.cache_text_logits "
                "makes of features"
            )
        return self.told

    def forward(self, batch: Batch) -> StepResult:
        """Return L."""
        weight = after_warmup(self.weight, batch.progress, warmup=self.supervised_warmup)
        x, y = self.views.standard(batch.labeled, "primary"), batch.labeled.label
        if self.weight == self.text_weight == 0:
            return supervised_loss({"L_s": self.primary(x)}, y)
        u = unlabeled(batch)
        u_w, u_s = self.views.weak(u, "primary"), self.views.strong(u, "primary")

        F_x, F_w, F_s = jointly(
            self.primary, labeled=x, weak=u_w, strong=u_s, weak_graph=batch.weak_graph
        )
        label = confident_labels(F_w.softmax(dim=1), self.threshold)
        terms = {"L_s": cross_entropy(F_x, y), "L_u": masked_cross_entropy(F_s, label)}
        L = terms["L_s"] + weight * terms["L_u"]
        if self.teacher is not None:
            tau = self.temperature
            q = sharpened(self._aligned(self.said[u.video].to(F_s.dtype)), tau)
            terms["L_t"] = tau**2 * divergence(q, F_s / tau)
            r = 1.0 - ramped(1.0, batch.progress, ramp=self.fade)
            L = L + r * self.text_weight * terms["L_t"]

        return StepResult(
            loss=L,
            terms={name: term.detach() for name, term in terms.items()},
            pseudo=(logged("primary", u, label),),
        )

    @torch.no_grad()
    def _aligned(self, z_UK: Tensor) -> Tensor:
        """Return q (U, K), after this step's clips of all processes were counted."""
        q = z_UK.softmax(dim=1)
        if self.training:
            all_q = gathered(q)
            self.total += all_q.sum(dim=0).to(self.total.dtype)
            self.num_seen += len(all_q)
        m = (self.total / self.num_seen.clamp(min=1)).to(q.dtype)
        q = q / (q.shape[1] * m).clamp(min=torch.finfo(q.dtype).tiny)
        return q / q.sum(dim=1, keepdim=True)

    @property
    def deployed(self) -> Network:
        """The one network."""
        return self.primary


def _rows_of(
    videos: Sequence[str], told: tuple[Sequence[str], Tensor], *, num_classes: int
) -> Tensor:
    """Logits (V, K) of videos by their ids; 0 of those that nothing is told of."""
    ids, logits = told
    row = {id: number for number, id in enumerate(ids)}
    said = torch.zeros(len(videos), logits.shape[1] if len(ids) else num_classes)
    known = [number for number, id in enumerate(videos) if id in row]
    said[known] = logits.float()[[row[videos[number]] for number in known]]
    return said


def _check(text_weight: float, teacher: str | None) -> None:
    """Refuse a weight without a teacher, and a teacher that would not be heard."""
    if text_weight > 0 and teacher is None:
        raise ConfigError(
            f"method.text_weight = {text_weight:g} needs a teacher; on features of CLIP or SigLIP "
            "set method.teacher=encoder, otherwise to a file of logits (PATH.npz), or set "
            "method.text_weight=0"
        )
    if text_weight == 0 and teacher is not None:
        raise ConfigError(
            f"method.teacher = {teacher!r} has no effect with method.text_weight = 0; set that to "
            "1, or leave the teacher out"
        )
    if teacher is not None and teacher != ENCODER and not teacher.endswith(".npz"):
        raise ConfigError(
            f"method.teacher = {teacher!r} is no file of logits; write PATH.npz or, on features, "
            "encoder"
        )
