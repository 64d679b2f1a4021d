"""A tiny encoder, and a feature cache of six short videos."""

import pytest
import torch

from semivideo.data.catalogue.scanning import scan
from semivideo.data.video.barcodes import barcode_video
from semivideo.encoders.encoder import Encoder, Origin, Preprocessing
from semivideo.features.extract import Wanted, extract


class Grey(Encoder):
    """Mean of each channel, and of the left half alone: four numbers a frame."""

    name = "grey"
    dim = 4
    preprocessing = Preprocessing(16, 16, (0.5,) * 3, (0.25,) * 3)
    origin = Origin("nowhere", "ab" * 32, "nothing", "image weights", "none")

    def encode(self, clip_NCTHW):
        means = clip_NCTHW.mean(dim=(3, 4)).transpose(1, 2)
        left = clip_NCTHW[..., : clip_NCTHW.shape[-1] // 2].mean(dim=(1, 3, 4))
        return torch.cat([means, left[..., None]], dim=2)


@pytest.fixture
def grey():
    return Grey()


@pytest.fixture(scope="session")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    for number in range(6):
        place = folder / f"class{number % 2}"
        place.mkdir(exist_ok=True)
        barcode_video(place / f"{number}.mp4", 20 + 7 * number)
    return scan(folder)


@pytest.fixture
def cache(manifest, grey, tmp_path):
    return extract(manifest, tmp_path / "features", encoder=grey, wanted=Wanted(4, 3))
