"""A block that is computed twice leaves the traces of one that is computed once."""

import pytest
import torch
from torch import nn

from semivideo.models import create
from semivideo.models.blocks.recomputed import recomputed
from semivideo.models.blocks.residual import Residual, basic


def trained(name, *, is_recomputed, momentum=0.1):
    """Two steps: losses, and the state after them."""
    torch.manual_seed(0)
    network = create(name, 3, width=1 / 8, dropout=0.5, zero_init=False)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    for module in network.modules():
        if isinstance(module, Residual):
            module.is_recomputed = is_recomputed
        if isinstance(module, nn.BatchNorm3d):
            module.momentum = momentum
    losses = []
    for _ in range(2):
        optimizer.zero_grad()
        loss = network(torch.rand(4, 3, 4, 16, 16)).square().sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, network.state_dict()


@pytest.mark.parametrize("name", ["resnet3d10", "resnet3d50", "r2plus1d18", "tsm_r18"])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_recomputed__changes_no_loss_no_weight_and_no_running_average(name, momentum):
    expected, found = (
        trained(name, is_recomputed=value, momentum=momentum) for value in (False, True)
    )
    assert found[0] == expected[0]
    for key, value in expected[1].items():
        assert torch.equal(found[1][key], value), key


def test_recomputed__keeps_the_input_of_a_block_only():
    kept = []
    layers = basic(4, frames=(3, 1), stride=(1, 1, 1))
    block = Residual(3, layers, normalize=nn.BatchNorm3d)
    clip = torch.rand(2, 3, 2, 8, 8, requires_grad=True)
    sizes = {}
    for value in (False, True):
        block.is_recomputed = value
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
            block(clip)
        sizes[value] = sum(t.numel() for t in kept)
    assert sizes[True] < sizes[False] / 3


def test_recomputed__leaves_averages_moving_after_an_error():
    norm = nn.BatchNorm3d(2)
    clip = torch.rand(2, 2, 1, 2, 2, requires_grad=True)
    calls = []

    def forward(x):
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError
        return norm(x)

    out = recomputed(norm, forward, clip)
    with pytest.raises(MemoryError):
        out.sum().backward()
    assert (norm.momentum, norm.num_batches_tracked.item()) == (0.1, 1)
