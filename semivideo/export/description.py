"""``preprocessing.json``: all that has to be done to a video before the network, and after it.

``alone.preprocess`` and ``alone.run`` do what it says; the words for it in prose stand in it too.
"""

from __future__ import annotations

from typing import Any

from semivideo.evaluation.protocols import crop_side, protocol_name
from semivideo.export.graph import CLIPS, LOGITS, PROBABILITIES
from semivideo.settings import ModelCard

FILE = "preprocessing.json"


def why_not_alone(card: ModelCard) -> str | None:
    """Say why the code beside exported networks cannot feed a network; None where it can.

    Args:
        card: Of the network.
    """
    if card.features is not None and (card.features.is_whole or card.features.parts):
        return f"a network on {card.features.encoder} looks at whole videos, with its own readers"
    if card.network.modality != "rgb":
        return f"this network sees {card.network.modality} of frames, and none but colours are made"
    return None


def described(card: ModelCard) -> dict[str, Any]:
    """Return the content of the file.

    Args:
        card: Of the network.
    """
    data, test, views = card.data, card.evaluation, card.views
    network, side = card.network, crop_side(card.evaluation, card.views)
    several = data.multi_label
    thresholds = card.thresholds or [0.5] * len(card.classes)
    return {
        "format": 1,
        "classes": list(card.classes),
        "several": several,
        "thresholds": thresholds if several else None,
        "num_clips": test.num_clips,
        "num_frames": network.num_frames,
        "stride_frames": network.stride_frames,
        "sampling": data.sampling,
        "past_end": data.past_end,
        "frame_rate": data.frame_rate,
        "short_side": data.short_side,
        "resize": data.resize,
        "keep_ratio": data.keep_ratio,
        "crop_side": side,
        "scale": test.scale,
        "num_crops": test.num_crops,
        "mean": list(views.mean),
        "std": list(views.std),
        "average": test.average,
        "input": {
            "name": CLIPS,
            "dtype": "float32",
            "shape": ["views", 3, network.num_frames, side, side],
            "order": "views, channels (red, green, blue), frames, rows, columns",
            "levels": "(level / 255 - mean) / std",
        },
        "outputs": [
            {"name": name, "dtype": "float32", "shape": ["views", len(card.classes)]}
            for name in (LOGITS, PROBABILITIES)
        ],
        "in_words": _in_words(card, side),
    }


def _in_words(card: ModelCard, side: int) -> list[str]:
    """The same for people, a step a line."""
    data, test, network = card.data, card.evaluation, card.network
    rate = "" if data.frame_rate is None else f" after resampling to {data.frame_rate:g} per second"
    clip = f"{network.num_frames} neighbouring frames, {network.stride_frames} apart"
    if data.sampling == "segments":
        clip = f"{network.num_frames} frames, one of each of as many equal parts of the video"
    size = f"shrink frames by area to a short side of {data.short_side} pixels, if it is longer"
    if data.resize != "area":
        what = "whole frames to a square" if not data.keep_ratio else "frames to a short side"
        size = f"resize {what} of {data.short_side} pixels, {data.resize}, antialiased as Pillow"
    crops = "the middle" if test.num_crops == 1 else "both ends and the middle"
    share = "sigmoid, each class by itself" if data.multi_label else "softmax"
    return [
        f"take {test.num_clips} clips spread over the video{rate}; each is {clip}",
        f"{size}; cut the long side to twice the short one",
        f"scale the short side to {round(test.scale * side)} and crop squares of {side} at "
        f"{crops} of the longer side",
        "levels in RGB: (level / 255 - mean) / std",
        f"protocol {protocol_name(test)}: average the {test.average} of all views; probabilities "
        f"are logits through {share}",
    ]
