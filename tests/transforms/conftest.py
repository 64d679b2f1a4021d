from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from semivideo.base.records import Clips

SHARED_DATA = Path(__file__).parents[2].parent / "shared" / "data"


def frames_of(dataset: str, *, num_frames: int, side: int) -> NDArray[np.uint8]:
    folder = SHARED_DATA / dataset / "videos"
    if not folder.is_dir():
        pytest.skip(f"no real video in {folder}")
    path = sorted(folder.glob("*/*.mp4"))[100]
    with av.open(str(path)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    height, width = decoded[0].shape[:2]
    top, left = (height - side) // 2, (width - side) // 2
    return np.stack(decoded[:num_frames])[:, top : top + side, left : left + side]


def drawn_frames(*, num_frames: int, side: int) -> NDArray[np.uint8]:
    """Smooth gradients, a hard-edged square that moves, and mild noise, in colour."""
    y, x = np.mgrid[:side, :side] / side
    frames = np.stack([[x, y, (x + y) / 2]] * num_frames).transpose(0, 2, 3, 1) * 180 + 20
    for t in range(num_frames):
        frames[t, 10 + 5 * t : 40 + 5 * t, 20:50] = (230, 60, 120)
    noise = np.random.default_rng(0).normal(0, 3, frames.shape)
    return np.clip(frames + noise, 0, 255).astype(np.uint8)


@pytest.fixture(name="frames_THWC", scope="session", params=["drawn", "utd-mhad", "jhmdb"])
def square_frames(request: pytest.FixtureRequest) -> NDArray[np.uint8]:
    """Three square RGB frames (3, 112, 112, 3), drawn and from two sets of real video."""
    if request.param == "drawn":
        return drawn_frames(num_frames=3, side=112)
    return frames_of(request.param, num_frames=3, side=112)


@pytest.fixture
def clips_of() -> Callable[..., Clips]:
    """Make clips of random blocks of colour, valid in ``sizes`` and magenta in the padding."""

    def make(sizes: list[tuple[int, int]], *, num_frames: int = 4, seed: int = 0) -> Clips:
        generator = torch.Generator().manual_seed(seed)
        height, width = (max(side) for side in zip(*sizes, strict=True))
        coarse = torch.rand(len(sizes), num_frames * 3, 8, 8, generator=generator) * 255
        smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
        frames = smooth.to(torch.uint8).view(len(sizes), num_frames, 3, height, width)
        magenta = torch.tensor([255, 0, 255], dtype=torch.uint8).view(3, 1, 1)
        for clip, (valid_height, valid_width) in zip(frames, sizes, strict=True):
            clip[..., valid_height:, :] = magenta
            clip[..., :, valid_width:] = magenta
        draw = torch.randint(2**62, (len(sizes),), generator=generator)
        number = torch.arange(len(sizes))
        return Clips({"primary": frames}, torch.tensor(sizes), number, draw)

    return make
