"""What every method page shares: the contract, and one forward of several views together.

A method is an ``nn.Module`` whose ``forward(batch)`` is the training step. It says what clips it
wants (``clips``), makes views of them, and returns a loss. It knows nothing of optimisers,
precision, processes or files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from semivideo.base.records import Batch, Clips, ClipSpec, PseudoLabels, StepResult
from semivideo.methods.parts.class_answers import Answer, OneClass
from semivideo.models.contract import Network
from semivideo.objectives import ConfidentLabels


@dataclass(frozen=True, slots=True)
class Passes:
    """How often clips go through each network of a method in one step: what its cost is counted by.

    Attributes:
        labeled: Passes of a labelled clip.
        unlabeled: Passes of an unlabelled clip; of half of its frames they are half of one.
        without_graph: Further passes of an unlabelled clip, from which nothing is learned, such as
            a teacher's.
        for_each: Name of an option of the method, each of whose values takes all these passes.
        of: Roles of the networks that clips go through so often; None for all of the method.
    """

    labeled: float
    unlabeled: float
    without_graph: float = 0.0
    for_each: str | None = None
    of: tuple[str, ...] | None = None


class Method(nn.Module, ABC):
    """A way to learn from labelled and unlabelled clips.

    Its constructor takes networks by position. By keyword it takes ``views``, which makes views of
    raw clips; ``clips``, what each of these networks sees, by its name (``{"primary": ...}``); and
    the options of the method. Pages describe ``views`` and ``clips`` where there is more to say.

    Attributes:
        clips: Stream name to the clips wanted; the first stream is the deployed network's.
        uses_unlabeled: Whether the loader must deliver unlabelled clips.
        passes: What the cost of a step is estimated by; a method that declares nothing shows a
            labelled clip once and an unlabelled one twice, in its weak and its strong view.
        num_rounds: Trainings in a row: at the start of each the engine begins the learning-rate
            schedule, momentum, ``Batch.progress`` and its average of the weights anew.
        weak_only_labels: Whether weak views only make labels, so that ``forward`` can give
            ``Batch.weak_graph`` on to ``jointly``; False for a method that learns from every view.
        needs_strong: Whether it asks for strong views, which cached features may not have.
        needs_pixels: Whether it makes something of frames that cached features do not have.
        needs_steps: Whether it makes something of a clip's steps in time, which a descriptor of the
            whole clip does not have.
        takes_mixed: Whether labelled clips may be mixtures of two (mixup, cutmix); False for what
            asks somebody else about a video by its name.
        asks_answer: Whether losses are those of ``answer``, so that classes may have weights and
            several of them may be right at once.
        answer: What logits mean; one of the classes unless it is set otherwise.
    """

    clips: dict[str, ClipSpec]
    uses_unlabeled: bool = True
    passes: Passes = Passes(labeled=1, unlabeled=2)
    num_rounds: int = 1
    weak_only_labels: bool = False
    needs_strong: bool = False
    needs_pixels: bool = False
    needs_steps: bool = False
    takes_mixed: bool = True
    asks_answer: bool = False
    answer: Answer

    def __init__(self, *networks: Network, **given: Any) -> None:
        super().__init__()
        self.answer = OneClass()

    @abstractmethod
    def forward(self, batch: Batch) -> StepResult:
        """Return the loss of one step; its order is that of the paper's equations."""

    @property
    @abstractmethod
    def deployed(self) -> Network:
        """The network that is evaluated and shipped."""

    def prepare(self, videos: Sequence[str]) -> None:
        """Learn which videos there are, before the first step and before a checkpoint is loaded.

        Args:
            videos: Ids by number, the number that ``Clips.video`` carries. For state that is kept
                by video and for files that name videos by id.

        Raises:
            DataError: A file that the method reads does not fit these videos.
        """

    def start_round(self, batches: Iterable[Batch]) -> None:
        """Choose what the next round learns from; called before each round but the first.

        What is chosen must be in the state dict. A run that is resumed here calls it again, with
        the same batches and the same seed of torch's generator.

        Args:
            batches: One pass over the unlabelled videos, of which each process sees its part; in a
                pass's last batch some videos may come twice.
        """

    def calibrate(self, batch: Batch) -> None:
        """Show the deployed network what its batch statistics for testing are taken of.

        Centre crops of the clips of a step, labelled and unlabelled ones together: our reading of
        LTG's published code. That takes a clip from the middle of each training video, the labelled
        ones among them; here clips are random windows, and labelled ones have the share that they
        have of a step, half of it in LTG's recipes. A method without ``views`` shows what its
        training step does.

        Args:
            batch: Of a step.
        """
        views = getattr(self, "views", None)
        if views is None:
            self(batch)
            return
        stream = next(iter(self.clips))
        streams = [clips for clips in (batch.labeled, batch.unlabeled) if clips is not None]
        self.deployed(torch.cat([views.center(clips, stream) for clips in streams]))

    def after_step(self) -> None:
        """Update state that follows the weights, such as a teacher; called after each step."""


