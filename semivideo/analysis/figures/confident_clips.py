"""Who is right on the clips that CMPL's auxiliary network is sure of: figure 6 of the CMPL paper.

In each part of the training, the clips are those whose auxiliary label was used. On them: the
auxiliary's label, the primary's label of the same clip, and the labels that FixMatch gave the same
videos in the same part of its training, each video weighing as often as it was among the clips.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semivideo.analysis import drawing
from semivideo.analysis.groups import Trained, by_method
from semivideo.analysis.pseudo_labels import UNKNOWN
from semivideo.base.errors import ConfigError

NUM_PARTS = 20
"""Parts of the training; the paper looks every 10 of 200 epochs."""
CURVES = {
    "auxiliary": "CMPL, auxiliary network",
    "primary": "CMPL, primary network",
    "fixmatch": "FixMatch",
}
Numbers = NDArray[np.int64]


def confident_clips(runs: Sequence[str | Path], *, out: str | Path) -> list[Path]:
    """Draw the three accuracies over training, means over the seeds that both methods have.

    Args:
        runs: Finished runs of CMPL and of FixMatch, on the same splits.
        out: See ``drawing.save``.

    Raises:
        CheckpointError: A run holds no pseudo-labels.
        ConfigError: Runs of other methods, of other settings, or without a seed in common.
    """
    pairs = _pairs([Trained.read(run) for run in runs])
    found = [_accuracies(cmpl, fixmatch) for cmpl, fixmatch in pairs]
    figure = drawing.new_figure(width=7.2, height=4.6)
    axes = figure.subplots()
    for name, color in zip(CURVES, drawing.COLORS, strict=False):
        curves = [
            {row["step"]: row[name] for row in rows if not math.isnan(row[name])} for rows in found
        ]
        drawing.draw_curves(axes, curves, color, line="-")
    drawing.over_training(axes, "Right labels on the auxiliary's\nconfident clips")
    entries = [
        drawing.line_entry(label, color)
        for label, color in zip(CURVES.values(), drawing.COLORS, strict=False)
    ]
    drawing.legend_above(figure, entries)
    band = " Band: lowest to highest run." if len(pairs) > 1 else ""
    remark = f"Unlabelled clips whose label by CMPL's auxiliary network was used.{band}"
    drawing.caption(figure, [run for pair in pairs for run in pair], remark)
    return drawing.save(figure, out, [row for rows in found for row in rows])


def _pairs(trained: Sequence[Trained]) -> list[tuple[Trained, Trained]]:
    """CMPL's and FixMatch's runs of one seed, the same videos in both."""
    groups = by_method(trained)
    if sorted(members[0].settings.method.name for _, members in groups) != ["cmpl", "fixmatch"]:
        raise ConfigError(
            "confident-clips wants runs of cmpl and of fixmatch, one setting of each, got "
            f"{'; '.join(name for name, _ in groups)}; name the runs to be compared"
        )
    by_seed = {
        members[0].settings.method.name: {run.settings.engine.seed: run for run in members}
        for _, members in groups
    }
    cmpl, fixmatch = by_seed["cmpl"], by_seed["fixmatch"]
    seeds = sorted(cmpl.keys() & fixmatch.keys())
    if not seeds:
        raise ConfigError(
            f"cmpl was run with the seeds {sorted(cmpl)} and fixmatch with {sorted(fixmatch)}; "
            "run both with the same seeds"
        )
    for seed in seeds:
        a, b = cmpl[seed], fixmatch[seed]
        if a.split.hash != b.split.hash or a.manifest.ids != b.manifest.ids:
            raise ConfigError(
                f"{a.run.path} and {b.run.path} were trained on different splits or videos; "
                "name runs of one split"
            )
    return [(cmpl[seed], fixmatch[seed]) for seed in seeds]


def _accuracies(cmpl: Trained, fixmatch: Trained) -> list[dict[str, Any]]:
    """One row a part of the training; NaN where FixMatch labelled none of the videos."""
    ours, theirs = cmpl.pseudo_labels(), fixmatch.pseudo_labels()
    step, video, label, kept = (ours[n].to_numpy() for n in ("step", "video", "label", "kept"))
    network = np.asarray(ours["network"].to_pylist())
    num_videos, truth = len(cmpl.manifest), cmpl.truth
    num_steps = 1 + int(max(step.max(initial=0), theirs["step"].to_numpy().max(initial=0)))

    def counts(step: Numbers, video: Numbers) -> Numbers:
        """Clips (parts, videos)."""
        part = step.astype(np.int64) * NUM_PARTS // num_steps
        flat = np.bincount(part * num_videos + video, minlength=NUM_PARTS * num_videos)
        return flat.reshape(NUM_PARTS, num_videos).astype(np.int64)

    sure = (network == "auxiliary") & kept & (truth[video] != UNKNOWN)
    clip = step.astype(np.int64) * num_videos + video
    same = (network == "primary") & np.isin(clip, clip[sure])
    is_right = label == truth[video]
    weight = counts(step[sure], video[sure])
    step_f, video_f, label_f = (theirs[n].to_numpy() for n in ("step", "video", "label"))
    right_f = label_f == truth[video_f]
    given_f = counts(step_f, video_f)
    share_f = counts(step_f[right_f], video_f[right_f]) / np.maximum(given_f, 1)
    weight_f = weight * (given_f > 0)
    parts = {
        "auxiliary": (counts(step[sure & is_right], video[sure & is_right]).sum(1), weight.sum(1)),
        "primary": (
            counts(step[same & is_right], video[same & is_right]).sum(1),
            counts(step[same], video[same]).sum(1),
        ),
        "fixmatch": ((weight_f * share_f).sum(1), weight_f.sum(1)),
    }
    return [
        {
            "run": cmpl.run.path.name,
            "step": (part + 0.5) * num_steps / NUM_PARTS,
            "num_clips": int(num_clips),
            **{name: _share(right[part], of[part]) for name, (right, of) in parts.items()},
        }
        for part, num_clips in enumerate(weight.sum(1))
        if num_clips
    ]


def _share(right: float, of: int) -> float:
    """NaN of nothing."""
    return float(right / of) if of else math.nan
