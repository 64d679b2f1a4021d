import errno
import os
import re

import pyarrow.parquet as pq
import pytest
import torch

from semivideo.base.errors import CheckpointError, TrainingError, WriteError
from semivideo.engine import Feed, Plan, fit
from semivideo.runfolder import RunFolder
from semivideo.settings import EngineSettings


def checkpoint_steps(path):
    return sorted(int(file.name.split("-")[1]) for file in (path / "checkpoints").iterdir())


def same_weights(one, other):
    weights = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(torch.equal(a, b) for (_, a), (_, b) in weights)


def test_fit__learns_and_leaves_a_complete_run_folder(tiny, tmp_path):
    fitted = tiny.train(tmp_path, num_steps=150)
    batch = tiny.make_batch(1000, 1001)
    logits = fitted.network(batch.labeled.frames["primary"].movedim(1, 2) / 255)
    assert logits.argmax(dim=1).tolist() == batch.labeled.label.tolist()
    run = RunFolder(tmp_path)
    assert [line["step"] for line in run.metrics()] == [*range(8, 150, 8), 150]
    assert checkpoint_steps(tmp_path) == [140, 150]
    assert run.summary() == fitted.summary
    assert pq.read_table(run.pseudo_labels_file).num_rows == 150 * tiny.U
    assert not fitted.network.training


def test_fit__summary_counts_skipped_videos_and_warns_once(tiny, tmp_path, caplog):
    summary = tiny.train(tmp_path, num_steps=5).summary
    assert summary["skipped_videos"] == {"5": "clip.mp4: no frames"}
    assert caplog.text.count("skipping a video in training: clip.mp4: no frames") == 1
    assert (summary["steps"], summary["precision"], summary["processes"]) == (5, "fp32", 1)
    assert summary["last"]["step"] == 5
    assert 0 <= summary["waiting"] <= 1
    assert re.fullmatch(r"\w+ CPU, \d+ threads?, torch \d.*", summary["machine"])


def test_fit__depends_on_the_seed_alone(tiny, tmp_path):
    first, second, other = (
        tiny.train(tmp_path / name, num_steps=5, seed=seed).network
        for name, seed in [("a", 0), ("b", 0), ("c", 1)]
    )
    assert same_weights(first, second)
    assert not same_weights(first, other)  # dropout differs


@pytest.mark.parametrize("step", [21, 27, 39])
def test_fit__stops_at_a_loss_that_is_not_finite(tiny, tmp_path, step):
    method = tiny.make_method()
    method.explode_at = step
    with pytest.raises(
        TrainingError,
        match=rf"the loss is inf in step {step + 1}; the checkpoint of step 20 in .* is kept; "
        r"start a new run with a lower engine.learning_rate \(it was 0.1\)",
    ):
        tiny.train(tmp_path, method=method)
    assert checkpoint_steps(tmp_path) == [20]
    fitted = tiny.train(tmp_path)  # the same run without the fault goes on from there
    assert same_weights(fitted.network, tiny.train(tmp_path / "whole").network)


def test_fit__never_saves_a_weight_that_is_not_finite(tiny, tmp_path):
    method = tiny.make_method()

    def spoil():
        with torch.no_grad():
            method.primary.linear.bias.fill_(float("nan"))

    method.after_step = spoil
    with pytest.raises(TrainingError, match="a weight is not finite after step 1; no checkpoint"):
        tiny.train(tmp_path, method=method, checkpoint_every=1)
    assert not (tmp_path / "checkpoints").exists()


def test_fit__full_disk_keeps_the_last_checkpoint(tiny, tmp_path, monkeypatch):
    tiny.train(tmp_path, num_steps=20)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(WriteError, match=r"disk is full while writing"):
            tiny.train(tmp_path, num_steps=60)
    assert checkpoint_steps(tmp_path) == [20]


