"""Loads the tiny training next to this file; it is also a script, see test_resume.py."""

import importlib.util
from pathlib import Path

import pytest
import torch

from semivideo.engine import Runtime


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny():
    spec = importlib.util.spec_from_file_location("tiny", Path(__file__).parent / "tiny.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def runtime():
    return Runtime(precision="fp32", cpu=True)
