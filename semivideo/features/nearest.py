"""k nearest neighbours: the labelled video is its own classifier."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import torch

from semivideo.features.closed_form import ClosedForm, Known
from semivideo.models.lookup import Neighbours

_MOST = 20


class KNN(ClosedForm):
    """Votes of the nearest labelled videos by cosine, weighed by exp(cos / 0.07).

    A labelled video is the direction of the mean of its weak views. As many vote as a class has
    labels, at most 20.
    """

    head = "neighbours"

    def compute(self, known: Known) -> dict[str, Any]:
        """Fill the head with the labelled videos."""
        counts = Counter(known.labels.tolist())
        nearest = min(_MOST, max(1, round(len(known.labels) / len(counts))))
        head = cast("Neighbours", self.primary)
        labels = torch.from_numpy(known.labels)
        head.remember(known.labeled.mean(dim=1), labels, nearest=nearest)
        return {"nearest": nearest}
