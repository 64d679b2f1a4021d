import pytest
import torch
from torch import nn

from semivideo.methods.parts.ema import WeightAverage


def test_weight_average__follows_the_written_out_sum():
    network = nn.BatchNorm1d(1)
    average = WeightAverage(network, decay=0.4)
    expected_weight, expected_mean = 1.0, 0.0
    for step, decay in enumerate([2 / 11, 3 / 12, 4 / 13, 5 / 14, 0.4, 0.4], start=1):
        with torch.no_grad():
            network.weight.fill_(step)
            network.running_mean.fill_(10.0 * step)
            network.num_batches_tracked.fill_(step)
        average.update()
        expected_weight = decay * expected_weight + (1 - decay) * step
        expected_mean = decay * expected_mean + (1 - decay) * 10 * step
    assert average.network.weight.item() == pytest.approx(expected_weight)
    assert average.network.running_mean.item() == pytest.approx(expected_mean)
    assert average.network.num_batches_tracked.item() == 6


def test_weight_average__with_decay_0_is_a_copy_apart_from_the_network():
    network = nn.Linear(2, 2)
    average = WeightAverage(network, decay=0.0)
    with torch.no_grad():
        network.weight.add_(1)
    average.update()
    assert torch.equal(average.network.weight, network.weight)
    assert average.network.weight is not network.weight
    assert not average.network.training
    assert not average.network.weight.requires_grad
