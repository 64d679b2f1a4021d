"""What an image classifier says of the middle frame of each video, for ``method.teacher``.

import semivideo
from semivideo.evaluation import cache_image_logits

videos = semivideo.scan("videos/")
cache_image_logits(classifier, videos, "image-logits.npz")
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from semivideo.base.errors import ConfigError, DataError
from semivideo.base.progress import Progress
from semivideo.base.records import ClipSpec
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.methods.parts.image_logits import write_image_logits
from semivideo.settings import DataSettings, ViewSettings
from semivideo.transforms import Views

_LOG = logging.getLogger("semivideo")
_STREAM = "image"

Channels = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ImageInput:
    """What an image classifier wants; the values are those of most ImageNet classifiers.

    Attributes:
        crop_size: Side of the centre crop in pixels.
        short_side: Short side of the frame before the crop in pixels, >= ``crop_size``.
        mean: Of each channel of frames in [0, 1], subtracted.
        std: Deviation of each channel, divided by.
    """

    crop_size: int = 224
    short_side: int = 256
    mean: Channels = (0.485, 0.456, 0.406)
    std: Channels = (0.229, 0.224, 0.225)


IMAGENET = ImageInput()


@torch.no_grad()
def cache_image_logits(
    classifier: nn.Module,
    manifest: Manifest,
    out: str | Path,
    *,
    wants: ImageInput = IMAGENET,
    batch_images: int = 32,
    progress: Progress | None = None,
) -> Path:
    """Write the logits of an image classifier on the middle frame of every video.

    A video that cannot be read gets a warning and a row of zeros, for which all classes are alike;
    training cannot draw it either.

    Args:
        classifier: Maps images (N, 3, side, side), ``wants.crop_size`` on a side, to logits (N, K);
            put in evaluation mode, left on its device.
        manifest: The videos.
        out: The file, which must end in .npz; replaced if it exists.
        wants: How its images are cut and scaled.
        batch_images: Images in a forward pass, >= 1.
        progress: Called after each batch.

    Returns:
        ``out`` as a path.

    Raises:
        ConfigError: The sizes do not fit each other.
        DataError: No video can be read, ``out`` has another ending, or the classifier gives
            anything but finite numbers (N, K).
        WriteError: The file cannot be written.
    """
    crop_size, short_side = wants.crop_size, wants.short_side
    if short_side < crop_size or batch_images < 1:
        raise ConfigError(
            f"short_side = {short_side} must be at least crop_size = {crop_size}, and batch_images "
            f"= {batch_images} at least 1; raise the one that is too small"
        )
    reader = ClipReader(
        manifest, {_STREAM: ClipSpec(1, 1)}, settings=DataSettings(short_side=short_side)
    )
    views = Views(ViewSettings(crop_size=crop_size, mean=wants.mean, std=wants.std))
    device = next(classifier.parameters(), torch.empty(0)).device
    classifier.eval()
    answers: dict[int, Tensor] = {}
    for start in range(0, len(manifest), batch_images):
        rows = range(start, min(start + batch_images, len(manifest)))
        images = {row: _image(reader, row, views, scale=short_side / crop_size) for row in rows}
        read = {row: image for row, image in images.items() if image is not None}
        if read:
            logits_NK = classifier(torch.stack(list(read.values())).to(device))
            answers |= zip(read, _checked(logits_NK, len(read)), strict=True)
        if progress is not None:
            progress("image logits", rows.stop, len(manifest), "")
    if not answers:
        raise DataError("no video of the manifest can be read; are they still where they were?")
    logits_VK = np.zeros((len(manifest), len(next(iter(answers.values())))), dtype=np.float32)
    logits_VK[list(answers)] = torch.stack(list(answers.values())).numpy()
    write_image_logits(Path(out), manifest.ids, logits_VK)
    return Path(out)


def _image(reader: ClipReader, row: int, views: Views, *, scale: float) -> Tensor | None:
    """The normalised middle frame of a video, (3, side, side), or None if it cannot be read."""
    try:
        clip = torch.from_numpy(reader.testing(row, num_clips=1, stream=_STREAM))
    except DataError as error:
        _LOG.warning("no image logits of %s: %s", reader.manifest[row].id, error)
        return None
    size = torch.tensor([clip.shape[-2:]])
    side = views.settings.crop_size
    return views.test_crops(clip, size, num_crops=1, crop_size=side, scale=scale)[0, 0, :, 0]


def _checked(logits_NK: Tensor, num_images: int) -> Tensor:
    """Float32 logits on the CPU."""
    if logits_NK.ndim != 2 or len(logits_NK) != num_images or not logits_NK.isfinite().all():
        raise DataError(
            f"the classifier gives {tuple(logits_NK.shape)} for {num_images} images, or numbers "
            "that are not finite; it must map images (N, 3, H, W) to finite logits (N, K)"
        )
    return logits_NK.float().cpu()
