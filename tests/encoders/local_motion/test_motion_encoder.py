"""The encoder: plain, mirrored and strong views of a video, and clips of pixels."""

import numpy as np
import pytest
import torch

from semivideo.base.errors import ConfigError
from semivideo.encoders import load_encoder
from semivideo.encoders.local_motion import LocalMotion, describe


@pytest.fixture
def encoder(codebook):
    return LocalMotion(codebook)


def test_views__the_mirror_is_that_of_the_mirrored_video(squares, encoder):
    moving, clip_of = squares
    video = moving(2, 0)
    plain, turned = describe(clip_of(video)), describe(clip_of(video[:, :, ::-1].copy()))
    ours, theirs = encoder.weak(plain, mirror=True), encoder.weak(turned, mirror=False)
    other = np.linalg.norm(encoder.weak(plain, mirror=False) - theirs)
    assert np.linalg.norm(ours - theirs) < 0.4 * other


def test_views__strong_ones_are_a_function_of_their_key(squares, encoder):
    moving, clip_of = squares
    found = describe(clip_of(moving(2, 0)))
    one, again, other = (encoder.strong(found, draw, flip=False) for draw in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert one.shape == (1, 256)


def test_encode__a_clip_of_pixels_is_a_video_of_one_window(squares, encoder):
    moving, clip_of = squares
    pairs = clip_of(moving(2, 0))
    clip = torch.from_numpy(pairs.frames).flatten(0, 1).transpose(0, 1)[None].float() / 255
    found = encoder(clip)
    assert found.shape == (1, 1, 256)
    np.testing.assert_array_equal(found[0].numpy(), encoder.weak(describe(pairs), mirror=False))


def test_load__by_name_alone_is_refused():
    with pytest.raises(ConfigError, match="local_motion is learned from videos and has no weights"):
        load_encoder("local_motion")
