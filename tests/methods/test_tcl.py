"""TCL's equations and phases against plain NumPy on small tables."""

import numpy as np
import pytest
import torch
from torch import nn

from semivideo.base.errors import ConfigError
from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips
from semivideo.methods import TCL

X = [[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]]
Y = [0, 2]
# Most probable classes once scaled: fast 0 0 1 2 0, slow 0 1 1 1 0; class 2 is in one path only.
U_FAST = [[4.0, 0.0, 0.0], [0.9, 0.2, 0.1], [-1.0, 3.5, 0.0], [0.0, 0.5, 3.0], [0.6, 0.5, 0.0]]
U_SLOW = [[3.0, 0.5, 0.0], [0.1, 0.9, 0.2], [-0.5, 2.5, 0.5], [0.5, 2.0, 0.4], [1.0, 0.2, 0.0]]
FACTORS = [1.0, 0.8, 1.2]
WARMUP, MIDDLE, END = 0.1, 0.5, 0.9


class Given:
    """Standard views are tables that record gradients."""

    def __init__(self) -> None:
        tables = {"x": X, "primary": U_FAST, "slow": U_SLOW}
        self.table = {k: torch.tensor(v, requires_grad=True) for k, v in tables.items()}

    def standard(self, clips, stream):
        return self.table["x" if isinstance(clips, LabeledClips) else stream]


class Scaled(nn.Module):
    """Logits are the view times a weight; the sizes of all batches are recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.tensor(FACTORS))
        self.sizes: list[int] = []

    def forward(self, view):
        self.sizes.append(len(view))
        return view * self.factors


def make(**options) -> TCL:
    return TCL(Scaled(), views=Given(), clips={"primary": ClipSpec(8, 4)}, **options)


def batch(progress: float) -> Batch:
    def common(n):
        numbers = torch.arange(n)
        return {"frames": {}, "size": numbers, "video": numbers, "draw": numbers}

    labeled = LabeledClips(**common(2), label=torch.tensor(Y))
    return Batch(labeled, Clips(**common(5)), step=0, progress=progress)


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def nt_xent(a: np.ndarray, b: np.ndarray) -> float:
    """Pair by pair, temperature 0.5."""
    rows, n = np.concatenate([a, b]), len(a)

    def similarity(i, j):
        cosine = rows[i] @ rows[j] / np.linalg.norm(rows[i]) / np.linalg.norm(rows[j])
        return np.exp(cosine / 0.5)

    losses = []
    for i in range(2 * n):
        others = sum(similarity(i, j) for j in range(2 * n) if j != i)
        losses.append(-np.log(similarity(i, (i + n) % (2 * n)) / others))
    return float(np.mean(losses))


def numpy_terms(threshold: float) -> dict[str, float]:
    f, s, x = (softmax(np.array(t) * FACTORS) for t in (U_FAST, U_SLOW, X))
    shared = sorted(set(f.argmax(1)) & set(s.argmax(1)))
    assert shared == [0, 1]
    assert 2 in f.argmax(1)
    groups = [np.stack([p[p.argmax(1) == k].mean(0) for k in shared]) for p in (f, s)]
    return {
        "L_s": -np.log(x[[0, 1], Y]).mean(),
        "L_u": (-np.log(f.max(1)) * (f.max(1) >= threshold)).mean(),
        "L_ic": nt_xent(f, s),
        "L_gc": nt_xent(*groups),
    }


@pytest.mark.parametrize("progress", [WARMUP, MIDDLE, END])
@pytest.mark.parametrize("detach_fast", [False, True])
def test_tcl__equals_its_equations_in_numpy(progress, detach_fast):
    expected = numpy_terms(0.8)
    total = {
        WARMUP: expected["L_s"],
        MIDDLE: expected["L_s"] + 9 * expected["L_ic"] + expected["L_gc"],
        END: expected["L_s"] + expected["L_u"],
    }
    result = make(detach_fast=detach_fast)(batch(progress))
    assert result.loss.item() == pytest.approx(total[progress], rel=1e-5)
    assert set(result.terms) == {"L_s", "L_u"} | ({"L_ic", "L_gc"} if progress == MIDDLE else set())
    for name, value in result.terms.items():
        assert value.item() == pytest.approx(expected[name], rel=1e-5), name
    assert 0 < result.pseudo[0].kept.sum() < 5


@pytest.mark.parametrize(
    ("options", "phase"),
    [
        ({"contrast_from": 0.0}, "contrast"),
        ({"contrast_from": 0.5}, "contrast"),
        ({"contrast_from": 0.51}, "labels"),
        ({"finetune": 0.5}, "finetune"),
        ({"finetune": 0.49}, "contrast"),
        ({"contrast_from": 0.3, "finetune": 1.0}, "finetune"),
    ],
)
def test_tcl__changes_its_phase_when_told(options, phase):
    result = make(**options)(batch(0.5))
    L, t = result.loss.detach(), result.terms
    total = {"labels": t["L_s"], "finetune": t["L_s"] + t["L_u"]}
    if phase == "contrast":
        total[phase] = t["L_s"] + 9 * t["L_ic"] + t["L_gc"]
    torch.testing.assert_close(L, total[phase])
    assert ("L_ic" in t) == (phase == "contrast")


def test_tcl__without_finetuning_contrasts_to_the_end():
    assert "L_ic" in make(finetune=0.0)(batch(0.999)).terms


@pytest.mark.parametrize("detach_fast", [False, True])
@pytest.mark.parametrize("weights", [(9.0, 0.0), (0.0, 1.0)], ids=["instances", "groups"])
def test_tcl__teaches_the_fast_path_unless_it_is_detached(weights, detach_fast):
    method = make(weight=weights[0], group_weight=weights[1], detach_fast=detach_fast)
    method(batch(MIDDLE)).loss.backward()
    fast, slow = (method.views.table[name].grad for name in ("primary", "slow"))
    assert slow.abs().max() > 1e-3
    assert (fast.abs().max() < 1e-9) == detach_fast


def test_tcl__sends_no_gradient_through_pseudo_labels():
    """Only the prediction has one: (p - one_hot) / U where the label is kept."""
    method = make(threshold=0.8)
    method(batch(END)).loss.backward()
    p = softmax(np.array(U_FAST) * FACTORS)
    kept = p.max(1) >= 0.8
    expected = (p - np.eye(3)[p.argmax(1)]) * kept[:, None] / 5 * FACTORS
    found = method.views.table["primary"].grad
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("progress", "sizes"), [(WARMUP, [7]), (MIDDLE, [7, 5]), (END, [7])])
def test_tcl__joins_labelled_clips_with_the_fast_path_and_skips_an_unused_slow_one(progress, sizes):
    method = make()
    method(batch(progress))
    assert method.primary.sizes == sizes


def test_tcl__draws_the_slow_path_apart_at_half_the_frames():
    assert make().clips["slow"] == ClipSpec(4, 8, is_apart=True)
    assert next(iter(make().clips)) == "primary"


def test_tcl__refuses_clips_that_cannot_be_halved():
    with pytest.raises(
        ConfigError, match=r"half of networks\.primary\.num_frames = 1 frames.*2 or"
    ):
        TCL(Scaled(), views=Given(), clips={"primary": ClipSpec(1, 1)})
