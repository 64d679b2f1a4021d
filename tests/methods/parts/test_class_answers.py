"""What logits answer: one class or several, weighted or not."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from semivideo.methods.parts.class_answers import (
    OneClass,
    PresenceThreshold,
    SeveralClasses,
    positive_weights_by_frequency,
    weights_by_frequency,
)

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.5]])


def test_one_class__without_weights_is_cross_entropy():
    label = torch.tensor([0, 2])
    assert OneClass().loss(LOGITS, label) == cross_entropy(LOGITS, label)
    assert OneClass().shares(LOGITS).sum(dim=1).tolist() == pytest.approx([1, 1])


def test_one_class__weights_count_labels_more():
    """By hand: the mean over clips of w_y times its own loss, not divided by the weights."""
    label, weights = torch.tensor([0, 2]), torch.tensor([0.5, 1.0, 4.0])
    each = cross_entropy(LOGITS, label, reduction="none")
    found = OneClass(weights).loss(LOGITS, label)
    assert found.item() == pytest.approx(((0.5 * each[0] + 4 * each[1]) / 2).item())


def test_weights_by_frequency__have_mean_one_over_the_labels():
    counts = torch.tensor([6, 3, 0, 1])
    weights = weights_by_frequency(counts)
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1.0)
    assert (weights * counts)[[0, 1, 3]].tolist() == pytest.approx([10 / 3] * 3)
    assert weights[2] == 1


def test_positive_weights__balance_there_and_not_there():
    assert positive_weights_by_frequency(torch.tensor([1, 5, 10, 0]), 10).tolist() == [
        9.0,
        1.0,
        pytest.approx(0.01),
        10.0,
    ]


def test_several_classes__a_label_is_a_set():
    sets = torch.tensor([[True, True, False], [False, False, False]])
    answer = SeveralClasses(sets)
    logits = LOGITS.clone().requires_grad_()
    answer.loss(logits, torch.tensor([0, 1])).backward()
    assert (logits.grad < 0).tolist() == [[True, True, False], [False, False, False]]
    assert not answer.state_dict()  # it is a setting, not what was learned


def test_presence_threshold__keeps_each_class_by_itself():
    rule = PresenceThreshold(0.8)
    found = rule(torch.tensor([[0.9, 0.5, 0.1]]), torch.tensor([0]))
    assert found.kept.tolist() == [[True, False, True]]
