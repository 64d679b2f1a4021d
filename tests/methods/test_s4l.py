"""S4L against a computation clip by clip."""

import numpy as np
import pytest
import torch
from torch import nn

from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips
from semivideo.methods.s4l import S4L
from semivideo.transforms.spatial import four_rotations

K, B, U = 3, 2, 3


class Corner(nn.Module):
    """Features are the four corner pixels of the first frame: enough to see a rotation."""

    num_features = 4

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, K)

    def features(self, clip):
        return clip[:, 0, 0][:, [0, 0, -1, -1], [0, -1, 0, -1]]

    def classify(self, features):
        return self.linear(features)

    def forward(self, clip):
        return self.classify(self.features(clip))


class Given:
    """Standard views are given."""

    def __init__(self, x, u):
        self.x, self.u = x, u

    def standard(self, clips, stream):
        return self.x if isinstance(clips, LabeledClips) else self.u

    def rotations(self, views, clips):
        return four_rotations(views)


@pytest.fixture
def case():
    torch.manual_seed(0)
    x, u = torch.randn(B, 1, 1, 5, 5), torch.randn(U, 1, 1, 5, 5)
    method = S4L(Corner(), views=Given(x, u), clips={"primary": ClipSpec(1, 1)}, weight=0.7)

    def common(n):
        numbers = torch.arange(n)
        return {"frames": {}, "size": numbers, "video": numbers, "draw": numbers}

    labeled = LabeledClips(**common(B), label=torch.tensor([2, 0]))
    return method, Batch(labeled, Clips(**common(U)), step=0, progress=0.0), x, u


def cross_entropy(z: np.ndarray, k: int) -> float:
    return float(np.log(np.exp(z).sum()) - z[k])


@pytest.mark.parametrize("num_copies", [4, 1])
def test_s4l__equals_its_equations_clip_by_clip(case, num_copies):
    method, batch, x, u = case
    method.num_copies = num_copies
    weights = {name: p.detach().numpy() for name, p in method.named_parameters()}
    labels, L_s, L_r = [2, 0], [], []
    for i, clip in enumerate([*x, *u]):
        for k in range(4):
            corners = np.rot90(clip[0, 0].numpy(), k)[[0, 0, -1, -1], [0, -1, 0, -1]]
            turned = weights["rotation.weight"] @ corners + weights["rotation.bias"]
            L_r.append(cross_entropy(turned, k))
            if i < B and k < num_copies:
                logits = weights["primary.linear.weight"] @ corners
                L_s.append(cross_entropy(logits + weights["primary.linear.bias"], labels[i]))
    result = method(batch)
    assert result.terms["L_s"].item() == pytest.approx(np.mean(L_s), rel=1e-5)
    assert result.terms["L_r"].item() == pytest.approx(np.mean(L_r), rel=1e-5)
    expected = np.mean(L_s) + 0.7 * np.mean(L_r)
    assert result.loss.item() == pytest.approx(expected, rel=1e-5)


def test_four_rotations__turn_space_and_leave_time_and_color():
    clips = torch.randn(2, 3, 4, 5, 5)
    found = four_rotations(clips)
    assert found.shape == (8, 3, 4, 5, 5)
    for k in range(4):
        expected = np.rot90(clips.numpy(), k, axes=(3, 4))
        assert (found[2 * k : 2 * k + 2].numpy() == expected).all()
