"""One bad file costs its row, and a fault of ours is found again."""

from pathlib import Path

import pytest

from semivideo.base import faults
from semivideo.base.errors import ConfigError, DataError
from semivideo.base.faults import about_file


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(faults, "_told", set())
    return tmp_path / "semivideo" / "faults.log"


def fail(error):
    with about_file(Path("a/b.mp4")):
        raise error


def test_about_file__says_what_the_system_says_and_what_helps():
    with pytest.raises(DataError, match=r"cannot open a/b.mp4: Permission denied; check its rig"):
        fail(PermissionError(13, "Permission denied"))
    with pytest.raises(DataError, match=r"b.mp4: it needs more memory than there is; leave"):
        fail(MemoryError())


def test_about_file__keeps_errors_that_are_raised_on_purpose():
    with pytest.raises(ConfigError, match=r"^as it is$"):
        fail(ConfigError("as it is"))
    with pytest.raises(KeyboardInterrupt):
        fail(KeyboardInterrupt())
    with pytest.raises(OSError, match="full"), about_file(Path("a"), keep=(OSError,)):
        raise OSError(28, "full")


def test_about_file__writes_the_traceback_of_a_fault_once(log):
    for _ in range(3):
        with pytest.raises(DataError, match=r"unexpected AttributeError \(no such thing\); t"):
            fail(AttributeError("no such thing"))
    text = log.read_text()
    assert text.count("Traceback") == 1
    assert "a/b.mp4" in text
    assert "in fail" in text


def test_about_file__works_where_no_log_can_be_written(monkeypatch, tmp_path, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(faults, "_told", set())
    with pytest.raises(DataError, match=r"unexpected ZeroDivisionError \(x\); please report it"):
        fail(ZeroDivisionError("x"))
    assert "Traceback" in caplog.text
