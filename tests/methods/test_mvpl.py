"""MvPL from a table of numbers, its fusions one by one, and its reductions."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from semivideo.base.errors import ConfigError
from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips
from semivideo.methods import FixMatch, MvPL, Supervised
from semivideo.methods.mvpl import fused_labels

CLIPS = {"primary": ClipSpec(8, 4)}
Y = torch.tensor([0, 2])
# Views are logits before the network's factors: one row a clip, three classes.
X = {
    "primary": [[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]],
    "fast_gradient": [[1.0, 0.2, 0.3], [-0.5, 0.5, 2.0]],
    "flow": [[0.0, 0.1, 0.4], [1.5, -0.5, 1.0]],
}
WEAK = {  # the second clip is unsure, the third one's modalities disagree
    "primary": [[4.0, 0.0, 0.0], [0.3, 0.2, 0.1], [-1.0, 3.5, 0.0], [0.0, 0.5, 3.0]],
    "fast_gradient": [[3.0, 0.5, 0.0], [0.1, 0.4, 0.2], [4.5, 0.5, 0.5], [0.5, 0.0, 2.0]],
    "flow": [[2.5, 0.0, 1.0], [0.0, 0.1, 0.3], [0.1, 2.5, 0.0], [0.5, 0.2, 4.0]],
}
STRONG = {
    "primary": [[1.0, 0.5, 0.0], [0.0, 0.0, 1.0], [0.2, -0.4, 0.9], [1.0, 1.0, 1.0]],
    "fast_gradient": [[0.2, 0.5, 0.4], [1.0, 0.3, 0.0], [0.7, 0.4, 0.1], [0.0, 2.0, 1.0]],
    "flow": [[0.9, 0.1, 0.1], [0.6, 0.3, 1.0], [0.0, 0.4, 0.9], [0.3, 0.2, 1.0]],
}
FACTORS = [1.0, 0.8, 1.2]


class TableViews:
    def standard(self, clips, stream):
        return torch.tensor(X[stream])

    def weak(self, clips, stream):
        return torch.tensor(WEAK[stream])

    def strong(self, clips, stream):
        return torch.tensor(STRONG[stream])


class Scaled(nn.Module):
    """Logits are the view times a weight; counts its forwards."""

    def __init__(self) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.tensor(FACTORS))
        self.sizes: list[int] = []

    def forward(self, view):
        self.sizes.append(len(view))
        return view * self.factors


def batch(*, progress: float = 0.5) -> Batch:
    def common(n):
        numbers = torch.arange(n)
        return {"frames": {}, "size": torch.ones(n, 2), "video": numbers, "draw": numbers}

    return Batch(LabeledClips(**common(2), label=Y), Clips(**common(4)), step=0, progress=progress)


def mvpl(*modalities: str, **options) -> MvPL:
    given = {"modalities": ("rgb", *modalities)} if modalities else {}
    return MvPL(Scaled(), views=TableViews(), clips=CLIPS, **given, **options)


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def cross_entropy(z: np.ndarray, k: np.ndarray) -> np.ndarray:
    return np.log(np.exp(z).sum(1)) - z[np.arange(len(z)), k]


def numpy_mvpl(streams, fusion: str, *, t: float, weight: float) -> SimpleNamespace:
    """The equations of the page clip by clip, independent of torch."""
    x, w, s = ([np.array(table[v]) * FACTORS for v in streams] for table in (X, WEAK, STRONG))
    q = softmax(sum(w) / len(w)) if fusion == "logits" else sum(map(softmax, w)) / len(w)
    kept = q.max(1) >= t
    if fusion == "agreement":
        votes = [z.argmax(1) for z in w]
        kept &= [len({int(vote[i]) for vote in votes}) == 1 for i in range(4)]
    L_s = [cross_entropy(z, Y.numpy()).sum() / 2 for z in x]
    L_u = [(cross_entropy(z, q.argmax(1)) * kept).sum() / 4 for z in s]
    loss = sum(L_s) / len(L_s) + weight * sum(L_u) / len(L_u)
    return SimpleNamespace(loss=loss, L_s=L_s, L_u=L_u, kept=kept, label=q.argmax(1))


@pytest.mark.parametrize("motions", [("fast_gradient",), ("fast_gradient", "flow")])
@pytest.mark.parametrize("fusion", ["probabilities", "logits", "agreement"])
@pytest.mark.parametrize(("threshold", "weight"), [(0.3, 1.0), (0.75, 2.0), (0.99, 1.0)])
def test_mvpl__equals_its_equations_in_numpy(motions, fusion, threshold, weight):
    method = mvpl(*motions, fusion=fusion, threshold=threshold, weight=weight)
    expected = numpy_mvpl(("primary", *motions), fusion, t=threshold, weight=weight)
    result = method(batch())
    assert result.loss.item() == pytest.approx(expected.loss, rel=1e-5)
    for number, name in enumerate(("rgb", *motions)):
        assert result.terms[f"L_s^{name}"].item() == pytest.approx(expected.L_s[number], rel=1e-5)
        assert result.terms[f"L_u^{name}"].item() == pytest.approx(expected.L_u[number], rel=1e-5)
    assert result.pseudo[0].network == "fused"
    assert result.pseudo[0].kept.tolist() == expected.kept.tolist()
    assert result.pseudo[0].label.tolist() == expected.label.tolist()


def test_mvpl__with_two_modalities_halves_each_term_as_the_published_code_does():
    result = mvpl()(batch())
    expected = 0.5 * sum(result.terms.values())
    assert result.loss.item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("progress", [0.1, 0.5])
def test_mvpl__on_frames_alone_is_fixmatch(progress):
    options = {"threshold": 0.6, "weight": 3.0, "supervised_warmup": 0.2}
    given = batch(progress=progress)
    fixmatch = FixMatch(Scaled(), views=TableViews(), clips=CLIPS, **options)
    for fusion in ("probabilities", "logits", "agreement"):
        one = MvPL(
            Scaled(), views=TableViews(), clips=CLIPS, modalities=("rgb",), fusion=fusion, **options
        )
        loss, expected = one(given).loss, fixmatch(given).loss
        torch.testing.assert_close(loss, expected)
        found = torch.autograd.grad(loss, one.primary.factors)
        wanted = torch.autograd.grad(expected, fixmatch.primary.factors)
        torch.testing.assert_close(found, wanted)


def test_mvpl__without_weight_is_supervised_training_on_frames_alone():
    supervised = Supervised(Scaled(), views=TableViews(), clips=CLIPS)
    method = mvpl(weight=0.0)
    torch.testing.assert_close(method(batch()).loss, supervised(batch()).loss)
    assert method.primary.sizes == [2]


def test_mvpl__warms_up_on_the_labels_of_all_modalities():
    method = mvpl(supervised_warmup=0.2)
    result = method(batch(progress=0.1))
    expected = numpy_mvpl(("primary", "fast_gradient"), "probabilities", t=0.3, weight=0.0)
    assert result.loss.item() == pytest.approx(expected.loss, rel=1e-5)
    assert method(batch(progress=0.2)).loss > result.loss


def test_mvpl__sees_all_views_of_all_modalities_in_one_forward():
    method = mvpl("fast_gradient", "flow")
    method(batch())
    assert method.primary.sizes == [3 * (2 + 4 + 4)]


def test_fused_labels__differ_where_one_modality_is_surer_than_the_others():
    """One says class 0 at 0.9998, two say class 1 at 0.73.

    Probabilities: class 0 has (0.9998 + 0.2689 + 0.2689) / 3 = 0.5125. Logits: 8.5 / 3 for class 0,
    2 / 3 for class 1, so 1 / (1 + exp(-6.5 / 3)) = 0.8972.
    """
    logits = [torch.tensor([[8.5, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 1.0]])]
    found = {f: fused_labels(logits, fusion=f, threshold=0.6) for f in ("probabilities", "logits")}
    assert found["probabilities"].label.item() == found["logits"].label.item() == 0
    assert found["probabilities"].confidence.item() == pytest.approx(0.5125, abs=1e-4)
    assert found["logits"].confidence.item() == pytest.approx(0.8972, abs=1e-4)
    assert not found["probabilities"].kept.item()
    assert found["logits"].kept.item()
    assert not fused_labels(logits, fusion="agreement", threshold=0.0).kept.item()
    alike = [torch.tensor([[2.0, 0.0]])] * 2
    assert fused_labels(alike, fusion="agreement", threshold=0.8).kept.item()


def test_mvpl__asks_for_the_frames_of_its_network_in_every_modality():
    method = mvpl("slow_gradient", "flow")
    assert list(method.clips) == ["primary", "slow_gradient", "flow"]
    assert [spec.modality for spec in method.clips.values()] == ["rgb", "slow_gradient", "flow"]
    frames = {(s.num_frames, s.stride_frames, s.is_apart) for s in method.clips.values()}
    assert frames == {(8, 4, False)}


@pytest.mark.parametrize("modalities", [(), ("flow", "rgb"), ("rgb", "flow", "flow")])
def test_mvpl__refuses_modalities_it_cannot_deploy(modalities):
    with pytest.raises(ConfigError, match=r"must begin with rgb.* no modality twice, got \["):
        MvPL(Scaled(), views=TableViews(), clips=CLIPS, modalities=modalities)
