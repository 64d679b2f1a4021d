"""The gradient of a first convolution's weights, computed as a 2D one's: the same sums.

A 3D kernel on three colours fills a fraction of a vector register. With the k frames that it sees
laid side by side as 3 k channels, (N, 3, T, H, W) becomes (N T, 3 k, H, W) and the kernel
k x h x w on 3 channels becomes h x w on 3 k::

    dL/dW[c', c, i, y, x] = dL/dW2d[c', i C + c, y, x]

In fp32 on a processor with AVX2 that takes a third to two thirds of the time, where the gradient
of the first layer is a third of a small network's step (docs/log.md). It is done a few clips at a
time, so that what is laid out stays in the processor's cache. The output gains nothing from it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv3d, pad
from torch.nn.grad import conv2d_weight

MOST_CHANNELS, MOST_OUTPUTS = 4, 32
"""With more of either, 3D kernels fill the registers by themselves."""
_CLIPS_AT_ONCE = 8


def suits(conv: nn.Conv3d, x: Tensor) -> bool:
    """Whether ``convolved_first(conv, x)`` is what ``conv(x)`` is, and its gradient faster."""
    return (
        x.device.type == "cpu"
        and x.dtype == conv.weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and torch.is_grad_enabled()
        and conv.weight.requires_grad
        and not x.requires_grad
        and conv.in_channels <= MOST_CHANNELS
        and conv.out_channels <= MOST_OUTPUTS
        and conv.kernel_size[0] > 1
        and conv.stride[0] == 1
        and conv.groups == 1
        and conv.bias is None
        and not torch.compiler.is_compiling()
    )


def convolved_first(conv: nn.Conv3d, x: Tensor) -> Tensor:
    """Return ``conv(x)``, (N, C', T', H', W'), of frames that need no gradient.

    Args:
        conv: A convolution that ``suits``; its padding is numbers, of zeros, and its dilation 1.
        x: (N, C, T, H, W).
    """
    assert not isinstance(conv.padding, str)
    y: Tensor = _FirstLayer.apply(  # type: ignore[no-untyped-call]
        x, conv.weight, conv.stride, conv.padding
    )
    return y


class _FirstLayer(torch.autograd.Function):
    """``conv3d`` whose backward knows the gradient of the weights alone."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, stride: tuple[int, ...], padding: tuple[int, ...]
    ) -> Tensor:
        ctx.save_for_backward(x)
        ctx.kernel, ctx.stride, ctx.padding = weight.shape[2:], stride, padding
        return conv3d(x, weight, stride=stride, padding=padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (x,), (grad,) = ctx.saved_tensors, grads
        gradient = weight_gradient(
            x, grad, kernel=ctx.kernel, stride=ctx.stride, padding=ctx.padding
        )
        return None, gradient, None, None


def weight_gradient(
    x: Tensor,
    grad: Tensor,
    *,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int],
    padding: tuple[int, int, int],
) -> Tensor:
    """Return the gradient of a convolution's weights, (C', C, k, h, w).

    Args:
        x: The input, (N, C, T, H, W).
        grad: Gradient of the output, (N, C', T', H', W'); its stride in time is 1.
        kernel: k, h, w.
        stride: In time, which is 1, height and width.
        padding: Zeros on either side along time, height and width.
    """
    (k, *size), around = kernel, padding[0]
    channels, frames, outputs = x.shape[1], grad.shape[2], grad.shape[1]
    flat = grad.new_zeros(outputs, k * channels, *size)
    # Colours last, as views lie already: what is laid side by side is then copied by rows.
    x, grad = x.permute(0, 2, 3, 4, 1), grad.permute(0, 2, 3, 4, 1)
    for start in range(0, len(x), _CLIPS_AT_ONCE):
        some = slice(start, start + _CLIPS_AT_ONCE)
        padded = pad(x[some], (0, 0, 0, 0, 0, 0, around, around))
        seen = torch.cat([padded[:, i : i + frames] for i in range(k)], dim=-1)
        flat += conv2d_weight(  # type: ignore[no-untyped-call]
            seen.flatten(0, 1).permute(0, 3, 1, 2),
            flat.shape,
            grad[some].flatten(0, 1).permute(0, 3, 1, 2),
            stride=stride[1:],
            padding=padding[1:],
        )
    return flat.view(outputs, k, channels, *size).transpose(1, 2)
