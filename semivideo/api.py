"""The functions of the package; the commands call the same.

``progress`` is a callable ``(description, done, total, extra)`` that draws a bar, or None.
"""

from __future__ import annotations

from semivideo.base.progress import Progress
from semivideo.export.exporting import export
from semivideo.export.hub_transfer import pull, push
from semivideo.report.page import report
from semivideo.review.serving import review
from semivideo.run.featuring import extract_features
from semivideo.run.labeling.doubting import doubts
from semivideo.run.labeling.label_conversion import convert_labels
from semivideo.run.labeling.long_video import find_events
from semivideo.run.labeling.planning import plan
from semivideo.run.labeling.suggesting import suggest
from semivideo.run.prediction import load, predict, predictions
from semivideo.run.scoring import evaluate
from semivideo.run.splitting import split
from semivideo.run.training import train
from semivideo.run.videos import Videos, as_manifest, prepare, scan

__all__ = [
    "Progress",
    "Videos",
    "as_manifest",
    "convert_labels",
    "doubts",
    "evaluate",
    "export",
    "extract_features",
    "find_events",
    "load",
    "plan",
    "predict",
    "predictions",
    "prepare",
    "pull",
    "push",
    "report",
    "review",
    "scan",
    "split",
    "suggest",
    "train",
]
