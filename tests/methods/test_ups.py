"""UPS against NumPy: what a round chooses, and what the next one learns from it."""

import copy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from semivideo.base.errors import ConfigError
from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips
from semivideo.methods.parts.selection import Selection, dropout_scales, first_draws
from semivideo.methods.ups import UPS
from semivideo.models.contract import Network
from semivideo.settings import Settings
from tests.two_processes import run_two, work_as_one_of_two

K, D, B, V = 3, 6, 2, 12
LENIENT = Selection(tau_p=0.5, kappa_p=0.2, tau_n=0.25, kappa_n=0.07, min_per_class=3)


class Linear(Network):
    """The clip is its feature; dropout of its own must stay off while rounds choose."""

    num_classes, num_features = K, D

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(D, K)
        self.num_features_calls = 0

    def features(self, clip):
        self.num_features_calls += 1
        return clip.flatten(1)

    def classify(self, features):
        return self.linear(nn.functional.dropout(features, 0.5, self.training))


class Given:
    """All views are the clip itself; the labelled view is negated, to tell it from the weak one."""

    def weak(self, clips, stream):
        return clips.frames[stream]

    def standard(self, clips, stream):
        return -clips.frames[stream]


def make_method(seed: int = 0, **options) -> UPS:
    torch.manual_seed(seed)
    network = Linear()
    with torch.no_grad():
        network.linear.weight.mul_(4)
    options = {"selection": LENIENT, "rounds": 3, **options}
    method = UPS(network, views=Given(), clips={"primary": ClipSpec(1, 1)}, **options)
    method.prepare([f"{row}.mp4" for row in range(V + 2)])  # the last two come in no pass
    return method


CLIPS = torch.randn(V, 1, 1, 1, 1, D, generator=torch.Generator().manual_seed(5))


def make_batch(rows, *, step: int = 0) -> Batch:
    rows = torch.tensor(rows)

    def common(rows):
        size = torch.ones(len(rows), 2, dtype=torch.int64)
        return {"size": size, "video": rows, "draw": rows * 7 + 1000 * step}

    x = torch.arange(B * D).view(B, 1, 1, 1, 1, D) / 10
    labeled = LabeledClips({"primary": x}, **common(torch.arange(B)), label=torch.tensor([2, 0]))
    return Batch(labeled, Clips({"primary": CLIPS[rows]}, **common(rows)), step, progress=0.0)


def one_pass() -> list[Batch]:
    """Three batches, the last of which begins the next pass."""
    return [make_batch([3, 1, 4, 0, 5]), make_batch([9, 2, 6, 8, 7]), make_batch([10, 11, 3, 5, 9])]


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max())
    return e / e.sum()


def reference_selection(method: UPS, *, salt: int, video: int):
    """Label, confidence, deviation, kept and excluded classes of one video, pass by pass."""
    s = method.selection
    weight, bias = (p.detach().double().numpy() for p in method.primary.linear.parameters())
    draw = torch.tensor([video * 7])
    scale = dropout_scales(
        draw, num_passes=s.num_passes, num_features=D, rate=s.dropout, salt=salt
    ).numpy()[:, 0]
    logits = [weight @ (CLIPS[video].flatten().numpy() * one) + bias for one in scale]
    p = np.array([softmax(z) for z in logits])
    q = np.array([softmax(z / s.temperature) for z in logits])
    label = p.mean(axis=0).argmax()
    kept = p.mean(axis=0)[label] >= s.tau_p and p.std(axis=0, ddof=1)[label] <= s.kappa_p
    excluded = (q.mean(axis=0) <= s.tau_n) & (q.std(axis=0, ddof=1) <= s.kappa_n)
    excluded &= np.arange(K) != label
    return label, p.mean(axis=0)[label], p.std(axis=0, ddof=1)[label], kept, excluded


def test_ups__chooses_what_numpy_chooses():
    method = make_method(selection=LENIENT.model_copy(update={"balanced_rounds": 0}))
    expected = [reference_selection(method, salt=1, video=video) for video in range(V)]
    method.start_round(one_pass())
    for video, (label, confidence, _, kept, excluded) in enumerate(expected):
        assert method.label[video] == label
        assert method.confidence[video].item() == pytest.approx(confidence, rel=1e-4)
        assert method.kept[video] == kept
        assert method.excluded[video].tolist() == (excluded & (not kept)).tolist()
    assert 0 < method.kept.sum() < V  # the case is not trivial
    assert method.excluded.any()
    assert not method.kept[V:].any()
    assert not method.excluded[V:].any()


def test_ups__balances_classes_in_the_first_selections():
    selection = LENIENT.model_copy(update={"tau_p": 0.4, "kappa_p": 0.5, "min_per_class": 2})
    method = make_method(selection=selection)
    judged = [reference_selection(method, salt=1, video=video) for video in range(V)]
    counts = np.bincount([label for label, *_ in judged], minlength=K)
    most = max(2, counts.min())
    assert counts.max() > most
    stay = set()
    for k in range(K):
        of_class = [(judged[v][2], v) for v in range(V) if judged[v][0] == k and judged[v][3]]
        stay |= {v for _, v in sorted(of_class)[:most]}
    method.start_round(one_pass())
    assert set(method.kept.nonzero().flatten().tolist()) == stay
    later = make_method(selection=selection)
    later.num_selections = selection.balanced_rounds
    later.start_round(one_pass())
    assert later.kept.sum() > len(stay)


def test_ups__runs_the_backbone_once_for_all_dropout_passes():
    method = make_method()
    method.start_round(one_pass())
    assert method.primary.num_features_calls == len(one_pass())


