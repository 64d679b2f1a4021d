"""One equation, one pure function."""

from semivideo.objectives.alignment import Distance, aligned
from semivideo.objectives.consistency import (
    divergence,
    group_contrast,
    group_means,
    weighted_squared_error,
)
from semivideo.objectives.contrastive import info_nce, nt_xent
from semivideo.objectives.pseudo import (
    ConfidentLabels,
    Scheme,
    confident_labels,
    label_sources,
    masked_cross_entropy,
    sharpened,
)
from semivideo.objectives.schedules import after_warmup, ramped, sine_ramped
from semivideo.objectives.thresholds import (
    confident_by_class,
    fairness,
    flexmatch_share,
    flexmatch_thresholds,
    freematch_thresholds,
    reassigned,
    truncated_gaussian,
    uniformly_aligned,
)
from semivideo.objectives.uncertainty import (
    CertainLabels,
    balanced_by_class,
    certain_labels,
    excluded_classes,
    negative_learning_loss,
    regulated_weights,
)

__all__ = [
    "CertainLabels",
    "ConfidentLabels",
    "Distance",
    "Scheme",
    "after_warmup",
    "aligned",
    "balanced_by_class",
    "certain_labels",
    "confident_by_class",
    "confident_labels",
    "divergence",
    "excluded_classes",
    "fairness",
    "flexmatch_share",
    "flexmatch_thresholds",
    "freematch_thresholds",
    "group_contrast",
    "group_means",
    "info_nce",
    "label_sources",
    "masked_cross_entropy",
    "negative_learning_loss",
    "nt_xent",
    "ramped",
    "reassigned",
    "regulated_weights",
    "sharpened",
    "sine_ramped",
    "truncated_gaussian",
    "uniformly_aligned",
    "weighted_squared_error",
]
