"""A fault of ours that one file brings out costs its row, in every job over many files."""

import numpy as np
import pytest

from semivideo.base import faults
from semivideo.base.records import ClipSpec
from semivideo.data.cache.preparing import prepare
from semivideo.data.catalogue.scanning import scan
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.clips.store import filled_store
from semivideo.data.video import decode
from semivideo.data.video.barcodes import barcode_video
from semivideo.settings import DataSettings

REASON = "cannot use bad.mp4: unexpected ZeroDivisionError (of ours); "


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three videos; whatever reads the one in the middle divides by zero."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(faults, "_told", set())
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in ("a", "bad", "c"):
        barcode_video(videos / f"{name}.mp4", 12)
    return videos


@pytest.fixture
def broken(monkeypatch):
    """Let a function of decoding fail for the bad file."""

    def let_fail(module, name):
        real = getattr(module, name)

        def failing(path, *arguments, **options):
            if path.name == "bad.mp4":
                raise ZeroDivisionError("of ours")
            return real(path, *arguments, **options)

        monkeypatch.setattr(module, name, failing)

    return let_fail


def test_scan__has_a_row_with_a_reason(folder, broken, tmp_path):
    broken(decode.probing, "probe")
    found = scan(folder, out=tmp_path / "m.parquet")
    assert [found[row].error is None for row in range(3)] == [True, False, True]
    assert found[1].error.startswith(REASON)
    log = (tmp_path / "state" / "semivideo" / "faults.log").read_text()
    assert "ZeroDivisionError: of ours" in log


def test_prepare__stores_the_others(folder, broken, tmp_path):
    manifest = scan(folder)
    broken(decode, "numbered")
    made = prepare(manifest, tmp_path / "cache", wanted={"short_side": 32})
    assert list(made.failed) == ["bad.mp4"]
    assert made.failed["bad.mp4"].startswith(REASON)
    assert made.num_frames == 24


def test_readers__raise_the_error_of_the_file(folder, broken):
    manifest = scan(folder)
    broken(decode, "opened")
    broken(decode, "numbered")
    settings = DataSettings(short_side=32)
    reader = ClipReader(manifest, {"primary": ClipSpec(2, 2)}, settings=settings)
    assert reader.training(0, 7)["primary"].dtype == np.uint8
    with pytest.raises(ValueError, match=r"^cannot use bad.mp4: unexpected ZeroDivisionError"):
        reader.training(1, 7)
    store = filled_store(manifest, [0, 1, 2], settings=settings)
    assert list(store.failed) == [1]
    assert store.frames(2) is not None
