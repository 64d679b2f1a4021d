"""Ctrl-C and SIGTERM end in a checkpoint, and what is resumed equals what was never stopped."""

import os
import signal
import threading

import pyarrow.parquet as pq
import pytest
import torch

from semivideo.base.errors import Stopped
from semivideo.engine.log import TIMES
from semivideo.engine.signals import StopSignals
from semivideo.runfolder import RunFolder


@pytest.fixture(autouse=True)
def heard():
    """Signals as in a terminal; where tests run in the background Ctrl-C is ignored."""
    numbers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in numbers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


OPTIONS = {"ema": 0.9, "precise_bn": 5, "checkpoint_every": None, "checkpoint_minutes": 60}


def logs(path):
    """Metrics but for times, and pseudo-labels."""
    run = RunFolder(path)
    lines = [{k: v for k, v in line.items() if k not in TIMES} for line in run.metrics()]
    return lines, pq.read_table(run.pseudo_labels_file).to_pydict()


def train_with_signal(tiny, path, number, *, step):
    method = tiny.make_method()

    def send(_, args):
        if args[0].step == step:
            os.kill(os.getpid(), number)

    method.register_forward_pre_hook(send)
    tiny.train(path, method=method, **OPTIONS)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
@pytest.mark.parametrize("step", [0, 13, 39])
def test_fit__stops_with_a_state_that_equals_the_unbroken_run(tiny, tmp_path, number, code, step):
    before = signal.getsignal(number)
    whole = tiny.train(tmp_path / "whole", **OPTIONS)
    with pytest.raises(Stopped) as stopped:
        train_with_signal(tiny, tmp_path / "parts", number, step=step)
    assert stopped.value.exit_code == code
    assert signal.getsignal(number) == before
    [state] = RunFolder(tmp_path / "parts").checkpoints.iterdir()
    assert state.name.startswith(f"step-{step + 1:06d}-")
    resumed = tiny.train(tmp_path / "parts", **OPTIONS)
    expected, found = whole.network.state_dict(), resumed.network.state_dict()
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
    assert logs(tmp_path / "whole") == logs(tmp_path / "parts")


def test_signals__the_second_one_is_not_caught():
    def interrupt_twice():
        with StopSignals() as signals:
            os.kill(os.getpid(), signal.SIGINT)
            assert signals.came
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupt_twice()


def test_signals__that_are_ignored_stay_so():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGINT)
    assert not signals.came


def test_signals__are_left_alone_outside_of_the_main_thread():
    found = []

    def look():
        with StopSignals() as signals:
            found.append(signals.came)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [False]


def test_fit__keeps_states_by_the_clock(tiny, tmp_path):
    options = {"checkpoint_every": None, "keep_checkpoints": 99}
    tiny.train(tmp_path / "often", **options, checkpoint_minutes=1e-9)
    assert len(list(RunFolder(tmp_path / "often").checkpoints.iterdir())) == 60
    tiny.train(tmp_path / "rarely", **options, checkpoint_minutes=60)
    [last] = RunFolder(tmp_path / "rarely").checkpoints.iterdir()
    assert last.name.startswith("step-000060-")
