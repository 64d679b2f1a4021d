"""One forward or two: what the networks of a method see together."""

import numpy as np
import pytest
import torch
from torch import nn

from semivideo.methods.base import jointly


@pytest.fixture
def parts():
    """x, w and s: clips of one pixel and one channel."""
    levels = [[1.0, 3.0], [2.0, 4.0, 9.0], [0.0, 5.0, 7.0]]
    views = [torch.tensor(part).view(-1, 1, 1, 1, 1) for part in levels]
    return dict(zip(("labeled", "weak", "strong"), views, strict=True))


class Normalized(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm3d(1)

    def forward(self, clip_NCTHW):
        return self.norm(clip_NCTHW).flatten(1)


def standardized(*levels):
    levels = np.array(levels)
    return (levels - levels.mean()) / np.sqrt(levels.var() + 1e-5)


def test_jointly__normalizes_all_views_by_the_statistics_of_all(parts):
    found = torch.cat(jointly(Normalized(), **parts)).detach().squeeze(1).numpy()
    np.testing.assert_allclose(found, standardized(1, 3, 2, 4, 9, 0, 5, 7), rtol=1e-5, atol=1e-6)


def test_jointly__without_weak_graph_normalizes_weak_views_by_their_own(parts):
    network = Normalized()
    x, w, s = jointly(network, **parts, weak_graph=False)
    assert (x.requires_grad, w.requires_grad, s.requires_grad) == (True, False, True)
    np.testing.assert_allclose(w.squeeze(1), standardized(2, 4, 9), rtol=1e-5)
    rest = torch.cat([x, s]).detach().squeeze(1)
    np.testing.assert_allclose(rest, standardized(1, 3, 0, 5, 7), rtol=1e-5, atol=1e-6)


def test_jointly__without_weak_graph_moves_running_averages_by_each(parts):
    network = Normalized()
    jointly(network, **parts, weak_graph=False)
    weak, rest = np.mean([2, 4, 9]), np.mean([1, 3, 0, 5, 7])
    assert network.norm.running_mean.item() == pytest.approx(0.9 * (0.1 * weak) + 0.1 * rest)
    assert network.norm.num_batches_tracked == 2


class Recorded(nn.Module):
    """Logits are the pixel; remembers what each forward saw."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, clip_NCTHW):
        self.seen.append(clip_NCTHW.flatten().tolist())
        return clip_NCTHW.flatten(1).half()


@pytest.mark.parametrize(
    ("weak_graph", "seen"),
    [
        (True, [[1, 3, 2, 4, 9, 0, 5, 7]]),
        (False, [[2, 4, 9], [1, 3, 0, 5, 7]]),
    ],
)
def test_jointly__finds_views_by_name_and_returns_them_labelled_weak_strong(
    parts, weak_graph, seen
):
    network = Recorded()
    backwards = dict(reversed(parts.items()))
    x, w, s = jointly(network, **backwards, weak_graph=weak_graph)
    assert network.seen == seen
    for found, view in zip((x, w, s), parts.values(), strict=True):
        assert torch.equal(found, view.flatten(1))
        assert found.dtype == torch.float32


def test_jointly__has_nothing_to_do_apart_where_no_view_is_weak(parts):
    network = Recorded()
    x, u = jointly(network, labeled=parts["labeled"], standard=parts["weak"], weak_graph=False)
    assert network.seen == [[1, 3, 2, 4, 9]]
    assert (len(x), len(u)) == (2, 3)


def test_jointly__in_bf16_learns_the_same_after_a_pass_without_graph(parts):
    """Autocast keeps converted weights; those of the weak pass have no graph."""
    gradients = []
    for weak_graph in (True, False):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            x, _, s = jointly(network, **parts, weak_graph=weak_graph)
        (x.sum() + s.square().sum()).backward()
        gradients.append(network[1].weight.grad)
    torch.testing.assert_close(*gradients)
