"""Tables and figures from run folders."""

from semivideo.analysis.figures.learning_curves import learning_curves
from semivideo.analysis.pseudo_labels import pseudo_label_quality

__all__ = ["learning_curves", "pseudo_label_quality"]
