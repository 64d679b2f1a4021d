"""What a command may write over: nothing that it reads, and of what is there only its own kind."""

import pytest

from semivideo.base.errors import ConfigError, WriteError
from semivideo.base.places import check_output, head, tail


def check(out, **given):
    given = {"what": "an earlier list", "is_ours": lambda file: head(file) == "ours"} | given
    check_output(out, **given)


def test_check_output__takes_what_is_new_empty_or_an_earlier_output(tmp_path):
    check(tmp_path / "new" / "deep" / "a.csv")
    (tmp_path / "empty.csv").touch()
    check(tmp_path / "empty.csv")
    (tmp_path / "ours.csv").write_text("ours")
    check(tmp_path / "ours.csv")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".lock").touch()
    check(tmp_path / "folder")
    assert not (tmp_path / "new").exists()


def test_check_output__refuses_anything_else(tmp_path):
    file = tmp_path / "theirs.csv"
    file.write_text("theirs")
    sentence = (
        r"theirs\.csv exists and is neither empty nor an earlier list; choose another picture, or "
        r"move it away$"
    )
    with pytest.raises(ConfigError, match=sentence):
        check(file, named="picture")
    with pytest.raises(ConfigError, match=r"is neither empty nor an earlier list"):
        check(tmp_path)
    with pytest.raises(ConfigError, match=r"is neither empty nor an earlier list"):
        check(file, is_ours=lambda _: 1 / 0)


def test_check_output__refuses_what_is_read_whatever_it_is_called(tmp_path):
    file = tmp_path / "ours.csv"
    file.write_text("ours")
    (tmp_path / "link.csv").symlink_to(file)
    with pytest.raises(ConfigError, match=r"link\.csv is read by this command; choose another out"):
        check(tmp_path / "link.csv", inputs=[tmp_path / "gone.csv", file])


def test_check_output__refuses_a_place_that_takes_no_file(tmp_path):
    with pytest.raises(WriteError, match=r"cannot write /proc/a\.csv: .* or choose another place"):
        check(type(tmp_path)("/proc/a.csv"))
    (tmp_path / "file").write_text("a file")
    with pytest.raises(WriteError, match=r"cannot write .*file/a\.csv: .*; check the path, a part"):
        check(tmp_path / "file" / "a.csv")


def test_tail__is_the_end_of_a_file(tmp_path):
    (tmp_path / "long").write_bytes(b"a" * 10_000 + b"end")
    assert tail(tmp_path / "long").endswith(b"aend")
