"""The gradient of a first convolution, computed as that of a 2D one, is its gradient."""

import pytest
import torch
from torch import nn

from semivideo.models.blocks.first_layer import convolved_first, suits, weight_gradient
from semivideo.models.blocks.residual import convolved

KERNELS = [((5, 7, 7), (1, 2, 2)), ((3, 3, 3), (1, 1, 1)), ((3, 7, 5), (1, 2, 1))]


def first(kernel=(5, 7, 7), stride=(1, 2, 2), channels=3, outputs=4, **options):
    padding = tuple(k // 2 for k in kernel)
    return nn.Conv3d(channels, outputs, kernel, stride, padding, bias=False, **options)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
@pytest.mark.parametrize(("kernel", "stride"), KERNELS)
@pytest.mark.parametrize("frames", [2, 8])  # also fewer than the kernel sees
def test_weight_gradient__is_that_of_the_3d_convolution(kernel, stride, layout, frames):
    torch.manual_seed(0)
    conv = first(kernel, stride).double()
    clips = torch.rand(11, 3, frames, 12, 9, dtype=torch.float64).contiguous(memory_format=layout)
    y = conv(clips)
    above = torch.rand_like(y)
    (expected,) = torch.autograd.grad(y, conv.weight, above)
    found = weight_gradient(clips, above, kernel=kernel, stride=stride, padding=conv.padding)
    torch.testing.assert_close(found, expected)


def test_convolved__takes_it_in_the_first_layer_of_a_training():
    torch.manual_seed(0)
    conv, clips = first(), torch.rand(2, 3, 8, 16, 16)
    y = convolved(conv, clips)
    assert type(y.grad_fn).__name__ == "_FirstLayerBackward"
    assert torch.equal(y, conv(clips))
    above = torch.rand_like(y)
    (expected,) = torch.autograd.grad(conv(clips), conv.weight, above)
    (found,) = torch.autograd.grad(y, conv.weight, above)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_suits__only_where_it_is_the_same_and_faster():
    clips = torch.rand(1, 3, 8, 16, 16)
    assert suits(first(), clips)
    assert not suits(first(), clips.clone().requires_grad_())  # its gradient is wanted too
    assert not suits(first(channels=8), torch.rand(1, 8, 8, 16, 16))
    assert not suits(first(outputs=64), clips)
    assert not suits(first(kernel=(1, 7, 7)), clips)
    assert not suits(first(stride=(2, 2, 2)), clips)
    assert not suits(first().double(), clips.double())
    assert not suits(first().requires_grad_(requires_grad=False), clips)
    with torch.autocast("cpu", torch.bfloat16):
        assert not suits(first(), clips)
    with torch.no_grad():
        assert not suits(first(), clips)


def test_convolved_first__refuses_a_second_derivative():
    y = convolved_first(first(), torch.rand(1, 3, 8, 16, 16))
    weight = y.grad_fn.next_functions[1][0].variable
    (gradient,) = torch.autograd.grad(y.square().sum(), weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
