"""ActorCutMix against a computation clip by clip, and its reductions."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from semivideo.base.errors import DataError
from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips
from semivideo.methods import ActorCutMix, FixMatch, actorcutmix
from semivideo.settings import ViewSettings
from semivideo.transforms import Views

K, B, SIDE = 3, 2, 4
SPEC = {"primary": ClipSpec(2, 1)}
# Boxes (top, left, height, width): three people, nobody, somebody who fills the view.
BOXES = np.array([[0, 0, 2, 2], [1, 1, 3, 2], [0, 0, 0, 0], [2, 0, 2, 4], [0, 0, 4, 4]])
DRAW = np.array([30, 10, 50, 20, 40])
PARTNER = {0: 1, 1: 3, 3: 0}  # by draw: 10 -> 20 -> 30 -> 10; clips 2 and 4 stay out
Y = [2, 0]


class Linear(nn.Module):
    """Logits of the pixels of the mean frame."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(SIDE * SIDE, K)

    def forward(self, clip):
        return self.linear(clip.mean(dim=(1, 2)).flatten(1))


class Given:
    """Views are rows of given tensors: those whose numbers the clips carry."""

    def __init__(self, x, weak, strong):
        self.x, self.w, self.s = x, weak, strong

    def standard(self, clips, stream):
        return self.x[clips.video]

    def weak(self, clips, stream):
        return self.w[clips.video]

    def strong(self, clips, stream):
        return self.s[clips.video]


def some(cls, rows, **fields):
    rows = torch.as_tensor(rows)
    draw = torch.from_numpy(DRAW)[rows] if cls is Clips else rows
    return cls(frames={}, size=rows, video=rows, draw=draw, **fields)


@pytest.fixture
def case(monkeypatch):
    """A method whose clips have the boxes of the table, a batch, and the method's views."""
    torch.manual_seed(0)
    views = Given(*(torch.randn(n, 3, 2, SIDE, SIDE) * 3 for n in (B, 5, 5)))
    network = Linear()

    def boxes(views_NCTHW):
        rows = [next(i for i, w in enumerate(views.w) if torch.equal(w, v)) for v in views_NCTHW]
        return torch.from_numpy(BOXES[rows]).float()

    monkeypatch.setattr(actorcutmix, "motion_boxes", boxes)

    def make(**options):
        options = {"threshold": 0.5, "weight": 0.7, "mix_probability": 1.0} | options
        return ActorCutMix(network, views=views, clips=SPEC, **options)

    labeled = some(LabeledClips, range(B), label=torch.tensor(Y))
    batch = Batch(labeled, some(Clips, range(5)), step=0, progress=0.0)
    return make, batch, views


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum()


def test_actorcutmix__equals_its_equations_clip_by_clip(case):
    make, batch, views = case
    method = make()
    weight, bias = (p.detach().numpy() for p in method.primary.linear.parameters())
    x, w, s = (v.numpy() for v in (views.x, views.w, views.s))

    def logits(clip: np.ndarray) -> np.ndarray:
        return weight @ clip.mean(axis=(0, 1)).ravel() + bias

    m = np.zeros((5, SIDE, SIDE))
    for i, (top, left, height, width) in enumerate(BOXES):
        m[i, top : top + height, left : left + width] = 1
    p = [softmax(logits(clip)) for clip in w]
    terms = []
    for i in range(5):
        j = PARTNER.get(i, i)
        view = m[i] * w[i] + (1 - m[i]) * (1 - m[j]) * w[j] if i in PARTNER else s[i]
        v = 1 - (1 - m[i].mean()) ** 4 if i in PARTNER else 1.0
        log_q = np.log(softmax(logits(view)))
        mixed = v * -log_q[p[i].argmax()] + (1 - v) * -log_q[p[j].argmax()]
        terms.append((p[i].max() >= 0.5) * mixed)
    assert 0 < sum(term == 0 for term in terms) < 5  # the threshold decides something
    L_s = np.mean([-np.log(softmax(logits(x[i]))[Y[i]]) for i in range(B)])
    result = method(batch)
    assert result.terms["L_u"].item() == pytest.approx(np.mean(terms), rel=1e-5)
    assert result.loss.item() == pytest.approx(L_s + 0.7 * np.mean(terms), rel=1e-5)
    assert result.terms["mixed"].item() == pytest.approx(3 / 5)


@pytest.mark.parametrize(("r", "v"), [(0.25, 0.68359375), (0.375, 0.847412109375)])
def test_actorcutmix__gives_the_people_most_of_the_label(case, r, v):
    make, batch, views = case
    _, share, _ = make()._before_other_scenes(batch.unlabeled, views.w, views.s)
    clip = {0.25: 0, 0.375: 1}[r]  # boxes of 4 and of 6 of the 16 pixels
    assert share[clip].item() == v
    assert share[[2, 4]].tolist() == [1.0, 1.0]


