"""A signal ends a process that does not end by itself."""

import os
import signal
import subprocess
import sys
import time

import pytest

STUCK = """
import hashlib, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
from semivideo.base.machine.interrupts import ended_soon, finish_orderly
with ended_soon(lambda why: print(why, flush=True)):
    {before}
    print("begun", flush=True)
    while {is_python}:
        time.sleep(0.1)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # minutes, and Python hears nothing meanwhile
"""


@pytest.fixture
def started(limited):
    """Start a program and wait for its first line."""
    processes = []

    def start(code):
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        processes.append(limited(process))
        assert process.stdout.readline() == "begun\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def test_ended_soon__ends_what_is_stuck_in_foreign_code(started):
    process = started(STUCK.format(before="pass", is_python=False))
    time.sleep(1)  # from its last line of Python into the code that hears nothing
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 128 + signal.SIGINT
    assert "did not end by itself" in process.stdout.read()


def test_ended_soon__lets_finish_what_says_that_it_does(started):
    before = "signal.signal(signal.SIGINT, lambda *_: finish_orderly())"
    process = started(STUCK.format(before=before, is_python=True))
    process.send_signal(signal.SIGINT)
    time.sleep(2.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)  # a second one does not wait
    assert process.wait(timeout=60) == 128 + signal.SIGINT