def test_ups__chooses_the_same_however_the_pass_is_cut():
    whole, parts = make_method(), make_method()
    whole.start_round(one_pass())
    order = [11, 5, 2, 8, 0, 9, 3, 10, 7, 1, 6, 4]
    parts.start_round([make_batch(order[i : i + 3]) for i in range(0, V, 3)])
    for name in ("label", "kept", "excluded"):
        assert torch.equal(getattr(whole, name), getattr(parts, name)), name


def test_ups__is_supervised_in_the_first_round():
    method = make_method()
    result = method.eval()(make_batch([0, 1, 2]))
    logits = method.primary(-make_batch([0]).labeled.frames["primary"])
    expected = nn.functional.cross_entropy(logits, torch.tensor([2, 0]))
    torch.testing.assert_close(result.loss, expected)
    assert set(result.terms) == {"L_s"}
    assert result.pseudo == ()


def test_ups__learns_what_was_chosen_clip_by_clip():
    method = make_method(weight=0.7)
    method.start_round(one_pass())
    method.eval()  # without the network's own dropout
    rows = [int(method.kept.nonzero()[0]), int(method.excluded.any(1).nonzero()[0]), 2, 5]
    batch = make_batch(rows)
    weight, bias = (p.detach().numpy() for p in method.primary.linear.parameters())
    L_pos, L_neg = [], []
    for row in rows:
        p = softmax(weight @ -CLIPS[row].flatten().numpy() + bias)
        excluded = method.excluded[row].numpy()
        L_pos.append(-np.log(p[method.label[row]]) if method.kept[row] else 0.0)
        L_neg.append(np.mean(-np.log(1 - p[excluded])) if excluded.any() else 0.0)
    result = method(batch)
    assert result.terms["L_pos"].item() == pytest.approx(np.mean(L_pos), rel=1e-4)
    assert result.terms["L_neg"].item() == pytest.approx(np.mean(L_neg), rel=1e-4)
    assert min(np.mean(L_pos), np.mean(L_neg)) > 0
    expected = result.terms["L_s"].item() + 0.7 * (np.mean(L_pos) + np.mean(L_neg))
    assert result.loss.item() == pytest.approx(expected, rel=1e-4)
    (given,) = result.pseudo
    assert given.video.tolist() == rows
    assert given.label.tolist() == method.label[rows].tolist()
    assert given.kept.tolist() == method.kept[rows].tolist()


def test_ups__has_no_unlabeled_loss_when_nothing_was_chosen():
    method = make_method(selection=Selection(kappa_p=0.0, kappa_n=0.0))
    method.start_round(one_pass())
    result = method(make_batch([0, 1, 2]))
    assert result.terms["L_pos"].item() == 0.0
    assert result.terms["L_neg"].item() == 0.0


def test_ups__gives_every_parameter_a_gradient_after_a_selection():
    method = make_method()
    method.start_round(one_pass())
    method(make_batch([0, 1, 2])).loss.backward()
    for name, parameter in method.named_parameters():
        assert (parameter.grad is not None) == name.startswith("primary"), name


@pytest.mark.parametrize("reinitialize", [True, False])
def test_ups__starts_rounds_from_the_initial_weights_or_goes_on(reinitialize):
    method = make_method(reinitialize=reinitialize)
    first = copy.deepcopy(method.primary.state_dict())
    with torch.no_grad():
        method.primary.linear.bias.add_(1.0)
    last = copy.deepcopy(method.primary.state_dict())
    method.start_round(one_pass())
    expected = first if reinitialize else last
    for name, value in method.primary.state_dict().items():
        assert torch.equal(value, expected[name])


def test_ups__state_dict_holds_selection_round_and_initial_weights():
    method, other = make_method(), make_method(seed=1)
    method.start_round(one_pass())
    other.load_state_dict(method.state_dict())
    method.start_round(one_pass())
    other.start_round(one_pass())
    for name, value in method.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name
    assert other.num_selections == 2


def test_ups__draws_other_dropout_in_each_round_and_pass():
    draw, options = torch.tensor([3, 4]), {"num_passes": 4, "num_features": 2000, "rate": 0.3}
    first, again, other = (dropout_scales(draw, salt=salt, **options) for salt in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[:, 0], first[:, 1])
    assert first.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert first.mean().item() == pytest.approx(1.0, abs=0.03)


def test_first_draws__take_each_video_once():
    video, draw = torch.tensor([7, 2, 7, 5, 2]), torch.tensor([40, 30, 10, 20, 50])
    assert first_draws(video, draw).tolist() == [1, 3, 2]


def test_ups__without_weight_is_one_round():
    assert make_method(weight=0.0).num_rounds == 1


def test_ups__options_are_checked():
    from semivideo.run import build

    settings = Settings.from_mapping({"method": {"name": "ups", "selection": {"tau": 0.5}}})
    with pytest.raises(ConfigError, match=r"\[method.selection\] has no key 'tau'.* tau_p"):
        build.method_options(UPS, settings.method.options)
    found = build.method_options(UPS, {"selection": {"tau_p": 0.9}, "rounds": 2})
    assert found["selection"] == Selection(tau_p=0.9)


def choose(rank: int, folder: Path) -> None:
    method = make_method()
    rows = [[3, 1, 4, 0], [5, 9, 2, 6], [8, 7, 10, 11]]
    method.start_round([make_batch(part[2 * rank : 2 * rank + 2]) for part in rows])
    torch.save(dict(method.named_buffers()), folder / f"{rank}.pt")


def test_ups__two_processes_choose_what_one_chooses(tmp_path):
    run_two([__file__], tmp_path)
    method = make_method()
    method.start_round(one_pass())
    expected = SimpleNamespace(**dict(method.named_buffers()))
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for name in ("label", "kept", "excluded"):
            assert torch.equal(found[name], getattr(expected, name)), (rank, name)


if __name__ == "__main__":
    work_as_one_of_two(choose)
