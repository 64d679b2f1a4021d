"""Three small encoded videos, a manifest of them with one broken file, and small networks."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from semivideo import models
from semivideo.base.records import Video
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.video.decode import probe
from semivideo.data.video.encode import encode
from semivideo.evaluation import Recognizer
from semivideo.settings import ModelCard

CLASSES = ["run", "swim", "walk"]
SIZES = {"walk/a.mp4": (30, 40), "run/b.mp4": (48, 32), "walk/c.mp4": (32, 32)}


def make_card(**sections) -> ModelCard:
    """A card of a tiny network: 2 frames, stride 4, crops of 16, protocol 2x3."""
    given = {
        "network": {"name": "resnet3d10", "num_frames": 2, "stride_frames": 4},
        "classes": CLASSES,
        "data": {"short_side": 32},
        "views": {"crop_size": 14},
        "evaluation": {"num_clips": 2, "num_crops": 3, "batch_clips": 4},
        "method": "supervised",
        "weights_sha256": "",
    }
    given["network"]["options"] = {"width": 0.125, "dropout": 0.5}
    for name, changes in sections.items():
        given[name] = given[name] | changes
    return ModelCard.model_validate(given)


def make_network(seed: int = 0) -> torch.nn.Module:
    """A network with batch norm whose classes differ clearly: its last layer is not tiny."""
    torch.manual_seed(seed)
    network = models.create("resnet3d10", len(CLASSES), width=0.125, dropout=0.5)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.ones_(module.weight)
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight, std=1.0)
    return network


def make_recognizer(*, precision: str = "fp32", **sections) -> Recognizer:
    return Recognizer(make_network(), make_card(**sections), precision=precision)


def make_clips(num_videos: int, *, num_clips: int = 2, seed: int = 0) -> list[np.ndarray]:
    """Raw clips of videos of different sizes."""
    rng = np.random.default_rng(seed)
    shape = [(num_clips, 2, 3, 20 + 3 * i, 40 - 4 * i) for i in range(num_videos)]
    return [rng.integers(0, 256, size=s, dtype=np.uint8) for s in shape]


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    """A folder of three videos, 20 to 30 frames of moving noise, and a text file named mp4."""
    root = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    for number, (name, (height, width)) in enumerate(SIZES.items()):
        (root / name).parent.mkdir(exist_ok=True)
        coarse = rng.integers(0, 256, size=(height // 2, width // 2, 3), dtype=np.uint8)
        frame = coarse.repeat(2, axis=0).repeat(2, axis=1)
        frames = [np.roll(frame, shift, axis=1) for shift in range(20 + 5 * number)]
        encode(root / name, frames, frame_rate=25)
    (root / "run/broken.mp4").write_text("this is no video")
    return root


@pytest.fixture(scope="session")
def manifest(videos):
    rows = []
    for name in [*SIZES, "run/broken.mp4"]:
        label = name.partition("/")[0]
        found = probe(videos / name) if name in SIZES else probe(videos / "walk/a.mp4")
        sizes = (found.width, found.height, found.frame_rate, found.rotation, found.frames)
        rows.append(Video(name, name, label, None, *sizes))
    return Manifest.from_videos(rows, root=videos)


@pytest.fixture
def kit():
    """Builders, since test folders are not importable packages."""
    return SimpleNamespace(
        classes=CLASSES,
        ids=list(SIZES),
        card=make_card,
        network=make_network,
        recognizer=make_recognizer,
        clips=make_clips,
    )
