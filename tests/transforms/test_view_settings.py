"""Settings that tie views and streams together or apart."""

import numpy as np
import pytest
import torch

from semivideo.base.errors import ConfigError
from semivideo.settings import Settings, ViewSettings
from semivideo.transforms import Views

SIZES = [(64, 85), (80, 60), (70, 70)] * 8


def views_of(**settings) -> Views:
    return Views(ViewSettings(crop_size=48, **settings))


def two_streams(clips_of):
    clips = clips_of(SIZES, num_frames=2)
    clips.frames["other"] = clips.frames["primary"]
    return clips


@pytest.mark.parametrize("weak", ["center", "standard"])
@pytest.mark.parametrize("standard", ["jitter", "resized"])
def test_strong_crop__weak_gives_the_weak_view_where_nothing_distorts_it(clips_of, weak, standard):
    clips = clips_of(SIZES, num_frames=2)
    views = views_of(
        strong_crop="weak", weak=weak, standard=standard, randaugment_ops=0, cutout=0.0
    )
    assert torch.equal(views.strong(clips, "primary"), views.weak(clips, "primary"))


def test_strong_crop__weak_shares_place_and_flip_when_distorted(clips_of):
    clips = clips_of(SIZES)
    views = views_of(strong_crop="weak", weak="standard")
    weak, strong = (views.sample(kind, clips, stream="primary") for kind in ("weak", "strong"))
    assert (weak.box == strong.box).all()
    assert (weak.flip == strong.flip).all()
    assert 0 < weak.flip.sum() < len(SIZES)
    assert strong.operation.shape[1] == 2
    assert (views.weak(clips, "primary") - views.strong(clips, "primary")).abs().mean() > 0.1


def test_strong_crop__is_its_own_by_default(clips_of):
    clips = clips_of(SIZES)
    views = views_of(weak="standard")
    weak, strong = (views.sample(kind, clips, stream="primary") for kind in ("weak", "strong"))
    assert (weak.box != strong.box).any(axis=1).sum() > 20
    assert (weak.flip != strong.flip).any()


@pytest.mark.parametrize("kind", ["standard", "weak", "strong"])
@pytest.mark.parametrize("strong_crop", ["own", "weak"])
def test_shared_crop__says_whether_streams_are_cropped_alike(clips_of, kind, strong_crop):
    clips = two_streams(clips_of)
    for is_shared in (True, False):
        views = views_of(shared_crop=is_shared, weak="standard", strong_crop=strong_crop)
        a, b = (views.sample(kind, clips, stream=name) for name in ("primary", "other"))
        assert (a.box == b.box).all() == is_shared
        assert (a.flip == b.flip).all() == is_shared
        again = views.sample(kind, clips, stream="other")
        assert (again.box == b.box).all()


def test_shared_crop__off_still_ties_strong_to_weak_within_a_stream(clips_of):
    clips = two_streams(clips_of)
    views = views_of(shared_crop=False, weak="standard", strong_crop="weak")
    for stream in clips.frames:
        weak, strong = (views.sample(kind, clips, stream=stream) for kind in ("weak", "strong"))
        assert (weak.box == strong.box).all()
        assert (weak.flip == strong.flip).all()


def test_gradient_uint8__rounds_before_the_crop(clips_of):
    clips = clips_of(SIZES, num_frames=2)
    rgb, successor = clips.frames["primary"], clips.frames["primary"].roll(1, 1)
    clips.frames["gradient"] = torch.cat([rgb, successor], dim=2)
    whole = (rgb.numpy().astype(float) - successor.numpy() + 255) / 2
    clips.frames["file"] = torch.from_numpy(whole.astype(np.uint8))
    exact, rounded = views_of(), views_of(gradient_uint8=True)
    found = rounded.standard(clips, "gradient")
    assert torch.equal(found, rounded.standard(clips, "file"))
    lost = exact.standard(clips, "gradient") - found
    assert 0 < lost.max() <= 0.5 / 255 / 0.225 + 1e-4  # at most half a level, never gained
    assert lost.min() >= -1e-4


def test_gradient_uint8__leaves_colors_alone(clips_of):
    clips = clips_of(SIZES, num_frames=2)
    a, b = (views_of(gradient_uint8=on).strong(clips, "primary") for on in (True, False))
    assert torch.equal(a, b)


@pytest.mark.parametrize("gradient_uint8", [False, True])
def test_motion_contrast__stretches_gradients_about_the_grey_of_no_motion(clips_of, gradient_uint8):
    clips = clips_of(SIZES, num_frames=2)
    rgb, successor = clips.frames["primary"], clips.frames["primary"].roll(1, 1)
    clips.frames["gradient"] = torch.cat([rgb, successor], dim=2)
    plain, strong = (
        views_of(gradient_uint8=gradient_uint8, motion_contrast=contrast) for contrast in (1.0, 3.0)
    )
    levels = (plain.standard(clips, "gradient").numpy() * 0.225 + 0.45) * 255
    expected = np.clip((levels - 127.5) * 3 + 127.5, 0, 255)
    assert (expected == 255).any()
    found = (strong.standard(clips, "gradient").numpy() * 0.225 + 0.45) * 255
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert torch.equal(plain.standard(clips, "primary"), strong.standard(clips, "primary"))


def test_motion_contrast__stretches_flow_and_leaves_what_stands_still(clips_of):
    clips = clips_of([(64, 85)], num_frames=2)
    clips.frames["still"] = torch.full((1, 2, 2, 64, 85), 128, dtype=torch.uint8)
    clips.frames["right"] = torch.full((1, 2, 2, 64, 85), 128, dtype=torch.uint8)
    clips.frames["right"][:, :, 0] = 138
    views = views_of(motion_contrast=5.0)
    still, right = views.weak(clips, "still"), views.weak(clips, "right")
    torch.testing.assert_close(still, torch.full_like(still, 0.05 / 0.225))
    levels = (right.mean(dim=(0, 2, 3, 4)) * 0.225 + 0.45) * 255
    np.testing.assert_allclose(levels, [177.5, 127.5, 177.5], atol=0.01)


@pytest.mark.parametrize("deviation", [0, -0.2, 1e-9])
def test_std__that_cannot_be_divided_by_is_refused_where_it_is_set(deviation):
    settings = Settings.from_mapping({"method": {"name": "supervised"}})
    sentence = r"views\.std\.1 = .* is not allowed: input should be greater .* equal to 0\.001"
    with pytest.raises(ConfigError, match=sentence):
        settings.updated({"views.std": (0.2, deviation, 0.2)})
