"""Rules that choose pseudo-labels: their state step by step, saved, and over two processes.

Also a script: one of two processes of a training, see ``test_rules__two_processes_equal_one``.
"""

import copy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips
from semivideo.methods import CMPL, FixMatch
from semivideo.methods.parts import threshold_rules
from semivideo.methods.parts.threshold_rules import make_thresholds
from tests.two_processes import run_two, work_as_one_of_two

ADAPTIVE = ["flexmatch", "freematch", "softmatch"]
K, NUM_VIDEOS, U = 3, 30, 8
SPEC = {"primary": ClipSpec(1, 1), "auxiliary": ClipSpec(1, 1)}


@pytest.fixture(params=[0.999, 0.5])
def decay(request, monkeypatch):
    """The decay of the papers, and one by which a few steps change what is kept."""
    monkeypatch.setattr(threshold_rules, "DECAY", request.param)
    return request.param


class Linear(nn.Linear):
    num_classes = K

    def __init__(self) -> None:
        super().__init__(K, K)


class TableViews:
    """Clips are their views: one row of numbers each; the strong one is half as clear."""

    def standard(self, clips, stream):
        return clips.frames[stream]

    def weak(self, clips, stream):
        return clips.frames[stream]

    def strong(self, clips, stream):
        return clips.frames[stream] * 0.5


def make_method(cls, rule: str, *, seed: int = 0):
    torch.manual_seed(seed)
    networks = [Linear() for _ in range(1 if cls is FixMatch else 2)]
    method = cls(
        *networks, views=TableViews(), clips=SPEC, thresholds=rule, threshold=0.6, weight=1.0
    )
    method.prepare([str(number) for number in range(NUM_VIDEOS)])
    return method


