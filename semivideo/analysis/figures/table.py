"""The table of figures: each is a function of run folders, and its keywords are its options.

To add one: a file with its function in this package, and a line in ``FIGURES``.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ConfigDict, ValidationError, create_model

from semivideo.analysis.comparison import run_folders
from semivideo.analysis.drawing import checked_out
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
from semivideo.base.checked import sentence
from semivideo.base.errors import ConfigError, nearest
from semivideo.base.progress import Progress


class Entry(NamedTuple):
    """One figure.

    Attributes:
        draw: Called with run folders and ``out``; its other keyword arguments are options.
        shows: One line.
        wants: Which runs, in words that follow "wants".
        source: Figure of a paper, or "own".
    """

    draw: Callable[..., list[Path]]
    shows: str
    wants: str
    source: str = "own"

    @property
    def options(self) -> dict[str, Any]:
        """Name to default of what can be set."""
        keywords = [p for p in self._parameters.values() if p.kind is p.KEYWORD_ONLY]
        return {p.name: p.default for p in keywords if p.name not in ("out", "progress")}

    @property
    def takes_progress(self) -> bool:
        """Whether it says how far it is, as those that read many videos do."""
        return "progress" in self._parameters

    @property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.draw).parameters


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
        "accuracy lost when test clips keep every s-th frame only",
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
        "features of held-out videos in the plane of two principal components",
        "one finished run whose videos are at hand",
    ),
}
"""Name, as on the command line, to figure."""


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
    if name not in FIGURES:
        raise ConfigError(
            f"no figure {name!r}{nearest(name, FIGURES)} [known: {', '.join(FIGURES)}]; "
            "`semivideo figure list` says what each shows"
        )
    if not runs:
        raise ConfigError(f"figure {name} wants {FIGURES[name].wants}; name their folders")
    chosen = _checked(name, options or {})
    if FIGURES[name].takes_progress:
        chosen["progress"] = progress
    return FIGURES[name].draw(run_folders(runs), out=checked_out(out), **chosen)


def _checked(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Check options against the annotations of the figure's function."""
    entry = FIGURES[name]
    hints = typing.get_type_hints(entry.draw, include_extras=True)
    fields: dict[str, Any] = {key: (hints[key], value) for key, value in entry.options.items()}
    model = create_model("Options", __config__=ConfigDict(extra="forbid"), **fields)
    if unknown := sorted(options.keys() - fields.keys()):
        known = f"[accepts: {', '.join(fields)}]" if fields else "(it has none)"
        raise ConfigError(
            f"figure {name} has no option {unknown[0]!r}{nearest(unknown[0], fields)} {known}"
        )
    try:
        return dict(model.model_validate(dict(options)))
    except ValidationError as error:
        raise ConfigError(sentence(error, model, section=name)) from None
