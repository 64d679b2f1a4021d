"""Rounds: a schedule, momentum and an average of their own, and exact resuming at any step."""

import pytest
import torch

from semivideo.base.errors import ConfigError
from semivideo.engine import Feed, Plan, fit
from semivideo.engine.optim import learning_rate
from semivideo.engine.rounds import Rounds
from semivideo.runfolder import RunFolder
from semivideo.settings import EngineSettings

NUM_STEPS = 20  # three rounds start at steps 0, 6 and 12
SETTINGS = {"learning_rate": 0.1, "warmup": 0.34, "log_every": 1, "tensorboard": False}


class Stop(Exception):  # noqa: N818
    pass


@pytest.fixture
def method_of_rounds(tiny):
    """Makes a method that starts anew from noise and keeps what it chose in a buffer."""

    class InRounds(tiny.TinyMethod):
        num_rounds = 3

        def __init__(self):
            made = tiny.make_method()
            super().__init__(made.primary, made.teacher)
            self.register_buffer("chosen", torch.zeros(tiny.B + tiny.U))
            self.starts, self.seen, self.stop = [], [], None

        def start_round(self, batches):
            self.eval()
            videos = [batch.unlabeled.video for batch in batches]
            self.starts.append((len(self.seen), [batch.tolist() for batch in videos]))
            with torch.no_grad():
                self.chosen[torch.cat(videos)] = torch.rand(len(torch.cat(videos)))  # as dropout
                for parameter in self.primary.parameters():
                    parameter.add_(torch.randn_like(parameter), alpha=0.1)

        def forward(self, batch):
            if batch.step == self.stop:
                raise Stop
            assert self.primary.norm.training
            self.seen.append((batch.step, batch.progress))
            result = super().forward(batch)
            result.loss = result.loss * (1 + self.chosen[batch.unlabeled.video].mean())
            return result

    return InRounds


@pytest.fixture
def train(tiny, runtime):
    def train(path, method, **engine):
        path.mkdir(exist_ok=True)
        settings = EngineSettings(**{"precision": "fp32", **SETTINGS, **engine})
        return fit(
            method,
            feed=Feed(lambda start: tiny.stream(start, NUM_STEPS), lambda: tiny.stream(0, 2)),
            plan=Plan(NUM_STEPS, settings, split_hash="9f2c", settings_hash="5e77"),
            run=RunFolder(path),
            runtime=runtime,
        )

    return train


def test_rounds__divide_the_steps_and_the_last_takes_the_rest():
    rounds = Rounds(num_steps=20, num_rounds=3)
    assert [rounds.at(step) for step in (0, 5, 6, 12, 19)] == [
        (0, 0, 6),
        (0, 0, 6),
        (1, 6, 6),
        (2, 12, 8),
        (2, 12, 8),
    ]
    assert Rounds(num_steps=20, num_rounds=1).at(19) == (0, 0, 20)


def test_rounds__need_a_step_each():
    with pytest.raises(
        ConfigError, match=r"20 rounds need .* the run has 12; raise engine\.steps or lower method"
    ):
        Rounds(num_steps=12, num_rounds=20)


def test_fit__starts_later_rounds_with_one_pass(tiny, method_of_rounds, train, tmp_path):
    method = method_of_rounds()
    train(tmp_path, method)
    videos = list(range(tiny.B, tiny.B + tiny.U))
    assert method.starts == [(6, [videos] * 2), (12, [videos] * 2)]


def test_fit__runs_schedule_and_progress_over_the_round(method_of_rounds, train, tmp_path):
    method = method_of_rounds()
    train(tmp_path, method)
    lengths = [6, 6, 8]
    assert method.seen == [
        (step, place / length)
        for step, (place, length) in enumerate((p, n) for n in lengths for p in range(n))
    ]
    settings = EngineSettings(**SETTINGS)
    rates = [line["learning_rate"] for line in RunFolder(tmp_path).metrics()]
    assert rates == [learning_rate(p, n, settings) for n in lengths for p in range(n)]


def test_fit__forgets_momentum_and_average_between_rounds(method_of_rounds, train, tmp_path):
    """Without a loss after the first round nothing moves, unless momentum does."""
    method, weights = method_of_rounds(), []
    forward, method.start_round = method.forward, lambda batches: None

    def without_loss(batch):
        result = forward(batch)
        result.loss = result.loss * (batch.step < 6)
        return result

    method.forward = without_loss
    method.after_step = lambda: weights.append(method.primary.linear.weight.detach().clone())
    fitted = train(tmp_path, method, ema=0.99, weight_decay=0.0)
    assert not torch.equal(weights[4], weights[5])
    assert all(torch.equal(weight, weights[5]) for weight in weights[5:])
    # An average that remembered the first round would lag behind the weights that stand still.
    torch.testing.assert_close(fitted.network.linear.weight, weights[5], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("stop", [5, 6, 7, 12, 13, 19])
def test_fit__in_rounds_resumes_exactly(method_of_rounds, train, tmp_path, stop):
    """Saved after each step, so that a round begins with the first step after a restart, too."""
    options = {"checkpoint_every": 1, "ema": 0.9, "precise_bn": 3}
    whole = method_of_rounds()
    train(tmp_path / "whole", whole, **options)
    broken = method_of_rounds()
    broken.stop = stop
    with pytest.raises(Stop):
        train(tmp_path / "parts", broken, **options)
    resumed = method_of_rounds()
    train(tmp_path / "parts", resumed, **options)
    assert resumed.seen[0][0] == stop
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
    lines = [RunFolder(tmp_path / name).metrics() for name in ("whole", "parts")]
    assert [line["loss"] for line in lines[0]] == [line["loss"] for line in lines[1]]


def test_fit__of_one_round_starts_none(tiny, train, tmp_path):
    method = tiny.make_method()
    method.start_round = lambda batches: pytest.fail("a round was started")
    train(tmp_path, method)


def test_fit__in_rounds_needs_a_pass(tiny, method_of_rounds, runtime, tmp_path):
    plan = Plan(NUM_STEPS, EngineSettings(**SETTINGS), split_hash="a", settings_hash="b")
    stream = {"feed": Feed(lambda start: tiny.stream(start, NUM_STEPS)), "plan": plan}
    with pytest.raises(RuntimeError, match="a method of 3 rounds needs unlabeled_pass"):
        fit(method_of_rounds(), run=RunFolder(tmp_path), runtime=runtime, **stream)
