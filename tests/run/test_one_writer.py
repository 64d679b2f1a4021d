"""A place has one writer: the second one is refused before it does anything."""

import pytest

import semivideo
from semivideo.base.errors import CheckpointError, DataError
from semivideo.base.locks import HeldError, locked
from semivideo.evaluation.prediction_file import PredictionFile
from semivideo.run.resolve import Wanted
from semivideo.run.training import begin, proceed
from semivideo.runfolder import RunFolder

LEFT = ".{}.12345-0a1b2c3d.tmp"


def test_scan__refuses_to_be_second_and_removes_what_a_kill_left(manifest, tmp_path):
    out = tmp_path / "m.parquet"
    mine, others = (tmp_path / LEFT.format(name) for name in ("m.parquet", "n.parquet"))
    mine.touch()
    others.touch()
    with locked(out), pytest.raises(HeldError, match=r"m.parquet is in use: .* may scan into it"):
        semivideo.scan(manifest.root, out=out)
    assert mine.exists()
    semivideo.scan(manifest.root, out=out)
    assert sorted(path.name for path in tmp_path.iterdir()) == [others.name, "m.parquet"]


def test_prepare__refuses_to_be_second_unless_the_job_is_shared(manifest, tmp_path, monkeypatch):
    out = tmp_path / "cache"
    out.mkdir()
    with (
        locked(out),
        pytest.raises(HeldError, match=r"cache is in use: .* may prepare it"),
    ):
        semivideo.prepare(manifest, out=out, short_side=16)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with locked(out, shared=True):
        semivideo.prepare(manifest, out=out, short_side=16)
    monkeypatch.undo()
    (out / "shards" / LEFT.format("00000.tar")).touch()
    semivideo.prepare(manifest, out=out)
    assert not [path for path in out.rglob(".*") if path.name != ".lock"]


def test_train__refuses_to_be_second_in_a_run_folder(settings, tmp_path):
    run = RunFolder.create(tmp_path / "run")
    run.begun(settings("small-supervised"))
    before = sorted(run.path.iterdir())
    with (
        locked(run.path),
        pytest.raises(HeldError, match=r"run is in use: .* may train in it"),
    ):
        proceed(run)
    assert sorted(run.path.iterdir()) == before


def test_predictions__refuse_to_be_second_in_a_table(tmp_path):
    table = PredictionFile(tmp_path / "found.csv", [], model="m", top=1)
    with locked(table.path), pytest.raises(HeldError, match=r"found.csv is in use"), table:
        pass
    with table:
        (tmp_path / LEFT.format("found.csv")).touch()
    with table:
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["found.csv"]


def test_create__takes_a_folder_again_that_was_killed_before_it_was_a_run(settings, tmp_path):
    begun = RunFolder.create(tmp_path / "run")
    begun.manifest_file.touch()
    again = RunFolder.create(tmp_path / "run")
    assert not again.manifest_file.exists()
    again.begun(settings("small-supervised"))
    assert [path.name for path in again.path.iterdir()] == ["settings.yaml"]


def test_create__removes_nothing_that_a_beginning_did_not_write(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.json").touch()
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / ".begun").touch()
    (folder / "a.mp4").touch()
    (folder / "choosing").symlink_to(outside)
    with pytest.raises(CheckpointError, match="videos exists and is not an empty folder"):
        RunFolder.create(folder)
    assert (folder / "a.mp4").exists()
    assert (outside / "mine.json").exists()


def one_a_class(videos):
    return semivideo.split(videos, labels_per_class=1)


def test_begin__holds_the_folder_from_its_first_file_on(tmp_path, manifest):
    """Another that begins there meanwhile is refused, and removes nothing."""
    out = tmp_path / "run"
    refused = []

    def find():
        before = sorted(out.iterdir())
        with pytest.raises(HeldError, match=r"run is in use: .* may train in it"):
            begin(out, wanted, manifest=lambda: manifest, split=one_a_class)
        refused.append(sorted(out.iterdir()) == before)
        return manifest

    wanted = Wanted(recipe="small-supervised", steps=1)
    begin(out, wanted, manifest=find, split=one_a_class)
    assert refused == [True]
    assert not (out / ".lock").exists()


def test_begin__that_fails_leaves_nothing(tmp_path, manifest):
    def fail(videos):
        raise DataError("no", path="x")

    with pytest.raises(DataError):
        begin(tmp_path / "run", Wanted(), manifest=lambda: manifest, split=fail)
    assert list(tmp_path.iterdir()) == []
