"""The table of figures: each is a function of run folders, and its keywords are its options.

To add one: a file with its function in this package, and a line in ``FIGURES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from semivideo.analysis.comparison import run_folders
from semivideo.analysis.drawing import checked_out
from semivideo.analysis.figures.activation import activation
from semivideo.analysis.figures.agreement import agreement
from semivideo.analysis.figures.class_accuracy import accuracy_by_class
from semivideo.analysis.figures.class_gap import class_gap
from semivideo.analysis.figures.confident_clips import confident_clips
from semivideo.analysis.figures.confusion import confusion
from semivideo.analysis.figures.correct_labels import correct_labels
from semivideo.analysis.figures.feature_plane import features
from semivideo.analysis.figures.frame_rate_drop import frame_rate_drop
from semivideo.analysis.figures.gain_by_auxiliary import gain_by_auxiliary
from semivideo.analysis.figures.labels_by_threshold import thresholds
from semivideo.analysis.figures.learning_curves import learning
from semivideo.analysis.figures.reliability import reliability
from semivideo.analysis.figures.setting_sweep import setting_sweep
from semivideo.analysis.figures.temporal_gradient import temporal_gradients
from semivideo.base.errors import ConfigError, nearest
from semivideo.base.progress import Progress
from semivideo.options import Options


class Entry(NamedTuple):
    """One figure.

    Attributes:
        draw: Called with run folders and ``out``; its other keyword arguments are options, except
            for ``progress``, which those take that read many videos.
        shows: One line.
        wants: Which runs, in words that follow "wants".
        source: Figure of a paper, or "own".
    """

    draw: Callable[..., list[Path]]
    shows: str
    wants: str
    source: str = "own"

    @property
    def options(self) -> Options:
        """What can be set."""
        return Options.of(self.draw, given=("out", "progress"))


FIGURES: dict[str, Entry] = {
    "learning": Entry(
        learning,
        "accuracy and the worth of pseudo-labels over training",
        "any runs, also unfinished ones",
    ),
    "class-gap": Entry(
        class_gap,
        "accuracy by class of a small network minus that of a large one",
        "evaluated runs of two networks or settings",
        "CMPL Fig. 1",
    ),
    "correct-labels": Entry(
        correct_labels,
        "share of unlabelled clips with a right pseudo-label over training",
        "finished runs of methods that give pseudo-labels",
        "CMPL Fig. 2",
    ),
    "sweep": Entry(
        setting_sweep,
        "top-1 accuracy against the value of one setting",
        "evaluated runs that differ in one setting and the seed",
        "CMPL Fig. 4",
    ),
    "frame-rate-drop": Entry(
        frame_rate_drop,
        "share of accuracy lost when test clips keep every s-th frame only",
        "evaluated runs whose videos are at hand",
        "CMPL Fig. 5",
    ),
    "confident-clips": Entry(
        confident_clips,
        "who is right on the clips that CMPL's auxiliary network is sure of",
        "finished runs of cmpl and of fixmatch on the same splits",
        "CMPL Fig. 6",
    ),
    "gain-by-auxiliary": Entry(
        gain_by_auxiliary,
        "gain of CMPL over FixMatch in each class against a small network's accuracy",
        "evaluated runs of cmpl, fixmatch, and supervised with the auxiliary's network",
        "CMPL Fig. 7",
    ),
    "temporal-gradient": Entry(
        temporal_gradients,
        "frames of a clip and their fast and slow temporal gradient",
        "one run whose videos are at hand",
        "LTG Fig. 3",
    ),
    "activation": Entry(
        activation,
        "frames of a clip and where the network looks: Grad-CAM, of transformers attention",
        "one finished run whose videos are at hand",
    ),
    "confusion": Entry(
        confusion,
        "which classes are taken for which on held-out videos",
        "evaluated runs of one setting",
    ),
    "class-accuracy": Entry(
        accuracy_by_class, "accuracy by class of one or several methods", "evaluated runs"
    ),
    "reliability": Entry(
        reliability,
        "accuracy against confidence, with the expected calibration error",
        "evaluated runs",
    ),
    "thresholds": Entry(
        thresholds,
        "late pseudo-labels kept, and right, at each confidence threshold",
        "finished runs of methods that give pseudo-labels",
    ),
    "agreement": Entry(
        agreement,
        "how often two networks give one label, and who is right where they differ",
        "finished runs of one setting of cmpl or another method of two networks",
    ),
    "features": Entry(
        features,
        "features of held-out videos: two principal components, and t-SNE beside them",
        "one finished run whose videos are at hand",
    ),
}
"""Name, as on the command line, to figure."""


def check_name(name: str) -> None:
    """Refuse a name that no figure has.

    Raises:
        ConfigError: There is none.
    """
    if name not in FIGURES:
        raise ConfigError(
            f"no figure {name!r}{nearest(name, FIGURES)} [known: {', '.join(FIGURES)}]; "
            "`semivideo figure list` says what each shows"
        )


def draw_figure(
    name: str,
    runs: Sequence[str | Path],
    *,
    out: str | Path,
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Draw a figure of run folders.

    Args:
        name: A key of ``FIGURES``.
        runs: Run folders, or folders of them.
        out: A file that ends in .png or .svg; PNG, SVG and CSV of that name are written.
        options: Of that figure.
        progress: Called while videos are read.

    Returns:
        The three files.

    Raises:
        ConfigError: No such figure or option, or runs that do not make this figure.
        CheckpointError: A run lacks what the figure shows.
    """
    check_name(name)
    entry = FIGURES[name]
    if not runs:
        raise ConfigError(f"figure {name} wants {entry.wants}; name their folders")
    chosen = entry.options.checked(options or {}, owner=f"figure {name}")
    if "progress" in entry.options.given:
        chosen["progress"] = progress
    return entry.draw(run_folders(runs), out=checked_out(out), **chosen)