def test_actorcutmix__shows_people_before_a_scene_without_its_people(case):
    make, batch, views = case
    s, _, _ = make()._before_other_scenes(batch.unlabeled, views.w, views.s)
    assert torch.equal(s[0, ..., :2, :2], views.w[0, ..., :2, :2])
    assert torch.equal(s[0, ..., 0, 2:], views.w[1, ..., 0, 2:])
    assert not s[0, ..., 2:, 1:3].any()  # where clip 1 has its people: the mean colour
    assert torch.equal(s[[2, 4]], views.s[[2, 4]])  # nobody, and nothing but somebody


def test_actorcutmix__without_mixing_is_fixmatch(case):
    make, batch, views = case
    method = make(mix_probability=0.0)
    fixmatch = FixMatch(method.primary, views=views, clips=SPEC, threshold=0.5, weight=0.7)
    assert method(batch).loss == fixmatch(batch).loss


def test_actorcutmix__with_one_person_in_the_batch_is_fixmatch(case):
    make, batch, views = case
    method = make()
    batch = replace(batch, unlabeled=some(Clips, [0, 2, 4]))
    fixmatch = FixMatch(method.primary, views=views, clips=SPEC, threshold=0.5, weight=0.7)
    assert method(batch).loss == fixmatch(batch).loss


def test_actorcutmix__mixes_in_the_share_of_steps_asked_for(case):
    make, batch, _ = case
    method = make(mix_probability=0.3)

    def mixed(steps: range) -> list[float]:
        found = [method(replace(batch, step=step)).terms["mixed"].item() for step in steps]
        return [round(share, 6) for share in found]

    shares = mixed(range(200))
    assert set(shares) == {0.0, 0.6}
    assert np.mean(shares) / 0.6 == pytest.approx(0.3, abs=0.07)
    assert shares[150:] == mixed(range(150, 200))  # a resumed run mixes the same steps


@pytest.mark.parametrize("order", [[4, 2, 0, 3, 1], [1, 0, 3, 4, 2]])
def test_actorcutmix__does_not_depend_on_the_order_of_the_clips_it_mixes(case, order):
    make, batch, _ = case
    permuted = replace(batch, unlabeled=some(Clips, order))
    torch.testing.assert_close(make()(permuted).loss, make()(batch).loss)


def test_actorcutmix__mixes_across_processes_as_within_one(case, monkeypatch):
    """Two processes, played one after the other: first what each sends, then what each receives."""
    make, batch, _ = case
    halves = [replace(batch, unlabeled=some(Clips, rows)) for rows in ([0, 2], [1, 3])]
    whole = replace(batch, unlabeled=some(Clips, [0, 2, 1, 3]))
    expected = make()(whole).loss
    sent: list[list[torch.Tensor]] = []
    for half in halves:
        mine: list[torch.Tensor] = []
        monkeypatch.setattr(actorcutmix, "gathered", lambda rows, to=mine: to.append(rows) or rows)
        make()(half)
        sent.append(mine)
    losses = []
    for half in halves:
        received = iter(zip(*sent, strict=True))
        monkeypatch.setattr(actorcutmix, "gathered", lambda _, of=received: torch.cat(next(of)))
        losses.append(make()(half).loss)
    torch.testing.assert_close(sum(losses) / 2, expected)


def test_actorcutmix__takes_boxes_from_a_file(tmp_path):
    path = tmp_path / "boxes.json"
    top_left, right = [0.0, 0.0, 0.5, 0.5, 0.9], [0.75, 0.0, 1.0, 1.0, 0.9]
    path.write_text(json.dumps({"b": [top_left], "c": [right]}))
    views = Views(ViewSettings(crop_size=8, weak_scale=1.0))
    options = {"boxes": path, "mix_probability": 1.0, "clips": SPEC}
    method = ActorCutMix(Linear(), views=views, **options)
    method.prepare(["a", "b", "c"])
    assert "box_of_video" not in method.state_dict()
    frames = torch.tensor([10, 100, 200], dtype=torch.uint8).view(3, 1, 1, 1, 1)
    frames = {"primary": frames.repeat(1, 2, 3, 8, 8)}
    number = torch.arange(3)
    u = Clips(frames, torch.tensor([[8, 8]] * 3), number, number)
    u_w, u_s = views.weak(u, "primary"), views.strong(u, "primary")
    s, v, _ = method._before_other_scenes(u, u_w, u_s)
    levels = ((s[:, 0, 0] * 0.225 + 0.45) * 255).round()
    expected = torch.full((8, 8), 200.0)
    expected[:4, :4], expected[:, 6:] = 100, 0.45 * 255
    torch.testing.assert_close(levels[1], expected.round())
    assert v.tolist() == [1.0, 1 - 0.75**4, 1 - 0.75**4]
    assert torch.equal(s[0], u_s[0])  # nobody was found in video a


def test_actorcutmix__refuses_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "boxes.json"
    method = ActorCutMix(Linear(), views=Views(ViewSettings()), clips=SPEC, boxes=path)
    with pytest.raises(DataError, match=r"cannot read human boxes from .*boxes\.json"):
        method.prepare(["a"])
