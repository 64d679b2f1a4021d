"""SVFormer against plain NumPy, its reductions, and that it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips
from semivideo.methods import FixMatch, SVFormer, svformer
from semivideo.methods.svformer import TubeMix
from semivideo.transforms.temporal import sample_warp
from semivideo.transforms.tubes import drawn_tubes

K, B, U, T, SIDE = 3, 2, 5, 4, 4
SPEC = {"primary": ClipSpec(T, 1)}
DRAW = np.array([30, 10, 50, 20, 40])
PARTNER = [4, 3, 1, 0, 2]  # by draw: 10 -> 20 -> 30 -> 40 -> 50 -> 10
Y = [2, 0]


class Weighted(nn.Module):
    """Logits of the pixels of a clip, each frame with another weight."""

    num_classes = K

    def __init__(self, seed: int) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(K, T * SIDE * SIDE, generator=draw))

    def features(self, clip):
        return clip[:, 0].flatten(1)

    def classify(self, features):
        return features @ self.weight.T

    def forward(self, clip):
        return self.classify(self.features(clip))


class TableViews:
    """Views drawn once, by the number of the video."""

    def __init__(self) -> None:
        draw = torch.Generator().manual_seed(0)
        self.x, self.w, self.s = (
            torch.randn(n, 1, T, SIDE, SIDE, generator=draw) for n in (B, U, U)
        )

    def standard(self, clips, stream):
        return self.x[clips.video]

    def weak(self, clips, stream):
        return self.w[clips.video] / 2

    def strong(self, clips, stream):
        return self.s[clips.video]


def some(cls, rows, **fields):
    rows = torch.as_tensor(rows)
    draw = torch.from_numpy(DRAW)[rows] if cls is Clips else rows
    return cls(frames={}, size=rows, video=rows, draw=draw, **fields)


def batch(rows=range(U), *, step: int = 3, progress: float = 0.5) -> Batch:
    labeled = some(LabeledClips, range(B), label=torch.tensor(Y))
    return Batch(labeled, some(Clips, rows), step=step, progress=progress)


def made(**options) -> SVFormer:
    """A method whose teacher has other weights than its student."""
    options = {"threshold": 0.6, "weight": 0.7, "mixing": TubeMix(weight=0.3, grid=2), **options}
    method = SVFormer(Weighted(1), views=TableViews(), clips=SPEC, **options)
    method.teacher.network.weight.data = Weighted(2).weight.data.clone()
    return method


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum()


def weights_of(method: SVFormer) -> tuple[np.ndarray, np.ndarray]:
    return tuple(n.weight.detach().numpy() for n in (method.primary, method.teacher.network))


def numpy_losses(method: SVFormer, m: np.ndarray, q: np.ndarray, label: np.ndarray):
    """L_s, L_u and L_mix clip by clip from how much clips count, their targets and labels."""
    F, _ = weights_of(method)
    views, tubes = method.views, drawn_tubes(3, alpha=10.0, grid=2, side=SIDE)
    order = sample_warp(DRAW, stream="primary", num_frames=T)
    s = np.stack([views.s[i, 0].numpy()[order[i]] for i in range(U)])
    M, lam = tubes.mask.numpy()[0, 0], tubes.share
    L_u, L_mix = 0.0, 0.0
    for i, j in enumerate(PARTNER):
        L_u -= m[i] * np.log(softmax(F @ s[i].ravel())[label[i]]) / U
        p = softmax(F @ (M * s[i] + (1 - M) * s[j]).ravel())
        error = ((p - lam * q[i] - (1 - lam) * q[j]) ** 2).mean()
        L_mix += (lam * m[i] + (1 - lam) * m[j]) * error / U
    x = views.x.numpy()[:, 0]
    L_s = np.mean([-np.log(softmax(F @ x[i].ravel())[Y[i]]) for i in range(B)])
    return L_s, L_u, L_mix


def test_svformer__equals_its_equations_clip_by_clip():
    method = made()
    _, teacher = weights_of(method)
    p = np.stack([softmax(teacher @ w.numpy().ravel() / 2) for w in method.views.w])
    m, label = (p.max(1) >= 0.6).astype(float), p.argmax(1)
    assert 0 < m.sum() < U
    q = np.where(m[:, None] > 0, np.eye(K)[label], p)
    L_s, L_u, L_mix = numpy_losses(method, m, q, label)
    result = method(batch())
    assert result.terms["L_u"].item() == pytest.approx(L_u, rel=1e-5)
    assert result.terms["L_mix"].item() == pytest.approx(L_mix, rel=1e-5)
    assert result.loss.item() == pytest.approx(L_s + 0.7 * L_u + 0.3 * L_mix, rel=1e-5)


def test_svformer__adaptive_equals_sefars_equations_clip_by_clip():
    method = made(adaptive=True, supervised_warmup=0.25)
    _, teacher = weights_of(method)
    D = T * SIDE * SIDE
    scales = svformer.dropout_scales(
        torch.from_numpy(DRAW), num_passes=10, num_features=D, rate=0.5, salt=0
    ).numpy()
    p_P = np.stack(
        [
            [softmax(teacher @ (scale * w.numpy().ravel() / 2)) for scale in scales[:, i]]
            for i, w in enumerate(method.views.w)
        ]
    )
    p, label = p_P.mean(axis=1), p_P.mean(axis=1).argmax(1)
    c = p.max(1)
    d = np.array([p_P[i, :, label[i]].std(ddof=1) for i in range(U)])
    w = 2 / (1 + np.exp(-(np.exp(c) - np.e))) * 2 * (1 / (1 + np.exp(-1 / (20 * d))) - 0.5)
    L_s, L_u, L_mix = numpy_losses(method, w, p, label)
    result = method(batch())
    r = np.sin(np.pi / 2 * (0.5 - 0.25) / (1 - 0.25))
    assert result.loss.item() == pytest.approx(L_s + r * (0.7 * L_u + 0.3 * L_mix), rel=1e-5)
    assert result.pseudo[0].kept.tolist() == (w >= 0.5).tolist()


def test_svformer__that_does_nothing_else_is_fixmatch_with_a_teacher():
    method = made(mixing=TubeMix(weight=0.0), warp=False, threshold=0.6)
    method.teacher.network.weight.data = method.primary.weight.data.clone()
    fixmatch = FixMatch(method.primary, views=method.views, clips=SPEC, threshold=0.6, weight=0.7)
    torch.testing.assert_close(method(batch()).loss, fixmatch(batch()).loss)


@pytest.mark.parametrize("order", [[4, 2, 0, 3, 1], [1, 0, 3, 4, 2]])
def test_svformer__does_not_depend_on_the_order_of_the_clips_it_mixes(order):
    torch.testing.assert_close(made()(batch(order)).loss, made()(batch()).loss)


def test_svformer__mixes_across_processes_as_within_one(monkeypatch):
    """Two processes, played one after the other: first what each sends, then what each receives."""
    halves = [batch(rows) for rows in ([0, 2], [1, 3])]
    expected = made()(batch([0, 2, 1, 3])).loss
    sent: list[list[torch.Tensor]] = []
    for half in halves:
        mine: list[torch.Tensor] = []
        monkeypatch.setattr(svformer, "gathered", lambda rows, to=mine: to.append(rows) or rows)
        made()(half)
        sent.append(mine)
    losses = []
    for half in halves:
        received = iter(zip(*sent, strict=True))
        monkeypatch.setattr(svformer, "gathered", lambda _, of=received: torch.cat(next(of)))
        losses.append(made()(half).loss)
    torch.testing.assert_close(sum(losses) / 2, expected)


def test_svformer__makes_its_teacher_at_the_end_of_the_warmup():
    method = made(supervised_warmup=0.4, decay=0.5)
    student, teacher = method.primary.weight.data, method.teacher.network.weight.data
    during = method(batch(progress=0.3))
    torch.testing.assert_close(during.loss.detach(), during.terms["L_s"])
    method.after_step()
    assert torch.equal(teacher, student)
    method(batch(progress=0.4))
    before = student.clone()
    student += 1
    method.after_step()
    torch.testing.assert_close(teacher, before + 1 - 2 / 11)  # its first update


def test_svformer__reverses_segments_and_leaves_the_rest():
    method = made(warp=False, reverse=True)
    method.views.s = torch.arange(8.0).view(1, 1, 8, 1, 1).repeat(U, 1, 1, 1, 1)
    u = batch().unlabeled
    seen = method._retimed(u, method.views.strong(u, "primary"))[:, 0, :, 0, 0]
    pairs = seen.view(U, 4, 2)
    assert (pairs[..., 1] - pairs[..., 0] == -1).sum(dim=1).tolist() == [2] * U
    assert torch.equal(pairs.sum(dim=2), torch.tensor([1.0, 5, 9, 13]).expand(U, 4))


def test_svformer__learns_from_unlabelled_clips_what_the_labels_do_not_say():
    """Labels show their class in frame 0 alone; unlabelled clips show it in frame 1 as well."""
    draw = torch.Generator().manual_seed(0)
    number = torch.arange(60) % K
    shown = torch.zeros(60, 1, T, SIDE, SIDE)
    shown[:, 0, 0].view(60, -1)[torch.arange(60), number] = 3
    shown[:, 0, 1].view(60, -1)[torch.arange(60), number] = 3
    noise = torch.randn(shown.shape, generator=draw) / 4
    labeled = shown[:6].clone()
    labeled[:, :, 1] = 0
    method = made(mixing=TubeMix(weight=1.0, grid=2), weight=1.0, warp=False, decay=0.9)
    method.views.x, method.views.w, method.views.s = labeled, 2 * (shown + noise), shown + noise
    method.primary.weight.data.zero_()
    rows = torch.arange(60)
    x = LabeledClips({}, rows[:6], rows[:6], rows[:6], label=number[:6])
    clips = Batch(x, Clips({}, rows, rows, rows), step=0, progress=0.0)
    optimizer = torch.optim.SGD(method.primary.parameters(), lr=0.5)
    for step in range(60):
        optimizer.zero_grad()
        method(replace(clips, step=step, progress=step / 60)).loss.backward()
        optimizer.step()
        method.after_step()
    late = torch.zeros(K, 1, T, SIDE, SIDE)
    late[:, 0, 1].view(K, -1)[torch.arange(K), torch.arange(K)] = 3
    assert method.deployed(late).argmax(1).tolist() == [0, 1, 2]
    assert method.deployed(late).softmax(1).amax(1).min() > 0.5