def jointly(
    network: nn.Module,
    *,
    labeled: Tensor,
    standard: Tensor | None = None,
    weak: Tensor | None = None,
    strong: Tensor | None = None,
    weak_graph: bool = True,
    teacher: nn.Module | None = None,
) -> list[Tensor]:
    """Run one forward over all views, so that batch statistics see them together.

    The views are (N, C, T, H, W) of one shape apart from N. Clips of several modalities stand one
    after the other in a view.

    Args:
        network: Maps (N, ...) to logits (N, K).
        labeled: Labelled clips.
        standard: Unlabelled clips in the labelled view.
        weak: Unlabelled clips in the weak view.
        strong: Unlabelled clips in the strong view.
        weak_graph: ``Batch.weak_graph``, where the weak view only makes labels. With False it runs
            first, in a forward of its own that keeps nothing for a backward pass. Batch norm then
            normalises it by its own statistics, the rest by the rest's, and moves its running
            averages twice, by each.
        teacher: What the weak view goes through in place of the network, without a graph; None for
            the network itself.

    Returns:
        Logits (N, K) in float32 of each view that is given, in the order of the arguments.
    """
    views = {"labeled": labeled, "standard": standard, "weak": weak, "strong": strong}
    given = {name: view for name, view in views.items() if view is not None}
    logits: dict[str, Tensor] = {}
    if weak is not None and (teacher is not None or not weak_graph):
        with torch.no_grad():
            logits["weak"] = (teacher or network)(given.pop("weak")).float()
    together = network(torch.cat(list(given.values()))).float()
    parts = together.split([len(view) for view in given.values()])
    logits |= zip(given, parts, strict=True)
    return [logits[name] for name in views if name in logits]


def unlabeled(batch: Batch) -> Clips:
    """Return the unlabelled clips of a batch that must have them."""
    if batch.unlabeled is None:
        raise RuntimeError("a method with uses_unlabeled = True was given a batch without any")
    return batch.unlabeled


def supervised_loss(
    logits: dict[str, Tensor], y: Tensor, *, answer: Answer | None = None
) -> StepResult:
    """Return the sum of cross-entropies of labelled clips, as in a supervised warm-up.

    Args:
        logits: Name of the term to logits (B, K).
        y: int64 (B,), the labels; float (B, K) where they are soft.
        answer: What logits mean; None for one of the classes.
    """
    answer = answer or OneClass()
    terms = {name: answer.loss(logits_BK.float(), y) for name, logits_BK in logits.items()}
    loss = torch.stack(list(terms.values())).sum()
    return StepResult(loss=loss, terms={name: term.detach() for name, term in terms.items()})


def logged(network: str, u: Clips, labels: ConfidentLabels) -> PseudoLabels:
    """Join the labels that ``network`` gave to the clips ``u`` with their videos, for the log.

    Of several labels a clip the most probable class is logged, kept where it counts as there.
    """
    if labels.label.ndim == 2:
        present_UK, confidence_UK, kept_UK, _ = labels
        p_UK = torch.where(present_UK > 0, confidence_UK, 1 - confidence_UK)
        confidence, label = p_UK.max(dim=1)
        kept = (kept_UK & (present_UK > 0)).gather(1, label[:, None])[:, 0]
        return PseudoLabels(network, u.video, label, confidence, kept)
    return PseudoLabels(network, u.video, labels.label, labels.confidence, labels.kept)
