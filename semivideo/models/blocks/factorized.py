"""3D convolutions that look along space or along time only, computed as 2D ones: the same sums.

Libraries are tuned for 2D convolutions; which form is faster depends on the device, so this is a
setting (``engine.factorized``). In the layout channels_last_3d neither form moves a number::

    1 x k x k   (N, C, T, H, W) seen as (N T, C, H, W), kernel k x k
    k x 1 x 1   (N, C, T, H, W) seen as (N, C, T, H W), kernel k x 1
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import conv2d


def convolved_by_planes(conv: nn.Conv3d, x: Tensor) -> Tensor:
    """Return ``conv(x)``, (N, C', T', H', W'), computed by planes where its kernel allows it.

    Args:
        conv: Its padding is numbers, of zeros, and its dilation 1, as in ``residual.ConvNorm``.
        x: (N, C, T, H, W).
    """
    time, height, width = conv.kernel_size
    if time == 1:
        return _in_space(conv, x)
    if height == width == 1:
        return _in_time(conv, x)
    y: Tensor = conv(x)
    return y


def _in_space(conv: nn.Conv3d, x: Tensor) -> Tensor:
    """A kernel of one frame: every frame is an image."""
    time_stride, *stride = conv.stride
    frames = x[:, :, ::time_stride]
    if conv.kernel_size == (1, 1, 1):
        # The pixels it looks at, instead of a stride: oneDNN's gradient of a strided 1 x 1 kernel
        # writes past its memory on processors with AVX2 where there are fewer than 8 channels.
        frames, stride = frames[..., :: stride[0], :: stride[1]], [1, 1]
    images = frames.transpose(1, 2).flatten(0, 1)
    weight, (_, *padding) = conv.weight.squeeze(2), _padding(conv)
    y = conv2d(images, weight, conv.bias, stride=stride, padding=padding, groups=conv.groups)
    return y.view(len(frames), -1, *y.shape[1:]).transpose(1, 2)


def _in_time(conv: nn.Conv3d, x: Tensor) -> Tensor:
    """A kernel of one pixel: every clip is an image of T rows, a column for each pixel."""
    time_stride, *stride = conv.stride
    frames = x[..., :: stride[0], :: stride[1]]
    columns, weight = frames.flatten(3), conv.weight.squeeze(4)
    step, padding = (time_stride, 1), (_padding(conv)[0], 0)
    y = conv2d(columns, weight, conv.bias, stride=step, padding=padding, groups=conv.groups)
    return y.view(*y.shape[:3], *frames.shape[3:])


def _padding(conv: nn.Conv3d) -> tuple[int, ...]:
    """Zeros on either side along time, height and width."""
    assert not isinstance(conv.padding, str)
    return conv.padding
