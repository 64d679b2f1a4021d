"""Six channels become a temporal gradient, two become flow; NumPy says how."""

import numpy as np
import pytest
import torch

from semivideo.settings import ViewSettings
from semivideo.transforms import Views
from semivideo.transforms.modality import network_levels, rounded_gradient, temporal_gradient
from semivideo.transforms.spatial import plain_crop, view_to_canvas, warp

EVERY_LEVEL = np.arange(256, dtype=np.uint8)
PAIRS = np.stack(np.meshgrid(EVERY_LEVEL, EVERY_LEVEL))  # all 65536 pairs of levels


@pytest.fixture
def six_channels():
    """(3, 2, 6, 24, 30), random levels."""
    return torch.randint(0, 256, (3, 2, 6, 24, 30), generator=torch.Generator().manual_seed(0)).to(
        torch.uint8
    )


def test_temporal_gradient__equals_numpy_for_every_pair_of_levels():
    frame, successor = torch.from_numpy(PAIRS).float()
    found = temporal_gradient(frame, successor).numpy()
    assert (found == (PAIRS[0].astype(float) - PAIRS[1].astype(float) + 255) / 2).all()
    assert found.min() == 0
    assert found.max() == 255
    assert (found.diagonal() == 127.5).all()


def test_rounded_gradient__equals_the_truncation_of_files_on_disk():
    """LTG wrote uint8((x_t - x_{t+1} + 255) / 2), which NumPy cuts to whole levels."""
    frames = torch.from_numpy(PAIRS).view(1, 1, 2, 256, 256).repeat_interleave(3, dim=2)
    found = rounded_gradient(frames)
    expected = ((PAIRS[0].astype(float) - PAIRS[1] + 255) / 2).astype(np.uint8)
    assert found.dtype == torch.uint8
    assert found.shape == (1, 1, 3, 256, 256)
    assert (found[0, 0].numpy() == expected).all()


def test_network_levels__compare_each_color_with_its_own_successor(six_channels):
    levels = network_levels(six_channels.float(), torch.zeros(3, dtype=torch.bool)).numpy()
    raw = six_channels.numpy().astype(float)
    for color in range(3):
        expected = (raw[:, :, color] - raw[:, :, color + 3] + 255) / 2
        np.testing.assert_allclose(levels[:, :, color], expected)


def test_network_levels__leave_colors_as_they_are():
    colors = torch.rand(2, 3, 3, 4, 4)
    assert network_levels(colors, torch.tensor([True, False])) is colors


def test_network_levels__turn_horizontal_flow_when_mirrored():
    """Levels 138 and 118: ten to the right and ten up, 14.14 long."""
    flow = torch.tensor([138.0, 118.0]).view(1, 1, 2, 1, 1).repeat(2, 1, 1, 1, 1)
    levels = network_levels(flow, torch.tensor([False, True])).view(2, 3)
    length = 127.5 + np.sqrt(200)
    expected = [[137.5, 117.5, length], [117.5, 117.5, length]]
    np.testing.assert_allclose(levels.numpy(), expected, rtol=1e-6)


def test_network_levels__show_no_flow_as_the_gradient_shows_no_motion():
    still = torch.full((1, 1, 2, 3, 3), 128.0)
    assert (network_levels(still, torch.tensor([True])) == 127.5).all()
    fastest = network_levels(torch.tensor([1.0, 255.0]).view(1, 1, 2, 1, 1), torch.tensor([False]))
    assert fastest.flatten().tolist() == [0.5, 254.5, 255.0]


def test_network_levels__gradient_of_crops_is_the_crop_of_gradients(six_channels):
    box = np.array([[2.5, 3.25, 14.0, 14.0], [0.0, 1.0, 20.0, 20.0], [4.0, 4.0, 16.0, 16.0]])
    flip = np.array([True, False, True])
    matrix, size = view_to_canvas(box, side=16, flip=flip)[:, None], np.array([[24, 30]] * 3)
    mirrored = torch.from_numpy(flip)
    crops = warp(six_channels, matrix, size=size, side=16)
    frames = six_channels.float()
    gradients = temporal_gradient(frames[:, :, :3], frames[:, :, 3:])
    expected = warp(gradients, matrix, size=size, side=16)
    torch.testing.assert_close(network_levels(crops, mirrored), expected, rtol=0, atol=1e-3)


def test_views__mirror_the_flow_they_crop(clips_of):
    """A mirrored view of flow is the mirror image with the other horizontal sign."""
    views = Views(ViewSettings(crop_size=24))
    frames = clips_of([(32, 40)]).frames["primary"][:, :, :2].clamp(min=1)
    clips = clips_of([(32, 40)])
    clips.frames["flow"] = frames
    drawn = views.sample("standard", clips, stream="flow")
    straight, mirrored = drawn[[0]], drawn[[0]]
    straight.flip[:], mirrored.flip[:] = False, True
    a, b = views.apply(frames, straight), views.apply(frames, mirrored).flip(-1)
    middle = 2 * (127.5 / 255 - 0.45) / 0.225
    torch.testing.assert_close(b[:, 0], middle - a[:, 0], rtol=0, atol=1e-3)
    torch.testing.assert_close(b[:, 1:], a[:, 1:], rtol=0, atol=1e-3)


def test_views__of_a_gradient_have_three_channels(six_channels, clips_of):
    clips = clips_of([(24, 30)] * 3)
    clips.frames["gradient"] = six_channels
    views = Views(ViewSettings(crop_size=16, jitter_scale=(1.5, 1.5), weak_scale=1.5))
    for kind in (views.standard, views.weak, views.strong):
        assert kind(clips, "gradient").shape == (3, 3, 2, 16, 16)
    box = views.sample("weak", clips, stream="gradient").box
    crop = plain_crop(six_channels, box, side=16)  # 1.5 x 16 is the canvas: nothing to resample
    gradient = (crop[:, :, :3] - crop[:, :, 3:] + 255) / 2
    expected = (gradient / 255 - 0.45) / 0.225
    found = views.weak(clips, "gradient").transpose(1, 2)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("changes", [{}, {"motion_contrast": 3.0}, {"gradient_uint8": True}])
def test_test_crops__of_motion_are_its_centre_views(six_channels, clips_of, changes):
    clips = clips_of([(24, 30)] * 3)
    clips.frames |= {"gradient": six_channels, "flow": six_channels[:, :, :2].clamp(min=1)}
    views = Views(ViewSettings(crop_size=16, weak_scale=1.25, **changes))
    for name in ("gradient", "flow"):
        frames = clips.frames[name]
        crops = views.test_crops(frames, clips.size, num_crops=1, crop_size=16, scale=1.25)
        torch.testing.assert_close(crops[:, 0], views.center(clips, name), rtol=0, atol=1e-4)
        three = views.test_crops(frames, clips.size, num_crops=3, crop_size=16, scale=1.25)
        torch.testing.assert_close(three[:, 1], crops[:, 0], rtol=0, atol=1e-4)
