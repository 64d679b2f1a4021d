"""``README.md`` of an exported folder: what the model is, what it was trained on, what it is for.

The header is YAML as the Hugging Face hub reads it.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from semivideo.analysis.groups import Trained
from semivideo.base.places import what_is
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.evaluation import Evaluation
from semivideo.evaluation.bootstrap import one_run_accuracy
from semivideo.export.compression import Precision
from semivideo.export.description import FILE, described, why_not_alone
from semivideo.export.parity import READER_TOLERANCE, Parity
from semivideo.runfolder import RunFolder
from semivideo.settings import NOT_TOLD, ModelCard

PAGE = "README.md"
_LICENCES = {
    "Apache-2.0": "apache-2.0",
    "MIT": "mit",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
    "CC-BY-4.0": "cc-by-4.0",
    "BSD-3-Clause": "bsd-3-clause",
}
"""Names of licences to those that the hub knows."""
_MOST_CLASSES = 100


def model_page(
    run: Path, card: ModelCard, *, format: str, precision: Precision, parity: Parity
) -> str:
    """Return the page as Markdown.

    Args:
        run: The run folder, which says what was trained on; or the folder of a network.
        card: Of the network.
        format: Of the exported network.
        precision: Of its weights.
        parity: How far it is from the run.
    """
    trained = None if what_is(run) == "model" else _trained(run)
    parts = [
        _header(card, format=format),
        f"# {_title(card)}\n",
        _what_it_is(card),
        _trained_on(card, trained),
        _accuracy(trained),
        _use(format),
        _preparation(card),
        _compared(parity, format=format, precision=precision),
        _limits(card),
    ]
    return "\n".join(parts)


def _trained(run: Path) -> Trained:
    """A run whose videos may be elsewhere by now."""
    folder = RunFolder.open(run)
    manifest = Manifest.read(folder.manifest_file, videos_may_be_gone=True)
    return Trained(folder, folder.settings(is_built=False), Split.read(folder.split_file), manifest)


def _header(card: ModelCard, *, format: str) -> str:
    licences = {each.licence for each in card.origins}
    known = {_LICENCES.get(licence, "other") for licence in licences}
    header = {
        # Of weights trained from scratch only their owner can say it.
        "license": known.pop() if len(known) == 1 else ("other" if known else "unknown"),
        "library_name": "onnx" if format == "onnx" else "semivideo",
        "pipeline_tag": "video-classification",
        "tags": ["video-classification", "action-recognition", "semi-supervised", card.method],
    }
    return f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n"


def _title(card: ModelCard) -> str:
    what = card.network.name
    if card.features is not None:
        what = f"{card.features.encoder} with {what}"
    return f"{what}, trained with {card.method}, {len(card.classes)} classes"


def _what_it_is(card: ModelCard) -> str:
    kind = "Several of them can be there at once" if card.data.multi_label else "One of them"
    names = ", ".join(card.classes[:_MOST_CLASSES])
    more = len(card.classes) - _MOST_CLASSES
    names += f" and {more} more (in `{FILE}`)" if more > 0 else ""
    return (
        f"Names what happens in a video. {kind}: {names}.\n\n"
        "Made with SemiVideo, which trains video action recognisers from few labels.\n"
    )


def _trained_on(card: ModelCard, trained: Trained | None) -> str:
    lines = ["## Trained on"]
    if trained is not None:
        split = trained.split
        lines.append(f"* labelled videos: {len(split.labeled)}")
        lines.append(f"* videos without labels: {len(split.unlabeled)}")
        lines.append(f"* split: {split.name}, hash {split.short_hash}")
    lines.append(f"* method: {card.method}")
    lines.append(f"* league: {card.league}")
    for origin in card.origins:
        licence = origin.licence if origin.licence != NOT_TOLD else "not told"
        lines.append(
            f"* began with weights that had seen: {origin.pretrained_on}; their licence: {licence}"
        )
    if not card.origins:
        lines.append("* began with fresh weights; who trained it decides on the licence")
    lines.append(f"* sha256 of the trained weights: {card.weights_sha256}")
    return "\n".join(lines) + "\n"


def _accuracy(trained: Trained | None) -> str:
    title = "## Accuracy\n"
    if trained is None or not trained.run.evaluation_file.is_file():
        return f"{title}Not tested: nothing is known of its accuracy.\n"
    test = Evaluation.read(trained.run.evaluation_file)
    if test.present is not None:
        figure = f"mean average precision {100 * test.mean_average_precision:.1f} %"
        return f"{title}{figure} on {test.num_videos} test videos, {test.protocol} views.\n"
    manifest = trained.manifest
    rows = manifest.rows_of(test.ids).tolist()
    groups = {id: manifest.groups[row] for id, row in zip(test.ids, rows, strict=True)}
    top1, num_groups = one_run_accuracy(test, groups=groups)
    over = "videos" if num_groups is None else f"{num_groups} groups of videos"
    return (
        f"{title}Top-1 {100 * top1.value:.1f} % (95 % interval {100 * top1.low:.1f} to "
        f"{100 * top1.high:.1f}, over {over}) on {test.num_videos} test videos that were not "
        f"trained on, {test.protocol} views, in the league: {trained.settings.league}.\n"
    )


def _use(format: str) -> str:
    if format == "hub-folder":
        return (
            "## Use\n```\npip install semivideo\nsemivideo predict THIS_FOLDER video.mp4\n```\n"
            "Nothing of the folder is run: weights are safetensors, the card is JSON.\n"
        )
    runtime = "onnxruntime" if format == "onnx" else "torch"
    return (
        f"## Use\n```\npip install numpy opencv-python-headless {runtime}\n"
        "python run.py video.mp4\n```\n`preprocess.py` turns a video, or frames of a camera, into "
        f"what the network takes; `{FILE}` says the same as data.\n"
    )


def _preparation(card: ModelCard) -> str:
    if why_not_alone(card) is not None:
        return "## What is done to a video\nThe package does it; the card says how.\n"
    steps = "\n".join(f"{n}. {step}" for n, step in enumerate(described(card)["in_words"], start=1))
    return f"## What is done to a video\n{steps}\n"


def _compared(parity: Parity, *, format: str, precision: Precision) -> str:
    lines = [
        "## Beside the run",
        f"On {parity.num_videos} videos, middle clip and crop, largest difference of a "
        f"probability ({format}, weights in {precision} precision):",
        "",
        "| | largest difference | allowed | same class |",
        "|---|--:|--:|--:|",
        f"| network alone | {parity.network:.2g} | {parity.tolerance:g} | "
        f"{parity.network_top1} of {parity.num_videos} |",
    ]
    if parity.whole is not None:
        lines.append(
            f"| with `preprocess.py` | {parity.whole:.2g} | "
            f"{parity.tolerance + READER_TOLERANCE:g} | {parity.whole_top1} of "
            f"{parity.num_videos} |"
        )
    if parity.apart:
        lines += ["", f"{len(parity.apart)} of them are further apart or of another class."]
    return "\n".join(lines) + "\n"


def _limits(card: ModelCard) -> str:
    other = (
        "" if card.data.multi_label else " A video of none of the classes gets one all the same."
    )
    return (
        "## Meant for, and limits\n"
        "For videos like those it was trained on: same classes, places, cameras and people alike. "
        "Others were not tested, and the accuracy above says nothing of them."
        f"{other} Probabilities are not calibrated unless that was measured. Not for decisions "
        "about people without a person who looks.\n"
    )
