"""TSM: the shift against NumPy, the network against 2D ResNets."""

import numpy as np
import pytest
import torch

from semivideo.base.errors import ConfigError
from semivideo.models import NETWORKS, TSM
from semivideo.models.tsm import TemporalShift

# One clip of 8 channels, 3 frames of one pixel: channel c of frame t is 10 c + t + 1.
TABLE = np.array([[10 * c + t + 1 for t in range(3)] for c in range(8)], dtype=np.float32)
TINY = {"width": 1 / 8, "dropout": 0.0}


def as_clip(table: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(table)[None, :, :, None, None]


def test_shift__moves_an_eighth_each_way_and_fills_with_zeros():
    expected = TABLE.copy()
    expected[0] = [2, 3, 0]  # from the next frame
    expected[1] = [0, 11, 12]  # from the one before
    assert torch.equal(TemporalShift(1 / 8)(as_clip(TABLE)), as_clip(expected))


@pytest.mark.parametrize("share", [1 / 16, 1 / 4, 1 / 2])
def test_shift__equals_a_loop_over_frames(share):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 16, 5, 3, 4)).astype(np.float32)
    k, expected = int(share * 16), np.zeros_like(x)
    for t in range(5):
        if t + 1 < 5:
            expected[:, :k, t] = x[:, :k, t + 1]
        if t > 0:
            expected[:, k : 2 * k, t] = x[:, k : 2 * k, t - 1]
        expected[:, 2 * k :, t] = x[:, 2 * k :, t]
    assert torch.equal(TemporalShift(share)(torch.from_numpy(x)), torch.from_numpy(expected))


def test_shift__of_one_frame_leaves_nothing_in_the_shifted_channels():
    shifted = TemporalShift(1 / 4)(torch.ones(1, 8, 1, 2, 2))
    assert shifted[0, :, 0, 0, 0].tolist() == [0] * 4 + [1] * 4


def test_shift__stands_before_the_first_convolution_of_every_block_and_not_in_the_shortcut():
    network = TSM(3, depth=50, width=1 / 16)
    blocks = [b for s in (network.res2, network.res3, network.res4, network.res5) for b in s]
    assert len(blocks) == 16
    for block in blocks:
        assert isinstance(block.branch[0], TemporalShift)
        others = [m for m in block.modules() if isinstance(m, TemporalShift)]
        assert others == [block.branch[0]]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("tsm_r18", 11_689_512), ("tsm_r34", 21_797_672), ("tsm_r50", 25_557_032)],
)
def test_tsm__has_the_parameters_of_torchvisions_2d_resnet(
    name, parameters, on_meta, parameters_of
):
    """ResNet{18,34,50}_Weights.IMAGENET1K_V1 of torchvision, 1000 classes."""
    assert parameters_of(on_meta(NETWORKS[name], 1000)) == parameters


def test_tsm_r50__fits_the_published_numbers(on_meta, parameters_of, giga_macs):
    """The paper's Table 2 prints 24.3 M and 33 G for 8 frames; MMAction2 23.87 M, 174 classes."""
    network = on_meta(NETWORKS["tsm_r50"], 400)
    assert round(parameters_of(network) / 1e6, 1) == 24.3
    assert giga_macs(network, frames=8, side=224) == pytest.approx(33, abs=0.5)
    assert parameters_of(on_meta(NETWORKS["tsm_r50"], 174)) == pytest.approx(23.87e6, abs=1e4)


def test_stages__keep_time(on_meta, stage_shapes):
    shapes = stage_shapes(on_meta(NETWORKS["tsm_r18"], 400), frames=8, side=224)
    assert shapes == [(64, 8, 56), (128, 8, 28), (256, 8, 14), (512, 8, 7)]


def test_tsm__without_shift_is_the_mean_of_the_frames_logits():
    """TSN's consensus: each frame through the 2D network, then the mean of logits."""
    torch.manual_seed(0)
    network = TSM(4, shift=0, **TINY).eval()
    clip = torch.randn(2, 3, 5, 32, 32)
    frames = torch.stack([network(clip[:, :, t : t + 1]) for t in range(5)])
    torch.testing.assert_close(network(clip), frames.mean(0), rtol=1e-4, atol=1e-6)


def test_tsm__mean_of_features_then_classifier_is_the_mean_of_logits():
    torch.manual_seed(0)
    network = TSM(4, **TINY).eval()
    clip = torch.randn(2, 3, 4, 32, 32)
    by_frame = network.stages(clip)[-1].mean(dim=(3, 4)).transpose(1, 2)  # (N, T, D)
    torch.testing.assert_close(network(clip), network.classifier(by_frame).mean(1))


def test_tsm__sees_order_and_one_frame_further_a_block():
    torch.manual_seed(0)
    network = TSM(4, depth=10, **TINY).eval()
    clip = torch.randn(1, 3, 9, 32, 32)
    changed = clip.clone()
    changed[:, :, 4] += 1
    for i, (x, y) in enumerate(zip(network.stages(clip), network.stages(changed), strict=True)):
        reached = [t for t in range(9) if not torch.equal(x[:, :, t], y[:, :, t])]
        assert reached == list(range(3 - i, 6 + i))  # one block a stage
    assert not torch.allclose(network(clip), network(clip.flip(2)), atol=1e-6)


@pytest.mark.parametrize("shift", [-0.1, 0.6, 12.5, float("nan")])
def test_shift__out_of_range_is_named(shift):
    with pytest.raises(ConfigError, match=rf"shift must lie in \[0, 0.5\], got {shift:g}: it is"):
        TSM(3, width=1 / 64, shift=shift)
