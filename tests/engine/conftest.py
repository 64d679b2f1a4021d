"""Loads the tiny training next to this file; it is also a script, see test_resume.py."""

import importlib.util
from pathlib import Path

import pytest

from semivideo.engine import Runtime


@pytest.fixture(scope="session")
def tiny():
    spec = importlib.util.spec_from_file_location("tiny", Path(__file__).parent / "tiny.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def runtime():
    return Runtime(precision="fp32", cpu=True)
