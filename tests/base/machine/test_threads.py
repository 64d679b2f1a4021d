"""Threads that sleep while they wait, unless the user wants otherwise."""

import subprocess
import sys

import pytest

from semivideo.base.machine.threads import wait_asleep


def test_wait_asleep__is_asked_for():
    environment = {"PATH": "/bin"}
    wait_asleep(environment)
    assert environment == {"PATH": "/bin", "OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"])
def test_wait_asleep__leaves_what_the_user_chose(name):
    environment = {name: "1"}
    wait_asleep(environment)
    assert environment == {name: "1"}


def test_wait_asleep__comes_before_torch():
    """The command imports nothing that loads torch before it says how threads wait."""
    code = "import sys, semivideo.cli; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
