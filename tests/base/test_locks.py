"""One writer a place."""

import os
import subprocess
import sys
import threading

import pytest

from semivideo.base.errors import WriteError
from semivideo.base.locks import HeldError, locked, locked_folder

HOLDER = (
    "import sys; from pathlib import Path; from semivideo.base.locks import locked\n"
    "with locked(Path(sys.argv[1]), shared=len(sys.argv) > 2):\n"
    "    print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def other(limited):
    """Hold a lock in another process."""
    started = []

    def hold(place, *more):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(place), *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(limited(process))
        assert process.stdout.readline() == b"held\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_locked__refuses_the_second_and_says_who_is_first(tmp_path, other):
    holder = other(tmp_path)
    with pytest.raises(HeldError, match=rf"is in use: process {holder.pid} on .* since .*wait for"):
        with locked(tmp_path, doing="train in it"):
            pass
    holder.kill()
    holder.wait()
    with locked(tmp_path):  # the system has dropped it
        assert (tmp_path / ".lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_locked__is_shared_by_those_who_say_so(tmp_path, other):
    other(tmp_path / "file", "shared")
    with locked(tmp_path / "file", shared=True), locked(tmp_path / "file", shared=True):
        pass
    with pytest.raises(HeldError), locked(tmp_path / "file"):
        pass


def test_locked__counts_within_a_process_too(tmp_path):
    with locked(tmp_path):
        with pytest.raises(HeldError, match="this process"), locked(tmp_path, shared=True):
            pass
        found = []

        def wait():
            with locked(tmp_path, patience_seconds=30):
                found.append(1)

        thread = threading.Thread(target=wait)
        thread.start()
    thread.join()
    assert found == [1]


def test_locked_folder__leaves_no_empty_folder(tmp_path):
    with locked_folder(tmp_path / "a" / "b", doing="fill it"):
        assert (tmp_path / "a" / "b" / ".lock").is_file()
    assert not (tmp_path / "a" / "b").exists()
    (tmp_path / "file").touch()
    with locked_folder(tmp_path / "file", doing="fill it"):
        pass


@pytest.mark.parametrize("is_there", [True, False])
def test_locked__follows_no_link_out_of_a_folder_from_elsewhere(tmp_path, is_there):
    folder, notes = tmp_path / "run", tmp_path / "notes.txt"
    folder.mkdir()
    if is_there:
        notes.write_text("mine")
    (folder / ".lock").symlink_to(notes)
    with pytest.raises(WriteError, match=r"cannot write .*lock: a link stands there.*; remove it"):
        with locked(folder):
            pass
    assert notes.read_text() == "mine" if is_there else not notes.exists()


def test_locked__writes_into_no_file_that_has_another_name(tmp_path):
    folder, notes = tmp_path / "run", tmp_path / "notes.txt"
    folder.mkdir()
    notes.write_text("mine")
    os.link(notes, folder / ".lock")
    with pytest.raises(WriteError, match=r"it is a file with other names.*; remove it"):
        with locked(folder):
            pass
    assert notes.read_text() == "mine"


def test_locked__opens_no_pipe(tmp_path):
    os.mkfifo(tmp_path / ".lock")
    with pytest.raises(WriteError, match="it is a named pipe and no regular file"):
        with locked(tmp_path):
            pass
