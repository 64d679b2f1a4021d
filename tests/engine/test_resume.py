"""A run killed at any moment and continued equals the run that was not, weights and logs alike."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from semivideo.engine.log import TIMES
from semivideo.models.tuning import tune
from semivideo.runfolder import RunFolder
from semivideo.settings import NetworkSettings

SCRIPT = str(Path(__file__).parent / "tiny.py")


def start(path, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, SCRIPT, str(path), *arguments], env={**os.environ, **environment}
    )


def metrics_without_times(path):
    lines = RunFolder(path).metrics()
    return [{k: v for k, v in line.items() if k not in TIMES} for line in lines]


def assert_same_run(path, other):
    assert metrics_without_times(path) == metrics_without_times(other)
    tables = [pq.read_table(RunFolder(p).pseudo_labels_file) for p in (path, other)]
    assert tables[0].equals(tables[1])


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.mark.parametrize("stop", [3, 20, 21, 40, 59])
def test_fit__resumed_in_one_process_equals_the_unbroken_run(tiny, tmp_path, stop):
    options = {"ema": 0.9, "precise_bn": 5}
    whole = tiny.train(tmp_path / "whole", **options)

    class Stop(Exception):  # noqa: N818
        pass

    def stopping(batch):
        if batch.step == stop:
            raise Stop

    method = tiny.make_method()
    method.register_forward_pre_hook(lambda _, args: stopping(*args))
    with pytest.raises(Stop):
        tiny.train(tmp_path / "parts", method=method, **options)
    resumed = tiny.train(tmp_path / "parts", **options)
    assert_same_weights(whole.network.state_dict(), resumed.network.state_dict())
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("stop", [21, 40])
def test_fit__tuning_a_network_resumed_equals_the_unbroken_run(tiny, tmp_path, stop):
    """AdamW, rates by part, accumulation, an average, frozen statistics and low-rank updates."""
    pytest.importorskip("peft", reason="needs the extra hf")
    options = {"optimizer": "adamw", "learning_rate": 0.01, "accumulate": 2, "ema": 0.9}
    options |= {"label_smoothing": 0.1, "weight_decay": 0.05, "decay_exempt": ["head"]}
    lora = {"rank": 2, "targets": ["linear"], "dropout": 0.2}
    rates = {"body": 0.002, "layer_decay": 0.5}
    settings = NetworkSettings(lora=lora, rates=rates, frozen_statistics=True)

    def train(path, **more):
        method = tiny.make_method()
        torch.manual_seed(1)
        for network in (method.primary, method.teacher):
            tune(network, settings)
            network.conv.requires_grad_(True)  # which stands before the updates
        method.teacher.requires_grad_(False)
        return tiny.train(path, method=method, num_steps=50, **options, **more)

    whole = train(tmp_path / "whole")
    assert "linear.weight" in whole.network.state_dict()  # merged
    with stopped_at(tiny, stop):
        train(tmp_path / "parts")
    resumed = train(tmp_path / "parts")
    assert_same_weights(whole.network.state_dict(), resumed.network.state_dict())
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


@contextmanager
def stopped_at(tiny, stop):
    """Training breaks off at the step, as by a kill."""

    class Stop(Exception):  # noqa: N818
        pass

    forward = tiny.TinyMethod.forward

    def stopping(method, batch):
        if batch.step == stop:
            raise Stop
        return forward(method, batch)

    tiny.TinyMethod.forward = stopping
    try:
        with pytest.raises(Stop):
            yield
    finally:
        tiny.TinyMethod.forward = forward


def test_fit__killed_at_a_random_step_equals_the_unbroken_run(tiny, tmp_path, limited):
    options = {"num_steps": 300, "checkpoint_every": 7, "ema": 0.9}
    path = tmp_path / "killed"
    process = limited(start(path, "--num-steps", "300", "--delay", "0.01"))
    whole = tiny.train(tmp_path / "whole", **options)
    while not list(path.glob("checkpoints/step-*")):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(random.Random(time.time_ns()).uniform(0, 1.5))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not RunFolder(path).summary_file.exists()
    resumed = tiny.train(path, **options)
    assert_same_weights(whole.network.state_dict(), resumed.network.state_dict())
    assert_same_run(tmp_path / "whole", path)


def test_fit__on_two_processes_equals_one(tiny, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    common["OMP_NUM_THREADS"] = "1"
    path = tmp_path / "two"
    processes = [
        start(path, "--plain", "--num-steps", "20", RANK=rank, LOCAL_RANK=rank, **common)
        for rank in "01"
    ]
    method = tiny.make_method(batch_norm=False, dropout=0.0)
    one = tiny.train(tmp_path / "one", method=method, num_steps=20, checkpoint_every=7)
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    two = torch.load(path / "weights.pt", weights_only=True)
    for name, weight in one.network.state_dict().items():
        torch.testing.assert_close(two[name], weight, atol=1e-5, rtol=1e-4)
    lines = [metrics_without_times(p)[-1] for p in (tmp_path / "one", path)]
    assert lines[0]["loss"] == pytest.approx(lines[1]["loss"], rel=1e-4)
    assert lines[0]["kept"] == lines[1]["kept"]
    rows = [pq.read_table(RunFolder(p).pseudo_labels_file) for p in (tmp_path / "one", path)]
    keys = [sorted(zip(r["step"].to_pylist(), r["video"].to_pylist(), strict=True)) for r in rows]
    assert keys[0] == keys[1]
    assert RunFolder(path).summary()["processes"] == 2
