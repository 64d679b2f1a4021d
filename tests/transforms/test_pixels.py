import numpy as np
import pytest
import torch

from semivideo.transforms.pixels import GREY, by_frame, by_pixel, read_grid, read_rows


def positions(size: tuple[int, int], *, shape: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    """Random x and y between the centres of the outermost pixels, both ends among them."""
    generator = torch.Generator().manual_seed(0)
    height, width = size
    x = 0.5 + torch.rand(shape, generator=generator) * (width - 1)
    y = 0.5 + torch.rand(shape, generator=generator) * (height - 1)
    x[..., 0, :], y[..., :, 0] = 0.5, 0.5
    x[..., 1, :], y[..., :, 1] = width - 0.5, height - 0.5
    return x, y


def frames(*shape: int) -> torch.Tensor:
    return torch.randint(256, shape, generator=torch.Generator().manual_seed(1)).to(torch.uint8)


@pytest.mark.parametrize("size", [(20, 30), (1, 9), (9, 1), (2, 2)])
def test_read_rows__is_bilinear(size: tuple[int, int]) -> None:
    raw = frames(2, 3, 3, *size)
    x, y = positions(size, shape=(2, 1, 5, 5))
    found = read_rows(raw, x, y, inside=None)
    assert found.shape == (2, 3, 3, 1, 5, 5)
    for n, i, j in np.ndindex(2, 5, 5):
        u, v = x[n, 0, i, j].item() - 0.5, y[n, 0, i, j].item() - 0.5
        columns = np.maximum(0, 1 - np.abs(np.arange(size[1]) - u))
        rows = np.maximum(0, 1 - np.abs(np.arange(size[0]) - v))
        expected = np.einsum("tchw,h,w->tc", raw[n].numpy(), rows, columns)
        np.testing.assert_allclose(found[n, ..., 0, i, j].numpy(), expected, atol=2e-3)


@pytest.mark.parametrize("with_grey", [True, False])
def test_read_rows__agrees_with_read_grid(with_grey: bool) -> None:
    raw = frames(3, 2, 6, 24, 31)
    x, y = positions((24, 31), shape=(3, 2, 16, 16))
    inside = (x < 20) if with_grey else None
    rows, grid = (read(raw, x, y, inside=inside) for read in (read_rows, read_grid))
    assert rows.shape == grid.shape
    inner = (slice(None),) * 4 + (slice(2, None), slice(2, None))  # grid: rounding at the very edge
    torch.testing.assert_close(rows[inner], grid[inner], rtol=0, atol=0.02)


def test_read_rows__is_exactly_grey_outside() -> None:
    x, y = positions((8, 8), shape=(2, 1, 6, 6))
    inside = torch.rand(x.shape, generator=torch.Generator().manual_seed(2)) < 0.5
    found = read_rows(frames(2, 1, 3, 8, 8), x, y, inside=inside)
    assert (found.movedim(0, 2)[:, :, ~inside] == GREY).all()
    assert not (found.movedim(0, 2)[:, :, inside] == GREY).all()


@pytest.mark.parametrize("num_channels", [2, 3, 6])
@pytest.mark.parametrize("by_image", [True, False])
def test_by_pixel__moves_levels_in_memory_alone(num_channels: int, by_image: bool) -> None:
    raw = frames(2, 4, num_channels, 5, 7)
    stored = raw.movedim(2, -1).contiguous().movedim(-1, 2) if by_image else raw
    levels = by_pixel(stored)
    assert torch.equal(levels, raw)
    assert levels.permute(0, 3, 4, 2, 1).is_contiguous()
    again = by_frame(levels)
    assert torch.equal(again, raw)
    assert again.movedim(2, -1).is_contiguous()


def test_by_frame__leaves_levels_that_are_stored_otherwise() -> None:
    raw = frames(2, 4, 3, 5, 7)
    assert by_frame(raw) is raw
