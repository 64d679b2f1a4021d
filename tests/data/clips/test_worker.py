"""A loader process that hangs ends at once after the loop, and waits where only a signal came."""

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from semivideo.data.clips.worker import Ending

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


def hang(ending, ready):
    ending.start_worker(0)
    ready.set()
    while True:
        time.sleep(60)


@pytest.fixture(params=["fork", "spawn"])
def hanging(request, monkeypatch):
    """A process that never ends by itself, and what tells it of the end of the loop."""
    # A spawned process imports this module by its name, wherever the tests are run from.
    monkeypatch.syspath_prepend(Path(__file__).parents[3])
    context, ending = multiprocessing.get_context(request.param), Ending()
    ready = context.Event()
    process = context.Process(target=hang, args=(ending, ready), daemon=True)
    process.start()
    assert ready.wait(120)
    yield process, ending
    process.kill()
    process.join()


def test_ending__by_the_loop_is_at_once(hanging):
    process, ending = hanging
    ending.expect(now=True)
    process.terminate()
    process.join(10)
    assert process.exitcode == -signal.SIGTERM


def test_ending__by_a_signal_alone_leaves_the_process_its_grace(hanging):
    process, ending = hanging
    os.kill(process.pid, signal.SIGTERM)
    os.kill(process.pid, signal.SIGINT)
    process.join(0.5)
    assert process.exitcode is None
    ending.expect(now=True)  # the loop got its batch and ends
    process.terminate()
    process.join(10)
    assert process.exitcode == -signal.SIGTERM
