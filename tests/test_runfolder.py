import errno
import os

import pytest

from semivideo.base.errors import CheckpointError, ConfigError, WriteError
from semivideo.runfolder import RunFolder
from semivideo.settings import Settings


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path / "runs" / "a")


def test_create__makes_parents_and_accepts_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    assert RunFolder.create(tmp_path / "empty").path.is_dir()
    assert RunFolder.create(tmp_path / "x" / "y").path.is_dir()


def test_create__refuses_a_run_and_says_how_to_continue(run):
    run.write_text(run.settings_file, Settings().to_yaml())
    with pytest.raises(CheckpointError, match=r"runs/a exists; continue that run with resume='"):
        RunFolder.create(run.path)


@pytest.mark.parametrize("make", [lambda p: (p.mkdir(), (p / "x").touch()), lambda p: p.touch()])
def test_create__refuses_what_is_not_an_empty_folder(tmp_path, make):
    make(tmp_path / "a")
    with pytest.raises(CheckpointError, match="is not an empty folder; choose another name"):
        RunFolder.create(tmp_path / "a")


def test_create__says_why_a_folder_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"cannot write .*file/a: Not a directory") as caught:
        RunFolder.create(tmp_path / "file" / "a")
    assert caught.value.exit_code == 1


def test_open__refuses_a_missing_and_a_foreign_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"/file is a file and no run folder; give the fold"):
        RunFolder.open(tmp_path / "file")
    with pytest.raises(CheckpointError, match=r"there is no run folder .*/b; give the folder"):
        RunFolder.open(tmp_path / "b")
    with pytest.raises(CheckpointError, match=r"is not a run folder \(it has no settings.yaml\)"):
        RunFolder.open(tmp_path)


def test_settings__come_back_as_written(run):
    settings = Settings().updated({"engine.steps": 7, "method.name": "fixmatch"})
    run.write_yaml(run.settings_file, settings.model_dump(mode="json"))
    assert RunFolder.open(run.path).settings() == settings


def test_settings__name_the_file_in_errors(run):
    run.write_text(run.settings_file, "engine: {stepps: 3}")
    with pytest.raises(ConfigError, match=r"settings.yaml: \[engine\] has no key 'stepps'"):
        run.settings()
    run.write_text(run.settings_file, "a: [1")
    with pytest.raises(CheckpointError, match=r"settings.yaml is not YAML"):
        run.settings()
    run.write_text(run.settings_file, "")
    with pytest.raises(CheckpointError, match=r"settings.yaml holds no settings"):
        run.settings()


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_write__full_disk_keeps_the_old_content(run, monkeypatch, broken):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    run.write_json(run.summary_file, {"top1": 0.5})
    with monkeypatch.context() as patched:
        patched.setattr(os, broken, full)
        with pytest.raises(
            WriteError, match=r"disk is full while writing .*summary.json; .* free space"
        ) as caught:
            run.write_json(run.summary_file, {"top1": 0.9})
    assert caught.value.exit_code == 1
    assert run.summary() == {"top1": 0.5}
    names = {path.name for path in run.path.iterdir()}
    assert names - {".begun"} == {"summary.json"}


def test_append_metrics__full_disk_is_a_sentence(run):
    run.metrics_file.symlink_to("/dev/full")
    with pytest.raises(WriteError, match=r"disk is full while writing .*metrics.jsonl"):
        run.append_metrics({"step": 1})


def test_metrics__ignore_a_last_line_cut_by_a_kill(run):
    run.append_metrics({"step": 1})
    run.append_metrics({"step": 2})
    whole = run.metrics_file.read_text()
    for length in range(len(whole) + 1):
        run.metrics_file.write_text(whole[:length])
        steps = [line["step"] for line in run.metrics()]
        assert steps == [1, 2][: (length >= 11) + (length >= 23)], length


def test_metrics__name_a_broken_line(run):
    assert run.metrics() == []
    run.metrics_file.write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(CheckpointError, match=r"line 2 of .*metrics.jsonl is broken: '{\"st'"):
        run.metrics()


def test_summary__says_that_training_has_not_finished(run):
    with pytest.raises(CheckpointError, match=r"has not finished: continue it with resume='"):
        run.summary()
    run.write_text(run.summary_file, "{")
    with pytest.raises(CheckpointError, match=r"summary.json is not JSON .*; write it again"):
        run.summary()
    run.write_text(run.summary_file, "[]")
    with pytest.raises(CheckpointError, match=r"summary.json holds no JSON object"):
        run.summary()
