"""The rate of a folder of frames: said, or known of a scan, or assumed and told."""

import cv2
import numpy as np
import pytest

from semivideo.base.errors import ConfigError
from semivideo.data.catalogue.clocks import Clocks
from semivideo.data.catalogue.frame_rates import FrameRates
from semivideo.data.catalogue.scanning import Hints, scan
from semivideo.data.catalogue.segments import looked_at

TOLD = "1 folder(s) of frames are read as videos of 25 frames a second; frame_rate says otherwise"


@pytest.fixture
def root(tmp_path):
    """A class with a folder of 20 frames."""
    folder = tmp_path / "D" / "wave" / "v1"
    folder.mkdir(parents=True)
    for number in range(20):
        image = np.full((32, 48, 3), 10 * number, np.uint8)
        (folder / f"{number:03}.png").write_bytes(cv2.imencode(".png", image)[1])
    return tmp_path / "D"


def test_rates__of_a_manifest_are_those_of_its_scan(root, tmp_path, caplog):
    scan(root, out=tmp_path / "m.parquet", hints=Hints(frame_rate=10))
    rates = FrameRates.of([tmp_path / "m.parquet"], said=None)
    folder = root.resolve() / "wave" / "v1"
    rates.tell([folder, f"{folder}#0.5-1"])
    assert (rates(folder), rates(f"{folder}#0.5-1"), caplog.messages) == (10, 10, [])
    assert FrameRates.of([tmp_path / "m.parquet"], said=5)(folder) == 5


def test_rates__that_nobody_said_are_told(root, caplog):
    folder = root / "wave" / "v1"
    rates = FrameRates.of([folder], said=None)
    rates.tell([folder, folder, root / "a.mp4"])
    assert (rates(folder), caplog.messages) == (25, [TOLD])
    FrameRates.of([folder], said=25).tell([folder])
    assert caplog.messages == [TOLD]


def test_scan__at_the_usual_rate_tells_nothing_where_it_was_said(root, caplog):
    scan(root, hints=Hints(frame_rate=25))
    assert caplog.messages == []
    for rate in (0, -1, float("nan")):
        with pytest.raises(ConfigError, match=r"frame_rate must be above 0, got .*; 25 is usual"):
            scan(root, hints=Hints(frame_rate=rate))


def test_looked_at__has_the_frames_of_a_segment_at_the_rate(root):
    name = root / "wave" / "v1#0.5-1"
    assert looked_at(name, frame_rate=10)[1].num_frames == 5
    assert looked_at(name, frame_rate=20)[1].num_frames == 10
    assert looked_at(root / "wave" / "v1", frame_rate=10)[1].duration_seconds == 2.0


def test_clocks__of_labels_that_count_frames_go_at_the_rate(root):
    """Frame 10 of a folder scanned at 10 a second is its second 1."""
    assert Clocks(root, frame_rate=10)("wave/v1").start(10) == 1.0
    assert Clocks(root)("wave/v1").start(10) == 0.4
