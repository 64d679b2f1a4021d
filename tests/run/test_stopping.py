"""SIGTERM of a scheduler, or Ctrl-C, to all processes of a training with loader processes."""

import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from semivideo.runfolder import RunFolder

TINY = {
    "data.short_side": 32,
    "data.labeled_batch": 2,
    "data.unlabeled_batch": 2,
    "data.memory_gb": 0,
    "data.workers": 2,
    "views.crop_size": 24,
    "networks.primary.num_frames": 2,
    "networks.auxiliary.num_frames": 4,
    "evaluation.crop_size": 24,
    "engine.log_every": 1,
    "engine.tensorboard": False,
}
SET = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_train__stopped_by_a_signal_to_all_processes_leaves_a_state(
    manifest, tmp_path, number, code
):
    manifest.write(tmp_path / "m.parquet")
    run = RunFolder(tmp_path / "my run")
    words = ["train", str(tmp_path / "m.parquet"), "--recipe", "small-fixmatch"]
    words += ["--labels-per-class", "2", "--steps", "5000", "--no-estimate", "--out", str(run.path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "semivideo", *words, *SET],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where tests run in the background, Ctrl-C is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    end = time.monotonic() + 120
    while not run.metrics_file.is_file():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert len(list(run.checkpoints.iterdir())) == 1
    hint = err.strip().splitlines()[-1].partition("go on with: ")[2]
    assert shlex.split(hint) == ["semivideo", "train", "--resume", str(run.path)]
    assert "Traceback" not in err
    assert "warning: stopping with a checkpoint when this step is done" in err
    with pytest.raises(ProcessLookupError):  # no loader process is left
        os.killpg(process.pid, 0)
