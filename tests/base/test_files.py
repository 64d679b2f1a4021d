"""A failed write leaves what was there, says why, and leaves no temporary file."""

import pytest

from semivideo.base.errors import WriteError
from semivideo.base.files import new_folder, replacing, write_bytes, write_first


def test_replacing__failure_keeps_the_old_file(tmp_path):
    file = tmp_path / "f"
    file.write_text("old")

    def fill_the_disk() -> None:
        with replacing(file) as new:
            new.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(WriteError, match=r"disk is full while writing .*f; what was") as caught:
        fill_the_disk()
    assert caught.value.exit_code == 1
    assert file.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_replacing__a_file_where_a_folder_should_be_is_a_sentence(tmp_path):
    (tmp_path / "f").write_text("a file")
    with pytest.raises(WriteError, match=r"cannot write .*f/g: .*; check the folder's permissions"):
        write_bytes(tmp_path / "f" / "g", b"")


def test_write_first__never_replaces(tmp_path):
    for text in (b"one", b"two"):
        write_first(tmp_path / "f", text)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"one"]
    (tmp_path / "g").write_text("")
    with pytest.raises(WriteError, match=r"cannot write .*g/h"):
        write_first(tmp_path / "g" / "h", b"")


def test_new_folder__appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "below" / "made"

    def write(content, *, fails):
        with new_folder(target) as folder:
            (folder / "a").write_text(content)
            assert not target.exists()
            if fails:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        write("half", fails=True)
    assert list(target.parent.iterdir()) == []
    write("whole", fails=False)
    assert [each.name for each in target.parent.iterdir()] == ["made"]
    assert (target / "a").read_text() == "whole"


def test_new_folder__never_replaces_what_came_meanwhile(tmp_path):
    target = tmp_path / "made"

    def write():
        with new_folder(target) as folder:
            (folder / "a").touch()
            target.mkdir()
            (target / "theirs").touch()

    sentence = r"cannot write .*made: .*; name one that is not there yet or choose another place"
    with pytest.raises(WriteError, match=sentence):
        write()
    assert [each.name for each in target.iterdir()] == ["theirs"]
    assert [each.name for each in tmp_path.iterdir()] == ["made"]
