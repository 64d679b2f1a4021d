"""Several classes at once: the equations by hand, and what they reduce to."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from semivideo.objectives.multi_label import (
    binary_cross_entropy,
    confident_presence,
    masked_binary_cross_entropy,
)


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def test_binary_cross_entropy__by_hand():
    logits, present = torch.tensor([[0.5, -1.0]]), torch.tensor([[1.0, 0.0]])
    weights = torch.tensor([3.0, 9.0])
    expected = -(3 * math.log(sigmoid(0.5)) + math.log(1 - sigmoid(-1.0))) / 2
    found = binary_cross_entropy(logits, present, positive_weight_K=weights)
    assert found.item() == pytest.approx(expected)


def test_binary_cross_entropy__of_one_class_is_cross_entropy_of_two():
    z = torch.randn(6, 1, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([0, 1, 1, 0, 1, 0])
    two = torch.cat([torch.zeros_like(z), z], dim=1)
    found = binary_cross_entropy(z, y[:, None].float())
    assert found.item() == pytest.approx(cross_entropy(two, y).item())


def test_confident_presence__there_and_not_there():
    p = torch.tensor([[0.95, 0.05, 0.6]])
    label, confidence, kept, _ = confident_presence(p, 0.9)
    assert label.tolist() == [[1, 0, 1]]
    assert confidence[0].tolist() == pytest.approx([0.95, 0.95, 0.6])
    assert kept.tolist() == [[True, True, False]]


def test_masked_binary_cross_entropy__divides_by_all():
    target = confident_presence(torch.tensor([[0.95, 0.6]]), 0.9)
    logits = torch.tensor([[1.0, 5.0]], requires_grad=True)
    loss = masked_binary_cross_entropy(logits, target)
    assert loss.item() == pytest.approx(-math.log(sigmoid(1.0)) / 2)
    loss.backward()
    assert logits.grad[0, 1] == 0
