"""What becomes of a frame before a network of a folder sees it: read from the folder's own file.

    preprocessor_config.json          of pictures, and of older video networks
    video_preprocessor_config.json    of videos
    processor_config.json             both, one inside of the other, beside a text part

The files say (x * factor - offset - mean) / std of levels x in [0, 255]; ours is (x / 255 - mean) /
std, so mean and deviation are turned into those of frames in [0, 1].
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from semivideo.base.checked import UnreadError, read_json
from semivideo.base.errors import CheckpointError
from semivideo.encoders.encoder import Channels, Preprocessing
from semivideo.models.hf_folder import MOST_PIXELS

IMAGE_FILE, VIDEO_FILE = "preprocessor_config.json", "video_preprocessor_config.json"
JOINT_FILE = "processor_config.json"
_KINDS = ("video_processor_type", "image_processor_type", "feature_extractor_type")
_FILTERS = {2: "bilinear", 3: "bicubic"}
"""Numbers of Pillow."""
_BICUBIC_KINDS = ("CLIP", "Siglip", "Bit", "LlavaOnevision")
"""Beginnings of names of processors that are bicubic where the file does not say."""
_MOST_BYTES = 1 << 20


def preprocessing_of(folder: Path, *, is_video: bool, num_frames: int | None) -> Preprocessing:
    """Read the preprocessing that belongs to the weights of a folder.

    Args:
        folder: As ``save_pretrained`` of transformers wrote it.
        is_video: Whether its network takes videos; their own file then goes first.
        num_frames: Frames that the network takes; None for any.

    Raises:
        CheckpointError: There is no such file, or it wants what cannot be done here.
    """
    file, content = _found(folder, is_video=is_video)

    def refused(what: str) -> CheckpointError:
        return CheckpointError(
            f"{file} {what}; put the processor file beside the weights that was published with "
            "them, or wrap the network as module:factory"
        )

    kind = next((str(content[key]) for key in _KINDS if content.get(key)), "")
    if not content.get("do_resize", True):
        raise refused("does not resize, and frames of videos have all sizes")
    crop = _crop(content)
    if kind.startswith("VJEPA2") and crop is not None:
        side, keeps_ratio = int(crop * 256 / 224), True  # its class overrides what the file says
    else:
        side, keeps_ratio = _resized(content.get("size"))
    crop = side if crop is None else crop
    if not 0 < crop <= side <= MOST_PIXELS:
        raise refused(
            f"says size {content.get('size')} and crop_size {content.get('crop_size')}, and a "
            "square crop of such frames cannot be made"
        )
    usual = 3 if kind.startswith(_BICUBIC_KINDS) else 2
    number = content.get("resample")
    interpolation = _FILTERS.get(usual if number is None else number)
    if interpolation is None:
        raise refused(f"says resample {number}, and only 2 (bilinear) and 3 (bicubic) are known")
    try:
        mean, std = _in_unit_range(content, kind)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        raise refused("says no usable image_mean, image_std and rescale_factor") from None
    return Preprocessing(crop, side, mean, std, num_frames, interpolation, keeps_ratio)  # type: ignore[arg-type]


def _found(folder: Path, *, is_video: bool) -> tuple[Path, dict[str, Any]]:
    """The file that counts, and what it says."""
    for name in (VIDEO_FILE, IMAGE_FILE, JOINT_FILE) if is_video else (IMAGE_FILE, JOINT_FILE):
        file = folder / name
        if not file.is_file():
            continue
        try:
            content = read_json(file, most_bytes=_MOST_BYTES)
        except (OSError, UnreadError) as error:
            raise CheckpointError(f"cannot read {file}: {error}; copy the folder again") from None
        if isinstance(content, dict) and name == JOINT_FILE:
            parts = ["video_processor", "image_processor"][0 if is_video else 1 :]
            content = next((content[part] for part in parts if content.get(part)), None)
        if isinstance(content, dict):
            return file, content
    raise CheckpointError(
        f"{folder} has no {IMAGE_FILE}{f' or {VIDEO_FILE}' if is_video else ''}, so nobody knows "
        "which pixels its weights were trained on; copy that file too"
    )


def _resized(size: Any) -> tuple[int, bool]:
    """Short side, and whether the ratio of sides is kept; (0, _) for what is not understood."""
    if isinstance(size, int):
        return size, True
    if not isinstance(size, dict):
        return 0, True
    sides = {key: value for key, value in size.items() if value is not None}
    if sides.keys() == {"shortest_edge"}:
        return _whole(sides["shortest_edge"]), True
    if sides.keys() == {"height", "width"} and sides["height"] == sides["width"]:
        return _whole(sides["height"]), False
    return 0, True


def _crop(content: dict[str, Any]) -> int | None:
    """Side of the square that is cut out; None where nothing is, 0 where it is not a square."""
    size = content.get("crop_size")
    if size is None or not content.get("do_center_crop", True):
        return None
    if isinstance(size, dict):
        return _whole(size.get("height")) if size.get("height") == size.get("width") else 0
    return _whole(size)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _in_unit_range(content: dict[str, Any], kind: str) -> tuple[Channels, Channels]:
    """Mean and deviation of frames in [0, 1]."""
    is_vivit = kind.startswith("Vivit")
    factor = float(content.get("rescale_factor") or (1 / 127.5 if is_vivit else 1 / 255))
    if not content.get("do_rescale", True):
        factor = 1.0
    mean, std = (0.0,) * 3, (1.0,) * 3
    if content.get("do_normalize", True):
        mean, std = _channels(content["image_mean"]), _channels(content["image_std"])
    offset = 1.0 if content.get("offset", is_vivit) else 0.0
    if min(std) <= 0 or factor <= 0:
        raise ValueError
    span = 255 * factor
    first, second = ([each / span for each in levels] for levels in ((*mean,), (*std,)))
    shifted = [each + offset / span for each in first]
    if not all(map(math.isfinite, (*shifted, *second))):
        raise ValueError
    return (shifted[0], shifted[1], shifted[2]), (second[0], second[1], second[2])


def _channels(value: Any) -> Channels:
    """Three numbers, of one or three."""
    numbers = [float(each) for each in value] if isinstance(value, list) else [float(value)] * 3
    red, green, blue = numbers
    return red, green, blue
