"""A network that sees whether it is bright, and a video in which it is from 4 to 8 seconds."""

import numpy as np
import pytest
import torch

from semivideo.data.video.encode import encode
from semivideo.evaluation import Recognizer
from semivideo.run.intervals import long_video
from semivideo.settings import ModelCard

RATE = 10
TRUTH = "path,label,start,end\nfilm.mp4,bright,4,8\nfilm.mp4,dark,0,4\nfilm.mp4,dark,8,12\n"
CARD = {
    "network": {"name": "none", "num_frames": 4, "stride_frames": 1},
    "classes": ["bright", "dark"],
    "data": {"short_side": 32, "sampling": "segments"},
    "views": {"crop_size": 16},
    "evaluation": {"num_clips": 1, "num_crops": 1},
    "method": "none",
    "weights_sha256": "0" * 64,
}


class Brightness(torch.nn.Module):
    """Logits of bright and dark from the mean level."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(4.0))
        self.num_seen = 0

    def forward(self, clip_NCTHW):
        self.num_seen += len(clip_NCTHW)
        level = clip_NCTHW.mean(dim=(1, 2, 3, 4))
        return self.scale * torch.stack([level, -level], dim=1)


@pytest.fixture
def network(monkeypatch):
    """The network, which the next call loads whatever run is named."""
    network = Brightness()
    card = ModelCard.model_validate(CARD)
    monkeypatch.setattr(long_video, "load", lambda path: Recognizer(network, card))
    return network


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """Twelve seconds: dark, bright from 4 to 8 s, dark."""
    file = tmp_path_factory.mktemp("film") / "film.mp4"
    levels = [30] * 40 + [220] * 40 + [30] * 40
    frames = (np.full((48, 64, 3), level, dtype=np.uint8) for level in levels)
    encode(file, frames, frame_rate=RATE, options={"g": "12"})
    return file
