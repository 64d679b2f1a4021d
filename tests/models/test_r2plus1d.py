"""R(2+1)D against its paper's formula, torchvision's and VMZ's numbers."""

import pytest
import torch

from semivideo.base.errors import ConfigError
from semivideo.models import NETWORKS, R2Plus1D
from semivideo.models.r2plus1d import middle_channels


def by_hand(classes: int, blocks: tuple[int, ...], *, is_shared: bool) -> int:
    """Weights of convolutions, two numbers a normalised channel, and the classifier."""
    total = 3 * 45 * 49 + 2 * 45 + 45 * 64 * 3 + 2 * 64
    n = 64
    for i, count in enumerate(blocks):
        out = 64 * 2**i
        for _ in range(count):
            first = (27 * n * out) // (9 * n + 3 * out)
            second = first if is_shared else (27 * out * out) // (12 * out)
            for source, m in ((n, first), (out, second)):
                total += 9 * source * m + 2 * m + 3 * m * out + 2 * out
            total += n * out + 2 * out if n != out else 0
            n = out
    return total + (n + 1) * classes


@pytest.mark.parametrize(
    ("in_channels", "out_channels", "middle"),
    [(64, 64, 144), (64, 128, 230), (128, 128, 288), (256, 512, 921), (512, 512, 1152)],
)
def test_middle__makes_as_many_weights_as_a_3x3x3_convolution(in_channels, out_channels, middle):
    assert middle_channels(in_channels, out_channels) == middle
    weights = 9 * in_channels * middle + 3 * middle * out_channels
    full = 27 * in_channels * out_channels
    assert full - (9 * in_channels + 3 * out_channels) < weights <= full


@pytest.mark.parametrize("middle", ["convolution", "block"])
@pytest.mark.parametrize(("name", "blocks"), [("18", (2, 2, 2, 2)), ("34", (3, 4, 6, 3))])
def test_r2plus1d__parameters_as_counted_by_hand(name, blocks, middle, on_meta, parameters_of):
    network = on_meta(NETWORKS[f"r2plus1d{name}"], 400, middle=middle)
    assert parameters_of(network) == by_hand(400, blocks, is_shared=middle == "block")


def test_r2plus1d18__equals_torchvisions_by_block(on_meta, parameters_of, giga_macs):
    """31,505,325 and 40.52 GMAC at 16 x 112 x 112 (torchvision's weights R2Plus1D_18)."""
    network = on_meta(NETWORKS["r2plus1d18"], 400, middle="block")
    assert parameters_of(network) == 31_505_325
    assert giga_macs(network, frames=16, side=112) == pytest.approx(40.519, abs=0.001)


def test_r2plus1d34__fits_the_published_numbers(on_meta, parameters_of, giga_macs):
    """VMZ prints 63.6 M, MMAction2 63.8 M; VMZ's 49.8 and 199.0 G fit frames of 128 pixels."""
    network = on_meta(NETWORKS["r2plus1d34"], 400)
    assert 63.6e6 <= parameters_of(network) <= 63.8e6
    assert giga_macs(network, frames=8, side=128) == pytest.approx(49.8, abs=0.06)
    assert giga_macs(network, frames=32, side=128) == pytest.approx(199.0, abs=0.06)


def test_r2plus1d18__has_about_the_weights_of_r3d18(on_meta, parameters_of):
    """The point of M; the paper's Table 1 prints 33.3 M (not checked) beside 33.4 M."""
    ratio = parameters_of(on_meta(NETWORKS["r2plus1d18"], 400)) / 33_371_472
    assert ratio == pytest.approx(1, abs=1e-3)


def test_stages__halve_time_with_space(on_meta, stage_shapes):
    shapes = stage_shapes(on_meta(NETWORKS["r2plus1d18"], 400), frames=16, side=112)
    assert shapes == [(64, 16, 56), (128, 8, 28), (256, 4, 14), (512, 2, 7)]
    pooled = on_meta(NETWORKS["r2plus1d34"], 400, stem_pool=True)
    assert stage_shapes(pooled, frames=8, side=224)[-1] == (512, 1, 7)


def test_block__looks_in_space_then_in_time():
    block = R2Plus1D(3, width=1 / 16).res3[0]
    convs = [part.conv for part in block.branch if hasattr(part, "conv")]
    assert [c.kernel_size for c in convs] == [(1, 3, 3), (3, 1, 1)] * 2
    assert [c.stride for c in convs] == [(1, 2, 2), (2, 1, 1), (1, 1, 1), (1, 1, 1)]
    assert block.shortcut.conv.stride == (2, 2, 2)
    kinds = [type(part).__name__ for part in block.branch]
    assert kinds == ["ConvNorm", "ReLU"] * 3 + ["ConvNorm"]


def test_width__multiplies_every_channel(on_meta):
    network = on_meta(R2Plus1D, 7, width=1 / 4)
    assert [network.stem[0].conv.out_channels, network.stem[2].conv.out_channels] == [11, 16]
    assert network.num_features == network.res5[-1].branch[-1].conv.out_channels == 128


def test_r2plus1d__has_no_bottlenecks():
    with pytest.raises(ConfigError, match=r"depth must be one of 10, 18, 34, got 50"):
        R2Plus1D(5, depth=50)
    assert torch.equal(R2Plus1D(2, width=1 / 64).res2[0].branch[2].norm.weight, torch.ones(1))
