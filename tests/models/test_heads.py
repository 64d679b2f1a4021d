"""Heads on features: what each pools, and that all of them learn."""

import pytest
import torch

from semivideo.models.heads import AttentiveHead, LinearHead, MLPHead, Standardize, TemporalConvHead

HEADS = (LinearHead, MLPHead, AttentiveHead, TemporalConvHead)


def clip(steps=4, dim=6):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, dim, steps, 1, 1, generator=generator)


@pytest.mark.parametrize("head", HEADS)
def test_head__maps_any_number_of_steps_and_every_parameter_learns(head):
    network = head(5, dim=6, dropout=0.0)
    for steps in (1, 4):
        network.zero_grad()
        logits = network(clip(steps))
        assert logits.shape == (3, 5)
        assert network.features(clip(steps)).shape == (3, network.num_features)
        logits.square().sum().backward()
        learned = {n for n, p in network.named_parameters() if p.grad.abs().sum() > 0}
        asks = {"question"} if head is AttentiveHead and steps == 1 else set()  # or nothing to ask
        assert learned | asks == {name for name, _ in network.named_parameters()}


def test_standardize__takes_statistics_of_what_it_is_given():
    rows = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * 4 + 7
    rows[:, 2] = 5.0
    made = Standardize(3)
    made.fit(rows)
    expected = (rows - rows.mean(0)) / torch.tensor([*rows[:, :2].std(0, correction=0), 1.0])
    found = made(rows[..., None, None, None])[..., 0]
    torch.testing.assert_close(found, expected / expected.norm(dim=1, keepdim=True))
    assert found[:, 2].abs().max() == 0


def unit(x):
    """Steps (N, D, T) of length 1."""
    return x[..., 0, 0] / x[..., 0, 0].norm(dim=1, keepdim=True)


def test_linear_head__is_a_classifier_of_the_mean():
    network = LinearHead(5, dim=6)
    expected = network.classifier(unit(clip()).mean(dim=2))
    torch.testing.assert_close(network(clip()), expected)


def test_attentive_head__starts_as_the_mean_and_can_pick_a_step():
    network, x = AttentiveHead(5, dim=6), clip()
    torch.testing.assert_close(network.features(x), unit(x).mean(dim=2))
    with torch.no_grad():
        network.question.copy_(1e4 * unit(x)[0, :, 2])
    best = (unit(x)[0] * network.question[:, None]).sum(0).argmax()
    torch.testing.assert_close(network.features(x)[0], unit(x)[0, :, best])


def test_temporal_conv_head__sees_the_order_of_steps():
    network, x = TemporalConvHead(5, dim=6), clip()
    assert not torch.allclose(network.features(x), network.features(x.flip(2)))


@pytest.mark.parametrize("head", [MLPHead, TemporalConvHead])
def test_stages__are_the_block_whose_mean_is_the_feature(head):
    network = head(5, dim=6)
    (block,) = network.stages(clip())
    assert block.shape[:2] == (3, network.num_features)
    torch.testing.assert_close(block.mean(dim=(2, 3, 4)), network.features(clip()))


def test_classify__is_the_layer_after_dropout():
    network = LinearHead(5, dim=6).eval()
    x = network.features(clip())
    torch.testing.assert_close(network.classify(x), network.classifier(x))
