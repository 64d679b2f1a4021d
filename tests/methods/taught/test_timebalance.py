"""TimeBalance against plain NumPy: what the teachers say, how they are mixed, what is learned."""

from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from semivideo.base.randomness import uniform
from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips
from semivideo.methods import TimeBalance
from semivideo.methods.taught.timebalance import self_similarity

K, B, V, D, T = 3, 2, 6, 4, 4
SPEC = {"primary": ClipSpec(T, 1), "temporal": ClipSpec(T, 1)}
Y = [2, 0]


class Timed(nn.Module):
    """Features of a clip (N, D, T, 1, 1): its frames, each counting differently."""

    num_classes, num_features = K, D

    def __init__(self, seed: int) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(K, D, generator=draw))

    def features(self, clip):
        return (clip.flatten(2) * torch.arange(1.0, 1 + clip.shape[2])).mean(dim=2)

    def classify(self, features):
        return features @ self.weight.T

    def forward(self, clip):
        return self.classify(self.features(clip))


class TableViews:
    """Views drawn once, by the number of the video; each stream its own."""

    def __init__(self) -> None:
        draw = torch.Generator().manual_seed(0)
        self.table = {
            (kind, stream): torch.randn(V, D, T, 1, 1, generator=draw)
            for kind in ("standard", "weak", "strong")
            for stream in ("primary", "temporal")
        }

    def standard(self, clips, stream):
        return self.table["standard", stream][clips.video]

    def weak(self, clips, stream):
        return self.table["weak", stream][clips.video]

    def strong(self, clips, stream):
        return self.table["strong", stream][clips.video]

    def clips(self, kind: str, stream: str = "primary") -> np.ndarray:
        return self.table[kind, stream].flatten(2).numpy()


def batch(rows=range(V)) -> Batch:
    def some(cls, rows, **fields):
        rows = torch.as_tensor(rows)
        return cls(frames={}, size=rows, video=rows, draw=rows + 10, **fields)

    labeled = some(LabeledClips, range(B), label=torch.tensor(Y))
    return Batch(labeled, some(Clips, rows), step=0, progress=0.5)


def made(**options) -> TimeBalance:
    method = TimeBalance(Timed(1), Timed(2), views=TableViews(), clips=SPEC, **options)
    method.invariant.weight.data = Timed(3).weight.data
    method.prepare([f"{n}.mp4" for n in range(V)])
    return method


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def features(clip_DT: np.ndarray) -> np.ndarray:
    return (clip_DT * np.arange(1, 1 + clip_DT.shape[1])).mean(1)


def said(network: nn.Module, clips: np.ndarray) -> np.ndarray:
    weight = network.weight.detach().numpy()
    return np.stack([softmax(weight @ features(clip)) for clip in clips])


def in_random_order(clips: np.ndarray) -> np.ndarray:
    orders = uniform(np.arange(len(clips)) + 10, "shuffle", size=T).argsort(axis=1)
    return np.stack([clip[:, order] for clip, order in zip(clips, orders, strict=True)])


def similarity(clip_DT: np.ndarray, num_parts: int) -> float:
    length = T // num_parts
    parts = [clip_DT[:, k * length : (k + 1) * length] for k in range(num_parts)]
    filled = [np.repeat(part, T // length, axis=1) for part in parts]
    f = [features(part) / np.linalg.norm(features(part)) for part in filled]
    return float(np.mean([max(0.0, a @ b) for a, b in combinations(f, 2)]))


def mixture(method: TimeBalance, *, parts: int, balance: str = "similarity") -> np.ndarray:
    w, g = (method.views.clips("weak", s) for s in ("primary", "temporal"))
    p_I, p_D = said(method.invariant, in_random_order(w)), said(method.temporal, g)
    s = np.array([similarity(clip, parts) for clip in g])
    assert 0 <= s.min() < s.max() < 1
    if balance == "rank":
        s = s.argsort(kind="stable").argsort() / (V - 1)
    return s[:, None] * p_I + (1 - s)[:, None] * p_D


def test_timebalance__first_teaches_all_three_the_labels():
    method = made()
    x, g = (method.views.clips("standard", s)[:B] for s in ("primary", "temporal"))
    p = (
        said(method.primary, x),
        said(method.invariant, in_random_order(x)),
        said(method.temporal, g),
    )
    expected = sum(-np.log(each[np.arange(B), Y]).mean() for each in p)
    assert method(batch()).loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("parts", "balance"), [(2, "similarity"), (4, "similarity"), (4, "rank")])
def test_timebalance__mixes_its_teachers_by_the_similarity_over_time(parts, balance):
    method = made(parts=parts, balance=balance)
    expected = mixture(method, parts=parts, balance=balance)
    method.start_round([batch([0, 2, 4]), batch([1, 3, 5])])
    np.testing.assert_allclose(method.taught.numpy(), expected, atol=5e-4)  # kept in float16
    np.testing.assert_allclose(method.taught.float().sum(1).numpy(), 1, atol=1e-3)


def test_timebalance__then_teaches_a_fresh_student_the_mixture():
    method = made(weight=7.0)
    t = mixture(method, parts=2)
    method.initial.weight.data = Timed(5).weight.data
    method.start_round([batch()])
    p_x, p_s = (said(Timed(5), method.views.clips(kind)) for kind in ("standard", "strong"))
    L_s, L_u = -np.log(p_x[np.arange(B), Y]).mean(), ((p_s - t) ** 2).mean()
    result = method(batch())
    assert result.terms["L_u"].item() == pytest.approx(L_u, rel=2e-3)
    assert result.loss.item() == pytest.approx(L_s + 7 * L_u, rel=2e-3)
    result.loss.backward()
    for teacher in (method.invariant, method.temporal):
        assert torch.equal(teacher.weight.grad, torch.zeros(K, D))


def test_self_similarity__is_one_for_a_still_clip_and_zero_for_one_that_changes_altogether():
    still = torch.randn(2, D, 1, 1, 1).expand(2, D, T, 1, 1)
    torch.testing.assert_close(self_similarity(Timed(1), still, num_parts=2), torch.ones(2))
    turned = torch.cat([still[:, :, :2], -still[:, :, :2]], dim=2)
    assert self_similarity(Timed(1), turned, num_parts=2).tolist() == [0.0, 0.0]
    assert self_similarity(Timed(1), still[:, :, :1], num_parts=2).tolist() == [1.0, 1.0]


def test_timebalance__learns_what_no_label_says():
    right = torch.arange(V) % K
    method = made(weight=30.0)
    method.num_selections = 1
    method.taught[torch.arange(V), right] = 1.0
    for clips in method.views.table.values():
        clips.div_(8)[torch.arange(V), right] += 1
    optimizer = torch.optim.SGD(method.primary.parameters(), lr=0.3)
    for _ in range(100):
        optimizer.zero_grad()
        method(batch()).loss.backward()
        optimizer.step()
    found = method.deployed(method.views.table["strong", "primary"]).argmax(1)
    assert found.tolist()[B:] == right.tolist()[B:]
