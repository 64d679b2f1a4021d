"""What a network of a folder sees are the pixels that its own processor makes, family by family.

Where the processor needs torchvision its documented steps are done here with Pillow or, for DINOv3,
which resizes numbers in [0, 1], with torch. The tall video is not narrower: there Pillow resizes
columns before rows, other than torchvision and older versions of its own.
"""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from semivideo.base.records import Clips, ClipSpec
from semivideo.data.catalogue.scanning import scan
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.encoders.families import FAMILIES
from semivideo.encoders.processor_file import preprocessing_of
from semivideo.features.feature_form import reading_settings, view_settings
from semivideo.settings import DataSettings, ViewSettings
from semivideo.transforms import Views
from tests.encoders.tiny_folders import FOLDERS

transformers = pytest.importorskip("transformers", reason="needs the extra hf")
T = 2
CLASSES = {
    "CLIPImageProcessor": "CLIPImageProcessorPil",
    "SiglipImageProcessor": "SiglipImageProcessorPil",
    "BitImageProcessor": "BitImageProcessorPil",
    "VideoMAEImageProcessor": "VideoMAEImageProcessorPil",
    "VivitImageProcessor": "VivitImageProcessor",
}
LEVELS = {"dinov3_vit": 1.0}  # it rounds nothing between resizing and normalising
"""Largest difference in levels of [0, 255] of a channel; 2 where nothing else is said."""


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Frames of a wide and a tall video as lossless pictures, and a manifest of the two."""
    root, generator = tmp_path_factory.mktemp("videos"), np.random.default_rng(0)
    every = []
    for name, size in (("wide", (131, 85)), ("tall", (80, 103))):
        folder = root / "a" / name
        folder.mkdir(parents=True)
        coarse = generator.integers(0, 256, (T, 24, 30, 3), dtype=np.uint8)
        frames = [Image.fromarray(each).resize(size, Image.Resampling.BICUBIC) for each in coarse]
        for number, frame in enumerate(frames):
            frame.save(folder / f"{number + 1:06}.png")
        every.append(frames)
    return scan(root), dict(zip(("wide", "tall"), every, strict=True))


def ours(manifest, row, preprocessing, *, deployed):
    """Pixels as features are made of them, or as the deployed network sees them."""
    settings = DataSettings(**reading_settings(preprocessing))
    reader = ClipReader(manifest, {"s": ClipSpec(T, 1)}, settings=settings)
    frames = torch.from_numpy(reader.testing(row, num_clips=1, stream="s"))
    size = torch.tensor([frames.shape[-2:]])
    views = Views(ViewSettings(**view_settings(preprocessing, flip=False)))
    side, scale = preprocessing.crop_size, preprocessing.short_side / preprocessing.crop_size
    if deployed:
        return views.test_crops(frames, size, num_crops=1, crop_size=side, scale=scale)[0, 0]
    number = torch.zeros(1, dtype=torch.int64)
    return views.weak(Clips({"s": frames}, size, number, number), "s")[0]


def theirs(model_type, frames):
    """Pixels (3, T, side, side) of the family's processor, or of its documented steps."""
    content = dict(FOLDERS[model_type].processor)
    kind = content.pop("image_processor_type", None) or content.pop("video_processor_type")
    if kind in CLASSES:
        processor = getattr(transformers, CLASSES[kind])(**content)
        found = processor([np.asarray(frame) for frame in frames], return_tensors="pt")
        return found["pixel_values"].reshape(T, 3, 32, 32).transpose(0, 1).float()
    filter = Image.Resampling(content["resample"])
    if kind == "VJEPA2VideoProcessor":
        short, crop = int(32 * 256 / 224), 32
        width, height = frames[0].size
        shrunk = [
            frame.resize([short * side // min(width, height) for side in frame.size], filter)
            for frame in frames
        ]
        left, top = (shrunk[0].width - crop) // 2, (shrunk[0].height - crop) // 2
        resized = [frame.crop((left, top, left + crop, top + crop)) for frame in shrunk]
    elif kind == "LlavaOnevisionVideoProcessor":
        resized = [frame.resize((32, 32), filter) for frame in frames]
    else:
        assert kind == "DINOv3ViTImageProcessor"
        levels = torch.from_numpy(np.stack(list(map(np.asarray, frames)))).movedim(-1, 1) / 255
        pixels = torch.nn.functional.interpolate(levels, (32, 32), mode="bilinear", antialias=True)
    if kind != "DINOv3ViTImageProcessor":
        pixels = torch.from_numpy(np.stack(list(map(np.asarray, resized)))).movedim(-1, 1) / 255
    if content["do_normalize"]:
        mean, std = (torch.tensor(content[f"image_{key}"]) for key in ("mean", "std"))
        pixels = (pixels - mean[:, None, None]) / std[:, None, None]
    return pixels.transpose(0, 1)


@pytest.mark.parametrize("model_type", list(FOLDERS))
def test_pixels__are_those_of_the_familys_processor(model_type, videos, tmp_path, capsys):
    manifest, frames = videos
    given = FOLDERS[model_type]
    (tmp_path / given.file).write_text(json.dumps(given.processor))
    is_video = FAMILIES[model_type].is_video
    preprocessing = preprocessing_of(tmp_path, is_video=is_video, num_frames=None)
    largest = 0.0
    for row, id in enumerate(manifest.ids):
        wanted = theirs(model_type, frames[id.rpartition("/")[2]])
        for deployed in (False, True):
            found = ours(manifest, row, preprocessing, deployed=deployed)
            assert found.shape == wanted.shape == (3, T, 32, 32)
            std = torch.tensor(preprocessing.std)[:, None, None, None]
            largest = max(largest, float(((found - wanted) * 255 * std).abs().max()))
    with capsys.disabled():
        sys.stdout.write(f"\n{model_type}: pixels differ by at most {largest:.2f} of 255 levels")
    assert largest <= LEVELS.get(model_type, 2.01)
