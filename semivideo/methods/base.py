"""What every method page shares: the contract, and one forward of several views together.

A method is an ``nn.Module`` whose ``forward(batch)`` is the training step. It says what clips it
wants (``clips``), makes views of them, and returns a loss. It knows nothing of optimisers,
precision, processes or files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from semivideo.base.records import Batch, Clips, ClipSpec, PseudoLabels, StepResult
from semivideo.models.contract import Network
from semivideo.objectives import ConfidentLabels


class Method(nn.Module, ABC):
    """A way to learn from labelled and unlabelled clips.

    Attributes:
        clips: Stream name to the clips wanted; the first stream is the deployed network's.
        uses_unlabeled: Whether the loader must deliver unlabelled clips.
        num_rounds: Trainings in a row: at the start of each the engine begins the learning-rate
            schedule, momentum, ``Batch.progress`` and its average of the weights anew.
        weak_graph: For ``jointly``, where weak views only make labels; the engine may set it to
            False. None for methods that learn from every forward.
    """

    clips: dict[str, ClipSpec]
    uses_unlabeled: bool = True
    num_rounds: int = 1
    weak_graph: bool | None = None

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

    def after_step(self) -> None:
        """Update state that follows the weights, such as a teacher; called after each step."""


def jointly(network: nn.Module, *parts: Tensor, weak_graph: bool | None = None) -> list[Tensor]:
    """Run one forward over all parts, so that batch statistics see them together.

    Args:
        network: Maps (N, ...) to logits (N, K).
        parts: Views (N_i, C, T, H, W) of one shape apart from N_i.
        weak_graph: False if the middle third of the parts (of x, w, s the w) only makes labels and
            runs first, in a forward of its own that keeps nothing for a backward pass. Batch norm
            then normalises it by its own statistics, the rest by the rest's, and moves its running
            averages twice, by each.

    Returns:
        Logits (N_i, K) in float32, one tensor a part.
    """
    if weak_graph is False:
        third = len(parts) // 3
        with torch.no_grad():
            weak = jointly(network, *parts[third : 2 * third])
        rest = jointly(network, *parts[:third], *parts[2 * third :])
        return [*rest[:third], *weak, *rest[third:]]
    logits = network(torch.cat(parts)).float()
    return list(logits.split([len(part) for part in parts]))


def unlabeled(batch: Batch) -> Clips:
    """Return the unlabelled clips of a batch that must have them."""
    if batch.unlabeled is None:
        raise RuntimeError("a method with uses_unlabeled = True was given a batch without any")
    return batch.unlabeled


def supervised_loss(logits: dict[str, Tensor], y: Tensor) -> StepResult:
    """Return the sum of cross-entropies of labelled clips, as in a supervised warm-up.

    Args:
        logits: Name of the term to logits (B, K).
        y: int64 (B,), the labels.
    """
    terms = {name: cross_entropy(logits_BK.float(), y) for name, logits_BK in logits.items()}
    loss = torch.stack(list(terms.values())).sum()
    return StepResult(loss=loss, terms={name: term.detach() for name, term in terms.items()})


def logged(network: str, u: Clips, labels: ConfidentLabels) -> PseudoLabels:
    """Join the labels that ``network`` gave to the clips ``u`` with their videos, for the log."""
    return PseudoLabels(network, u.video, labels.label, labels.confidence, labels.kept)