def test_fit__evaluates_the_network_that_would_be_deployed(tiny, tmp_path):
    method = tiny.make_method()
    seen = []

    def evaluate(network):
        seen.append((network is method.primary, network.training, torch.is_grad_enabled()))
        torch.rand(3)  # disturbs nothing: the generator is seeded at each step
        return {"top1": 0.25}

    options = {"evaluate": evaluate, "evaluate_every": 4, "num_steps": 10}
    fitted = tiny.train(tmp_path / "a", method=method, **options)
    assert seen == [(True, False, False)] * 3
    lines = [line for line in RunFolder(tmp_path / "a").metrics() if "evaluation" in line]
    assert lines == [{"step": step, "evaluation": {"top1": 0.25}} for step in (4, 8, 10)]
    plain = tiny.train(tmp_path / "b", num_steps=10)
    assert same_weights(fitted.network, plain.network)
    tiny.train(tmp_path / "c", method=tiny.make_method(), ema=0.9, **options)
    assert seen[-1] == (False, False, False)


def test_fit__deploys_the_average(tiny, tmp_path):
    last = tiny.train(tmp_path / "a", num_steps=4)
    copied = tiny.train(tmp_path / "b", num_steps=4, ema=0.0)
    averaged = tiny.train(tmp_path / "c", num_steps=4, ema=0.99)
    assert same_weights(copied.network, last.network)
    assert not same_weights(averaged.network, last.network)


def test_fit__precise_bn_uses_the_last_steps_of_the_stream(tiny, tmp_path):
    method = tiny.make_method()
    seen = []
    method.register_forward_pre_hook(lambda _, args: seen.append(args[0].step))
    tiny.train(tmp_path / "a", num_steps=6, method=method, precise_bn=4)
    assert seen == [0, 1, 2, 3, 4, 5, 2, 3, 4, 5]
    assert method.primary.norm.num_batches_tracked == 4


def test_fit__reports_progress_from_where_it_starts(tiny, tmp_path, runtime):
    told = []
    tiny.train(tmp_path, num_steps=20)
    fit(
        tiny.make_method(),
        feed=Feed(lambda start: tiny.stream(start, 24)),
        plan=Plan(24, EngineSettings(tensorboard=False), split_hash="9f2c", settings_hash="5e77"),
        run=RunFolder(tmp_path),
        runtime=runtime,
        progress=lambda *what: told.append(what),
    )
    assert [what[:3] for what in told] == [("train", done, 24) for done in range(20, 25)]
    assert all(what[3].startswith("loss ") for what in told)


def test_fit__summary_calls_skipped_videos_by_their_ids(tiny, tmp_path, runtime):
    ids = [f"{number}.mp4" for number in range(2000)]
    found = fit(
        tiny.make_method(),
        feed=Feed(lambda start: tiny.stream(start, 5)),
        plan=Plan(5, EngineSettings(tensorboard=False), "a", "b", ids=ids),
        run=RunFolder(tmp_path),
        runtime=runtime,
    )
    assert found.summary["skipped_videos"] == {"5.mp4": "clip.mp4: no frames"}


def test_fit__refuses_the_checkpoint_of_another_split_or_network(tiny, tmp_path):
    tiny.train(tmp_path, num_steps=3)
    with pytest.raises(CheckpointError, match=r"trained on split 9f2c\.\.\., this run uses 41aa"):
        tiny.train(tmp_path, num_steps=3, split_hash="41aa")
    with pytest.raises(CheckpointError, match="does not fit these networks"):
        tiny.train(tmp_path, num_steps=3, method=tiny.make_method(batch_norm=False))


def test_fit__is_stopped_by_a_stream_that_ends_early(tiny, tmp_path, runtime):
    plan = Plan(9, EngineSettings(tensorboard=False), split_hash="a", settings_hash="b")
    with pytest.raises(RuntimeError, match="the training stream has no batch for step 4"):
        fit(
            tiny.make_method(),
            feed=Feed(lambda start: tiny.stream(start, 4)),
            plan=plan,
            run=RunFolder(tmp_path),
            runtime=runtime,
        )


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_fit__trains_in_low_precision(tiny, tmp_path, precision):
    options = {"num_steps": 30, "precision": precision, "clip_gradient": 5.0}
    last = tiny.train(tmp_path / "low", **options).summary["last"]
    full = tiny.train(tmp_path / "fp32", **{**options, "precision": "fp32"}).summary["last"]
    assert last["loss"] != full["loss"]
    assert last["loss"] == pytest.approx(full["loss"], rel=0.1)
