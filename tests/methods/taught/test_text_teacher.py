"""The text teacher against plain NumPy, its reduction to FixMatch, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from semivideo.base.errors import ConfigError, DataError
from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips
from semivideo.methods import FixMatch, TextTeacher
from semivideo.methods.parts.image_logits import write_image_logits

K, B, V = 3, 2, 6
SPEC = {"primary": ClipSpec(1, 1)}
Y = [2, 0]
IDS = [f"{n}.mp4" for n in range(V)]
SAID = torch.randn(V, K, generator=torch.Generator().manual_seed(9)) * 2


class Scaled(nn.Module):
    """Logits are the view times a weight."""

    num_classes = K

    def __init__(self) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.tensor([1.0, 0.8, 1.2]))

    def forward(self, view):
        return view * self.factors


class TableViews:
    """Views drawn once, by the number of the video."""

    def __init__(self) -> None:
        draw = torch.Generator().manual_seed(0)
        self.x, self.w, self.s = (2 * torch.randn(V, K, generator=draw) for _ in range(3))

    def standard(self, clips, stream):
        return self.x[clips.video]

    def weak(self, clips, stream):
        return self.w[clips.video]

    def strong(self, clips, stream):
        return self.s[clips.video]


def batch(rows=range(V), *, progress: float = 0.25) -> Batch:
    def some(cls, rows, **fields):
        rows = torch.as_tensor(rows)
        return cls(frames={}, size=rows, video=rows, draw=rows, **fields)

    labeled = some(LabeledClips, range(B), label=torch.tensor(Y))
    return Batch(labeled, some(Clips, rows), step=0, progress=progress)


def made(*, told=(IDS, SAID), **options) -> TextTeacher:
    options = {"threshold": 0.6, "weight": 0.7, "teacher": "encoder", "text_weight": 0.5} | options
    method = TextTeacher(Scaled(), views=TableViews(), clips=SPEC, **options)
    method.told = told
    method.prepare(IDS)
    return method


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


@pytest.mark.parametrize(("temperature", "fade"), [(1.0, 1.0), (2.0, 0.5)])
def test_text_teacher__equals_its_equations_in_numpy(temperature, fade):
    method = made(temperature=temperature, fade=fade)
    method(batch(range(4)))  # the mean is over clips of both steps
    f = method.primary.factors.detach().numpy()
    x, w, s = (v.numpy() * f for v in (method.views.x[:B], method.views.w, method.views.s))
    a = softmax(SAID.numpy().astype(np.float64))
    q = a / (K * np.concatenate([a[:4], a]).mean(0))
    q = (q / q.sum(1, keepdims=True)) ** (1 / temperature)
    q /= q.sum(1, keepdims=True)
    L_t = temperature**2 * (q * np.log(q / softmax(s / temperature))).sum(1).mean()
    p = softmax(w)
    L_u = (-np.log(softmax(s)[np.arange(V), p.argmax(1)]) * (p.max(1) >= 0.6)).mean()
    L_s = -np.log(softmax(x)[np.arange(B), Y]).mean()
    result = method(batch())
    assert result.terms["L_t"].item() == pytest.approx(L_t, rel=1e-5)
    r = 1 - 0.25 / fade
    assert result.loss.item() == pytest.approx(L_s + 0.7 * L_u + r * 0.5 * L_t, rel=1e-5)


def test_text_teacher__is_fixmatch_once_it_has_faded():
    method = made(fade=0.5)
    fixmatch = FixMatch(method.primary, views=method.views, clips=SPEC, threshold=0.6, weight=0.7)
    late = batch(progress=0.5)
    torch.testing.assert_close(method(late).loss, fixmatch(late).loss)
    assert method(batch()).loss > fixmatch(batch()).loss


@pytest.mark.parametrize("order", [[4, 2, 0, 5, 3, 1]])
def test_text_teacher__does_not_depend_on_the_order_of_its_clips(order):
    torch.testing.assert_close(made()(batch(order)).loss, made()(batch()).loss)


def test_text_teacher__keeps_the_mean_in_its_state_and_not_what_was_said():
    method, resumed = made(), made()
    method(batch())
    assert "said" not in method.state_dict()
    resumed.load_state_dict(method.state_dict())
    torch.testing.assert_close(resumed(batch([1, 2])).loss, method(batch([1, 2])).loss)


def test_text_teacher__reads_a_file_and_finds_all_classes_alike_where_nothing_is_told(tmp_path):
    path = tmp_path / "said.npz"
    write_image_logits(path, IDS[::-1], SAID.numpy()[::-1])
    assert torch.equal(made(teacher=str(path)).said, SAID)
    partly = made(told=(IDS[:2], SAID[:2]))
    assert torch.equal(partly.said[:2], SAID[:2])
    assert not partly.said[2:].any()


def test_text_teacher__refuses_what_cannot_teach(tmp_path):
    write_image_logits(tmp_path / "said.npz", IDS, np.zeros((V, K + 1)))
    with pytest.raises(
        DataError, match=r"said\.npz has logits of 4 classes, and the videos have 3"
    ):
        made(teacher=str(tmp_path / "said.npz"))
    with pytest.raises(ConfigError, match=r"method.text_weight = 0.5 needs a teacher; on features"):
        made(teacher=None)
    with pytest.raises(
        ConfigError, match=r"method.teacher = 'encoder' has no effect with method.t"
    ):
        made(text_weight=0.0)
    with pytest.raises(
        ConfigError, match=r"method.teacher = 'said' is no file of logits; write PA"
    ):
        made(teacher="said")
    with pytest.raises(
        ConfigError, match=r"and these are videos; name PATH.npz, which semivideo.ev"
    ):
        made(told=None)


def test_text_teacher__learns_classes_that_have_no_label():
    method = made(weight=0.0, text_weight=1.0)
    right = torch.arange(V) % K
    method.said = torch.zeros(V, K)
    method.said[torch.arange(V), right] = 5.0
    method.views.s = torch.eye(K)[(right + 1) % K]  # its classes are not the views' numbers
    network = nn.Linear(K, K)
    network.num_classes = K
    method.primary = network
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    own = replace(batch(progress=0.0), labeled=batch([1]).labeled)
    for _ in range(100):
        optimizer.zero_grad()
        method(own).loss.backward()
        optimizer.step()
    found = method.deployed(method.views.s).argmax(1)
    assert found.tolist()[1::3] == right.tolist()[1::3]  # class 1 has no labelled clip
