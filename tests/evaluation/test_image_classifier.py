import logging

import numpy as np
import pytest
import torch
from torch import nn

from semivideo.base.errors import ConfigError, DataError
from semivideo.data.video.decode import read_frames
from semivideo.evaluation import ImageInput, cache_image_logits
from semivideo.methods.parts.image_logits import read_image_logits

OPTIONS = {"wants": ImageInput(16, 16, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))}


class Means(nn.Module):
    """Logits are the mean of each channel and one number that training mode would change."""

    def forward(self, images):
        assert not torch.is_grad_enabled()
        return torch.cat([images.mean((2, 3)), torch.ones(len(images), 1) * self.training], dim=1)


@pytest.mark.parametrize("batch_images", [1, 3, 32])
def test_cache_image_logits__asks_about_the_middle_frame(manifest, tmp_path, caplog, batch_images):
    out = tmp_path / "logits.npz"
    with caplog.at_level(logging.WARNING, "semivideo"):
        assert cache_image_logits(Means(), manifest, out, batch_images=batch_images, **OPTIONS)
    found = read_image_logits(out, manifest.ids)
    row = manifest.row_of("walk/c.mp4")  # square: the crop is the whole frame
    video = manifest[row]
    middle = (video.num_frames - 1) // 2
    frame = read_frames(manifest.absolute(row), [middle], frames=video.frames, short_side=16)[0]
    expected = (frame.reshape(-1, 3).mean(0) / 255 - 0.5) / 0.25
    np.testing.assert_allclose(found[row, :3], expected, atol=1e-4)
    assert not found[:, 3].any()
    assert "no image logits of run/broken.mp4" in caplog.text
    assert not found[manifest.row_of("run/broken.mp4")].any()
    assert found.any(axis=1).sum() == 3


class Broken(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, images):
        return self.answer(images)


@pytest.mark.parametrize(
    "answer",
    [
        lambda images: images.mean((2, 3)) * torch.inf,
        lambda images: images.mean((1, 2, 3)),
        lambda images: images.mean((2, 3))[:1],
    ],
    ids=["not finite", "no classes", "too few"],
)
def test_cache_image_logits__refuses_what_are_no_logits(manifest, tmp_path, answer):
    with pytest.raises(
        DataError, match=r"must map images \(N, 3, H, W\) to finite logits \(N, K\)"
    ):
        cache_image_logits(Broken(answer), manifest, tmp_path / "a.npz", **OPTIONS)
    assert not list(tmp_path.iterdir())


def test_cache_image_logits__refuses_a_crop_larger_than_the_frame(manifest, tmp_path):
    with pytest.raises(ConfigError, match=r"short_side = 8 must be at least crop_size = 16"):
        cache_image_logits(Means(), manifest, tmp_path / "a.npz", wants=ImageInput(16, 8))
