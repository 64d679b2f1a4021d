"""Weights in fewer bits: how large, and how wrong they can get."""

import pytest
import torch
from torch import nn

from semivideo.export.compression import compressed


def layers():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 3)).requires_grad_(False)


def test_compressed__single_changes_nothing():
    network = layers()
    before = [weight.clone() for weight in network.parameters()]
    compressed(network, "single")
    assert all(torch.equal(*pair) for pair in zip(before, network.parameters(), strict=True))


@pytest.mark.parametrize(("precision", "bits"), [("half", torch.float16), ("int8", torch.int8)])
def test_compressed__keeps_large_weights_in_fewer_bits_and_small_ones_whole(precision, bits):
    network = compressed(layers(), precision)
    kept = network[0].parametrizations.weight.original0
    assert (kept.dtype, kept.shape) == (bits, (32, 64))
    assert not hasattr(network[2], "parametrizations")
    assert network[0].bias.dtype == torch.float32


def test_compressed__int8_is_wrong_by_half_a_step_of_its_row_at_most():
    network = layers()
    weight = network[0].weight.clone()
    weight[3] *= 1000  # one large output must not cost the others
    network[0].weight.copy_(weight)
    found = compressed(network, "int8")[0].weight
    step = weight.abs().amax(dim=1, keepdim=True) / 127
    assert ((found - weight).abs() <= step * 0.5001).all()


def test_compressed__a_row_of_zeros_stays_zero():
    network = layers()
    network[0].weight[5] = 0
    assert (compressed(network, "int8")[0].weight[5] == 0).all()
