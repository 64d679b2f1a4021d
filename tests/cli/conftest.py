import importlib
import sys
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from semivideo.cli import app


def stand_in(monkeypatch, name):
    """Replace a heavy module by an object that tests put functions into."""
    fake = SimpleNamespace()
    package, _, attribute = f"semivideo.{name}".rpartition(".")
    monkeypatch.setitem(sys.modules, f"semivideo.{name}", fake)
    monkeypatch.setattr(importlib.import_module(package), attribute, fake, raising=False)
    return fake


@pytest.fixture
def api(monkeypatch):
    return stand_in(monkeypatch, "api")


@pytest.fixture
def build(monkeypatch):
    return stand_in(monkeypatch, "run.build")


@pytest.fixture
def run():
    """Run the command line; gives exit code, stdout and stderr."""
    runner = CliRunner()

    def run(*arguments):
        result = runner.invoke(app, [str(each) for each in arguments], prog_name="semivideo")
        return SimpleNamespace(
            code=result.exit_code, out=result.stdout, err=result.stderr, exception=result.exception
        )

    return run
