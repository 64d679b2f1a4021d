"""One equation, one pure function."""

from semivideo.objectives.pseudo import (
    ConfidentLabels,
    Scheme,
    confident_labels,
    label_sources,
    masked_cross_entropy,
)
from semivideo.objectives.schedules import after_warmup, ramped

__all__ = [
    "ConfidentLabels",
    "Scheme",
    "after_warmup",
    "confident_labels",
    "label_sources",
    "masked_cross_entropy",
    "ramped",
]
