import sys
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import semivideo
from semivideo.cli import app


@pytest.fixture
def api(monkeypatch):
    """A stand-in for semivideo.api: tests put in the functions they need."""
    fake = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "semivideo.api", fake)
    monkeypatch.setattr(semivideo, "api", fake, raising=False)
    return fake


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
