import numpy as np
import pytest

from semivideo.data.video.decode import probe, read_frames
from semivideo.profile import rivals
from semivideo.profile.reading import Source
from semivideo.run import build


@pytest.fixture
def source(manifest, split, settings):
    chosen = settings("small-cmpl")
    method = build.build_method(chosen, num_classes=2)
    streams = build.build_streams(chosen, manifest=manifest, split=split)
    return Source(manifest, streams, method.clips, chosen.data, seed=0)


def test_compared__says_who_is_not_there(source, monkeypatch):
    monkeypatch.setattr(rivals, "LIBRARIES", {"absent": ("no_such_module", None)})
    [rival] = rivals.compared(source)
    assert (rival.name, rival.missing) == ("absent", "not installed")


def test_compared__reads_the_same_frames(source, monkeypatch):
    seen = []

    def read(library, path, indices):
        assert library.__name__ == "json"
        seen.append(indices)
        return read_frames(path, indices, frames=probe(path).frames)

    monkeypatch.setattr(rivals, "LIBRARIES", {"same": ("json", read)})
    [rival] = rivals.compared(source)
    assert rival.missing is None
    assert (rival.num_clips, rival.num_failed) == (23, 0)  # the first of 24 warms up
    assert min(rival.seconds, rival.ours) > 0
    # 2 and 4 frames from segments: those of the first are among those of the second.
    assert all(len(np.unique(indices)) == len(indices) <= 6 for indices in seen)


def test_compared__counts_files_that_a_library_cannot_read(source, monkeypatch):
    def read(library, path, indices):
        raise RuntimeError("cannot find video stream")

    monkeypatch.setattr(rivals, "LIBRARIES", {"failing": ("json", read)})
    [rival] = rivals.compared(source)
    assert (rival.missing, rival.num_failed) == ("reads none of these files", 24)
