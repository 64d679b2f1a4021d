"""A convolution computed by planes is the same convolution."""

import pytest
import torch
from torch import nn

from semivideo.models import create
from semivideo.models.blocks.factorized import convolved_by_planes
from semivideo.models.blocks.residual import ConvNorm

LAYERS = [
    ((1, 3, 3), (1, 2, 2)),
    ((1, 7, 7), (2, 1, 1)),
    ((3, 1, 1), (1, 1, 1)),
    ((5, 1, 1), (2, 1, 1)),
    ((1, 1, 1), (2, 2, 2)),
    ((3, 1, 1), (1, 2, 2)),
    ((3, 3, 3), (1, 2, 2)),
]


def results(run, conv, clip):
    """Output and the gradients of input and weight."""
    clip = clip.clone(memory_format=torch.preserve_format).requires_grad_()
    conv.zero_grad()
    out = run(clip)
    out.square().sum().backward()
    return out.detach(), clip.grad, conv.weight.grad.clone()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
@pytest.mark.parametrize(("kernel", "stride"), LAYERS)
def test_convolved_by_planes__equals_the_3d_convolution(kernel, stride, layout):
    torch.manual_seed(0)
    padding = tuple(k // 2 for k in kernel)
    conv = nn.Conv3d(3, 4, kernel, stride, padding, bias=False).double().to(memory_format=layout)
    clip = torch.rand(2, 3, 5, 8, 9, dtype=torch.float64).contiguous(memory_format=layout)
    expected = results(conv, conv, clip)
    found = results(lambda x: convolved_by_planes(conv, x), conv, clip)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kernel", [(1, 3, 3), (3, 1, 1), (1, 1, 1)])
def test_convolved_by_planes__moves_nothing_in_channels_last(kernel):
    layout = torch.channels_last_3d
    conv = nn.Conv3d(3, 4, kernel, padding=tuple(k // 2 for k in kernel)).to(memory_format=layout)
    clip = torch.rand(2, 3, 5, 8, 9).contiguous(memory_format=layout)
    assert convolved_by_planes(conv, clip).is_contiguous(memory_format=layout)


@pytest.mark.parametrize("name", ["resnet3d10", "resnet3d50", "slow_r50", "r2plus1d18"])
def test_networks__factorized_give_the_same_logits_and_gradients(name):
    torch.manual_seed(0)
    network = create(name, 3, width=1 / 8, dropout=0.0, zero_init=False).double()
    state = [*network.state_dict()]
    clip = torch.rand(2, 3, 4, 32, 32, dtype=torch.float64)
    found = []
    for is_factorized in (False, True):
        for module in network.modules():
            if isinstance(module, ConvNorm):
                module.is_factorized = is_factorized
        network.zero_grad()
        logits = network(clip)
        logits.square().sum().backward()
        found.append([logits.detach(), *(p.grad.clone() for p in network.parameters())])
    assert [*network.state_dict()] == state
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9)


def test_conv_norm__factorized_is_right_in_bf16_where_the_clip_is_smaller_than_the_kernel():
    torch.manual_seed(0)
    network = create("resnet3d10", 3, width=1 / 8, dropout=0.0, temporal_stem=5)
    for module in network.modules():
        if isinstance(module, ConvNorm):
            module.is_factorized = True
    with torch.autocast("cpu", dtype=torch.bfloat16):
        network(torch.rand(4, 3, 2, 16, 16)).float().square().sum().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())