def make_batch(step: int, rows: slice = slice(None)) -> Batch:
    """Four labelled and eight unlabelled clips; videos may come twice."""
    generator = torch.Generator().manual_seed(step)

    def common(num: int) -> dict:
        frames = {name: 3 * torch.randn(num, K, generator=generator)[rows] for name in SPEC}
        video = torch.randint(0, NUM_VIDEOS // 2, (num,), generator=generator)[rows]
        return {"frames": frames, "size": torch.ones(num, 2)[rows], "video": video, "draw": video}

    labeled = LabeledClips(**common(4), label=(torch.arange(4) % K)[rows])
    return Batch(labeled, Clips(**common(U)), step=step, progress=0.5)


def train(method, steps: range, *, optimizer=None, wrapped=None, rows: slice = slice(None)):
    """Train and return the losses and the optimiser."""
    optimizer = optimizer or torch.optim.SGD(method.parameters(), lr=0.3, momentum=0.9)
    losses = []
    for step in steps:
        optimizer.zero_grad()
        loss = (wrapped or method)(make_batch(step, rows)).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, optimizer


def probabilities(step: int) -> torch.Tensor:
    logits = torch.randn(U, K, generator=torch.Generator().manual_seed(step))
    return (2.5 * logits + torch.tensor([1.0, 0.0, -0.5])).softmax(1)


VIDEOS = [[0, 1, 2, 3, 4, 5, 6, 7], [7, 7, 8, 9, 9, 9, 0, 1], [2, 3, 10, 11, 12, 5, 8, 8]]


def followed(rule: str):
    """Yield for three steps the probabilities, videos, labels found and the rule's state."""
    thresholds = make_thresholds(rule, Linear(), threshold=0.8)
    thresholds.prepare(NUM_VIDEOS)
    for step, videos in enumerate(VIDEOS):
        p = probabilities(step)
        labels = thresholds(p, torch.tensor(videos))
        state = {name: value.numpy() for name, value in thresholds.state_dict().items()}
        yield p.numpy(), videos, labels, state


def test_flexmatch__equals_its_algorithm_in_numpy_over_steps():
    assigned: dict[int, int] = {}
    seen: set[int] = set()
    num_between = 0
    for p, videos, labels, _ in followed("flexmatch"):
        counts = Counter(assigned.values())
        most = max(*counts.values(), len(seen) - len(assigned), 1) if counts else 1
        beta = np.array([counts[c] / most for c in range(K)])
        tau = 0.8 * beta / (2 - beta)
        assert labels.kept.tolist() == (p.max(1) >= tau[p.argmax(1)]).tolist()
        num_between += int(((p.max(1) < 0.8) & (p.max(1) >= tau[p.argmax(1)])).sum())
        for row in np.argsort(p.max(1)):  # of a video's clips the surest is last
            seen.add(videos[row])
            if p[row].max() >= 0.8:
                assigned[videos[row]] = int(p[row].argmax())
    assert num_between > 0  # a fixed threshold would not have kept these


def test_flexmatch__keeps_a_class_by_video_and_leaves_unseen_videos_out():
    *_, (_, _, _, state) = followed("flexmatch")
    assigned = state["assigned"]
    assert len(assigned) == NUM_VIDEOS
    assert (assigned[13:] == K + 1).all()
    assert (assigned[:13] <= K).all()


def test_flexmatch__starts_by_keeping_everything():
    _, _, labels, state = next(followed("flexmatch"))
    assert labels.kept.all()
    assert (state["share"] == 0).all()


def test_flexmatch__says_when_it_does_not_know_the_videos():
    thresholds = make_thresholds("flexmatch", Linear(), threshold=0.8)
    with pytest.raises(RuntimeError, match=r"counts by video; call prepare\(videos\)"):
        thresholds(probabilities(0), torch.arange(U))


def test_freematch__equals_its_equations_in_numpy_over_steps(decay):
    tau, mean, histogram, num_left_out = 1 / K, np.full(K, 1 / K), np.full(K, 1 / K), 0
    for p, _, labels, state in followed("freematch"):
        tau = decay * tau + (1 - decay) * p.max(1).mean()
        mean = decay * mean + (1 - decay) * p.mean(0)
        histogram = decay * histogram + (1 - decay) * np.bincount(p.argmax(1), minlength=K) / U
        expected = p.max(1) >= (tau * mean / mean.max())[p.argmax(1)]
        assert labels.kept.tolist() == expected.tolist()
        num_left_out += int((~expected).sum())
        for name, value in (("confidence", tau), ("mean", mean), ("histogram", histogram)):
            np.testing.assert_allclose(state[name], value, rtol=1e-6)
    assert (num_left_out > 0) == (decay == 0.5)


def test_freematch__adds_a_hundredth_of_the_fairness_term():
    torch.manual_seed(0)
    thresholds = make_thresholds("freematch", Linear(), threshold=0.8)
    labels = thresholds(probabilities(0), torch.arange(U))
    z = torch.randn(U, K)
    q, mean, histogram = z.softmax(1).numpy(), thresholds.mean.numpy(), thresholds.histogram.numpy()
    count = np.bincount(q.argmax(1), minlength=K)
    assert labels.kept.all()
    assert (count > 0).all()
    a, b = mean / histogram, q.mean(0) / count
    expected = 0.01 * (a / a.sum() * np.log(b / b.sum())).sum()
    assert thresholds.penalty(z, labels).item() == pytest.approx(expected, rel=1e-5)


def test_softmatch__equals_its_equations_in_numpy_over_steps(decay):
    mean, mu, variance = np.full(K, 1 / K), 1 / K, 1.0
    for p, _, labels, state in followed("softmatch"):
        mean = decay * mean + (1 - decay) * p.mean(0)
        aligned = p / K / mean
        q = (aligned / aligned.sum(1, keepdims=True)).max(1)
        mu = decay * mu + (1 - decay) * q.mean()
        variance = decay * variance + (1 - decay) * q.var(ddof=1)
        weight = np.exp(-(np.minimum(q - mu, 0) ** 2) / (2 * variance / 4))
        np.testing.assert_allclose(labels.weight.numpy(), weight, rtol=1e-5)
        assert labels.label.tolist() == p.argmax(1).tolist()
        assert labels.kept.tolist() == (q >= mu).tolist()
        for name, value in (("confidence", mu), ("mean", mean), ("variance", variance)):
            np.testing.assert_allclose(state[name], value, rtol=1e-6)
    assert (weight.min() < 0.9) == (decay == 0.5)


def test_softmatch__takes_a_batch_of_one_clip():
    thresholds = make_thresholds("softmatch", Linear(), threshold=0.8)
    assert thresholds(probabilities(0)[:1], torch.zeros(1).long()).weight.isfinite().all()


@pytest.mark.parametrize("rule", ADAPTIVE)
def test_rules__do_not_depend_on_the_order_of_clips(rule):
    orders = [torch.randperm(U, generator=torch.Generator().manual_seed(s)) for s in range(3)]
    one, other = (make_thresholds(rule, Linear(), threshold=0.6) for _ in range(2))
    for thresholds in (one, other):
        thresholds.prepare(NUM_VIDEOS)
    for step, order in enumerate(orders):
        p, video = probabilities(step), torch.tensor(VIDEOS[step])
        expected, found = one(p, video), other(p[order], video[order])
        assert torch.equal(found.kept, expected.kept[order])
    for name, value in one.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], value)


