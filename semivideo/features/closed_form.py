"""What classifiers share that are computed from features at once: no steps, no loop.

They are methods all the same: the constructor takes the head that is deployed, views and options,
and the conformance of names and options is that of ``methods``. In the place of steps, ``compute``
fills the head.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semivideo.base.errors import TrainingError
from semivideo.base.records import Batch, ClipSpec, StepResult
from semivideo.methods import Method, Passes
from semivideo.models.contract import Network
from semivideo.transforms import Views

Groups = NDArray[np.str_]


@dataclass(frozen=True)
class Known:
    """What there is to compute from; L labelled and U unlabelled videos, W weak views.

    Attributes:
        labeled: float32 (L, W, D), standardised descriptors of unit length.
        labels: int64 (L,) in [0, K).
        groups: (L,), what each labelled video belongs to; a video without group is its own.
        unlabeled: float32 (U, W, D).
        unlabeled_groups: (U,).
        num_classes: K.
        seed: Of what is drawn.
        sets: bool (S, K), where several classes may be there at once: what the S labels stand for.
    """

    labeled: Tensor
    labels: NDArray[np.int64]
    groups: Groups
    unlabeled: Tensor
    unlabeled_groups: Groups
    num_classes: int
    seed: int = 0
    sets: NDArray[np.bool_] | None = None

    def of(self, places: NDArray[np.int64] | Sequence[int]) -> Known:
        """Return the same with some of the labelled videos."""
        rows = np.asarray(places, dtype=np.int64)
        return replace(
            self,
            labeled=self.labeled[torch.from_numpy(rows)],
            labels=self.labels[rows],
            groups=self.groups[rows],
        )


class ClosedForm(Method):
    """A classifier of features that is computed at once.

    Args:
        primary: The head that is filled; which one, ``head`` says.

    Attributes:
        head: Name of that head in ``models``.
        takes_several: Whether it can be computed where several classes may be there at once.
    """

    head: ClassVar[str]
    takes_several: ClassVar[bool] = False
    uses_unlabeled = False
    passes = Passes(labeled=0, unlabeled=0)

    def __init__(self, primary: Network, *, views: Views, clips: dict[str, ClipSpec]) -> None:
        super().__init__()
        self.primary = primary
        self.views = views
        self.clips = clips

    @abstractmethod
    def compute(self, known: Known) -> dict[str, Any]:
        """Fill the head.

        Args:
            known: What there is to compute from.

        Returns:
            What was chosen on the way, as JSON has it.
        """

    def forward(self, batch: Batch) -> StepResult:
        """Refuse: there are no steps."""
        raise TrainingError(f"{type(self).__name__} is computed at once and has no steps")

    @property
    def deployed(self) -> Network:
        """The head."""
        return self.primary
