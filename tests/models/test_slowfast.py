"""SlowFast against the published networks, and which frames its pathways see."""

import pytest
import torch

from semivideo.base.errors import ConfigError
from semivideo.models import SlowFast, create

TINY = {"width": 1 / 8, "dropout": 0.0, "zero_init": False}


def pathway(b: int, *, stem: int, frames: tuple[int, ...], extra: tuple[int, ...]) -> int:
    """A bottleneck pathway by hand; ``extra`` channels join the input of each stage."""
    total, n = 3 * b * stem * 49 + 2 * b, b
    for i, (count, t) in enumerate(zip((3, 4, 6, 3), frames, strict=True)):
        c, n = b * 2**i, n + extra[i]
        for j in range(count):
            total += n * c * t + 9 * c * c + 4 * c * c + 2 * (c + c + 4 * c)
            total += n * 4 * c + 2 * 4 * c if j == 0 else 0
            n = 4 * c
    return total


@pytest.mark.parametrize(("alpha", "kernel"), [(4, 7), (8, 5)])
def test_slowfast__parameters_as_counted_by_hand(alpha, kernel, on_meta, parameters_of):
    network = on_meta(SlowFast, 400, alpha=alpha, lateral_frames=kernel)
    lateral = (16, 64, 128, 256)
    slow = pathway(64, stem=1, frames=(1, 1, 3, 3), extra=lateral)
    fast = pathway(8, stem=5, frames=(3, 3, 3, 3), extra=(0, 0, 0, 0))
    connections = sum(c // 2 * c * kernel + 2 * c for c in lateral)
    assert parameters_of(network) == slow + fast + connections + (2304 + 1) * 400


def test_slowfast__fits_the_published_numbers(on_meta, parameters_of, giga_macs):
    """PyTorchVideo's model zoo: 8x8 34.57 M and 65.71 G at 256 pixels, 4x16 34.48 M."""
    network = on_meta(SlowFast, 400)
    assert round(parameters_of(network) / 1e6, 2) == 34.57
    assert giga_macs(network, frames=32, side=256) == pytest.approx(65.71, abs=0.005)
    sparse = on_meta(SlowFast, 400, alpha=8, lateral_frames=5)
    assert round(parameters_of(sparse) / 1e6, 2) == 34.48


def test_pathways__shapes_at_32_frames_of_224(on_meta):
    """Table 1 of the paper, with alpha = 4."""
    network = on_meta(SlowFast, 400)
    clip = torch.empty(1, 3, 32, 224, 224, device="meta")
    slow, fast = zip(*network.pathways(clip), strict=True)
    sides = (56, 28, 14, 7)
    assert [x.shape[1:4] for x in slow] == [(256 << i, 8, s) for i, s in enumerate(sides)]
    assert [x.shape[1:4] for x in fast] == [(32 << i, 32, s) for i, s in enumerate(sides)]
    assert network.features(clip).shape == (1, 2304) == (1, network.num_features)


def test_stages__hold_both_pathways_and_their_mean_is_the_feature():
    torch.manual_seed(0)
    network = SlowFast(3, **TINY).eval()
    clip = torch.randn(2, 3, 8, 32, 32)
    stages = network.stages(clip)
    assert [x.shape[1:3] for x in stages] == [(36 << i, 2) for i in range(4)]
    slow, fast = network.pathways(clip)[1]
    torch.testing.assert_close(stages[1][:, : slow.shape[1]], slow)
    means = [fast[:, :, :4].mean(2), fast[:, :, 4:].mean(2)]
    torch.testing.assert_close(stages[1][:, slow.shape[1] :], torch.stack(means, 2))
    torch.testing.assert_close(stages[-1].mean((2, 3, 4)), network.features(clip))


def test_stem__slow_pathway_sees_every_alphath_frame_and_the_fast_one_all():
    torch.manual_seed(0)
    network = SlowFast(3, **TINY).eval()
    clip = torch.randn(1, 3, 12, 32, 32)
    slow, fast = network.stem(clip)
    assert torch.equal(slow, network.stem.slow(clip[:, :, [0, 4, 8]]))
    assert torch.equal(fast, network.stem.fast(clip))
    between = clip.clone()
    between[:, :, [1, 2, 3, 5, 6, 7, 9, 10, 11]] = 0
    assert torch.equal(network.stem(between)[0], slow)
    assert not torch.allclose(network.stem(between)[1], fast)


def test_stages__fast_frames_reach_the_slow_pathway_by_the_lateral_connection():
    torch.manual_seed(0)
    stage = SlowFast(3, **TINY).eval().res3
    slow, fast = torch.randn(1, 32, 2, 8, 8), torch.randn(1, 4, 8, 8, 8)
    conv, norm = stage.lateral[0].conv, stage.lateral[0].norm
    assert (conv.kernel_size, conv.stride, conv.out_channels) == ((7, 1, 1), (4, 1, 1), 8)
    padded = torch.nn.functional.pad(fast, (0, 0, 0, 0, 3, 3))
    taps = [
        sum(
            torch.einsum("oc,nchw->nohw", conv.weight[:, :, k, 0, 0], padded[:, :, start + k])
            for k in range(7)
        )
        for start in (0, 4)
    ]  # a frame of the slow pathway sees three fast frames on each side of its own
    over = norm(torch.stack(taps, dim=2)).relu()
    expected = stage.slow(torch.cat([slow, over], dim=1))
    torch.testing.assert_close(stage((slow, fast))[0], expected)
    assert torch.equal(stage((slow, fast))[1], stage.fast(fast))


@pytest.mark.parametrize(("num_frames", "advised"), [(2, 4), (6, 8), (9, 8), (30, 32)])
def test_slowfast__refuses_frames_that_alpha_does_not_divide(num_frames, advised):
    network = SlowFast(3, width=1 / 64)
    sentence = (
        rf"SlowFast got clips of {num_frames} frames; with alpha = 4 it takes multiples of 4; "
        rf"set num_frames to {advised}$"
    )
    with pytest.raises(ConfigError, match=sentence):
        network(torch.zeros(1, 3, num_frames, 16, 16))
    with pytest.raises(ConfigError, match=sentence):
        network.check_clip(num_frames=num_frames, size=16)
    network.check_clip(num_frames=advised, size=16)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"alpha": 0}, r"\[networks\] slowfast_r50: alpha must be at least 1, got 0; SlowFast 8x8"),
        ({"lateral_frames": 4}, r"lateral_frames must be odd and positive, got 4; write 5 or 7"),
        ({"lateral": 5}, r"slowfast_r50 has no option 'lateral'; did you mean 'lateral_frames'\?"),
    ],
)
def test_options__that_make_no_network_are_named(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        create("slowfast_r50", 3, width=1 / 64, **options)


@pytest.mark.parametrize(("width", "fast"), [(1, 8), (1 / 4, 2), (3 / 16, 2), (1 / 64, 1)])
def test_width__the_fast_pathway_has_an_eighth_and_at_least_one_channel(width, fast, on_meta):
    network = on_meta(SlowFast, 5, width=width)
    assert network.stem.fast[0].conv.out_channels == fast
    assert network.num_features == 32 * (int(64 * width) + fast)