@pytest.mark.parametrize("rule", ADAPTIVE)
def test_rules__learn_in_training_only_and_judge_without_learning(rule):
    thresholds = make_thresholds(rule, Linear(), threshold=0.6)
    thresholds.prepare(NUM_VIDEOS)
    for step in range(3):
        labels = thresholds(probabilities(step), torch.arange(U))
    before = {name: value.clone() for name, value in thresholds.state_dict().items()}
    again = thresholds.judge(probabilities(2))
    thresholds.eval()(probabilities(1), torch.arange(U))
    assert torch.equal(again.kept, labels.kept)
    assert all(torch.equal(before[name], v) for name, v in thresholds.state_dict().items())


@pytest.mark.parametrize("rule", ["fixed", *ADAPTIVE])
def test_rules__have_no_loss_when_nothing_is_kept(rule):
    method = make_method(FixMatch, rule)
    never = torch.zeros(U, dtype=torch.bool)
    judge = method.thresholds.judge
    method.thresholds.judge = lambda p: judge(p)._replace(kept=never, weight=None)
    assert method(make_batch(0)).terms["L_u"].item() == 0.0


@pytest.mark.parametrize("rule", ["fixed", *ADAPTIVE])
@pytest.mark.parametrize("cls", [FixMatch, CMPL])
def test_rules__saved_and_resumed_are_bit_identical(cls, rule):
    whole = make_method(cls, rule)
    _, optimizer = train(whole, range(3))
    saved = copy.deepcopy((whole.state_dict(), optimizer.state_dict()))
    resumed = make_method(cls, rule, seed=1)
    untouched = copy.deepcopy(resumed.state_dict())
    resumed.load_state_dict(saved[0])
    continued = torch.optim.SGD(resumed.parameters(), lr=0.3, momentum=0.9)
    continued.load_state_dict(saved[1])
    expected, _ = train(whole, range(3, 6), optimizer=optimizer)
    found, _ = train(resumed, range(3, 6), optimizer=continued)
    assert found == expected
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
        assert not torch.equal(untouched[name], value), name  # it did move


@pytest.mark.parametrize("rule", ADAPTIVE)
def test_rules__without_their_state_go_another_way(rule, monkeypatch):
    monkeypatch.setattr(threshold_rules, "DECAY", 0.5)
    whole, forgetful = make_method(FixMatch, rule), make_method(FixMatch, rule)
    train(whole, range(3))
    forgetful.primary.load_state_dict(whole.primary.state_dict())
    assert train(whole, range(3, 6))[0] != train(forgetful, range(3, 6))[0]


def test_rules__fixed_adds_nothing_to_the_state():
    names = {name.split(".")[0] for name in make_method(CMPL, "fixed").state_dict()}
    assert names == {"primary", "auxiliary"}


def test_cmpl__logs_the_labels_that_each_network_gave():
    method = make_method(CMPL, "flexmatch")
    for step in range(3):
        result = method(make_batch(step))
    by_network = {given.network: given for given in result.pseudo}
    u = make_batch(2).unlabeled
    p_F = method.primary(u.frames["primary"]).softmax(1)
    assert torch.equal(by_network["primary"].kept, method.thresholds_A.judge(p_F).kept)
    assert method.thresholds_A.assigned.tolist() != method.thresholds_F.assigned.tolist()


def train_by_all_rules(rank: int, folder: Path) -> None:
    threshold_rules.DECAY = 0.5
    for cls in (FixMatch, CMPL):
        for rule in ADAPTIVE:
            method = make_method(cls, rule)
            wrapped = nn.parallel.DistributedDataParallel(method)
            train(method, range(5), wrapped=wrapped, rows=slice(rank, None, 2))
            torch.save(method.state_dict(), folder / f"{cls.__name__}-{rule}-{rank}.pt")


@pytest.fixture(scope="module")
def states_of_two_processes(tmp_path_factory):
    """Folder with the final state of each method, rule and process."""
    folder = tmp_path_factory.mktemp("processes")
    run_two([__file__], folder)
    return folder


@pytest.mark.parametrize("rule", ADAPTIVE)
@pytest.mark.parametrize("cls", [FixMatch, CMPL])
def test_rules__two_processes_equal_one(cls, rule, states_of_two_processes, monkeypatch):
    monkeypatch.setattr(threshold_rules, "DECAY", 0.5)
    files = [states_of_two_processes / f"{cls.__name__}-{rule}-{rank}.pt" for rank in range(2)]
    one, other = (torch.load(file, weights_only=True) for file in files)
    expected = make_method(cls, rule)
    train(expected, range(5))
    for name, value in expected.state_dict().items():
        assert torch.equal(one[name], other[name]), name
        torch.testing.assert_close(one[name], value, rtol=1e-4, atol=1e-6)


if __name__ == "__main__":
    work_as_one_of_two(train_by_all_rules)
