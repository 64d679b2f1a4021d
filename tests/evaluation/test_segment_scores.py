"""A segment is scored by its own frames alone, from a manifest and by its name."""

import numpy as np
import pytest

from semivideo.data.catalogue.scanning import scan
from semivideo.data.clips import clip_reader
from semivideo.data.video import decode
from semivideo.data.video.barcodes import barcode_video, read_barcode
from semivideo.data.video.decode import iterate_frames
from semivideo.data.video.encode import encode
from semivideo.evaluation import evaluate
from semivideo.evaluation.prediction_file import PredictionFile, predictions, video_files

ROWS = ["a.mp4,run,0,1", "a.mp4,walk,1,2.2", "a.mp4,swim,3.2,"]
SPANS = [(0, 25), (25, 55), (80, 100)]


@pytest.fixture
def folder(tmp_path):
    """A video of 100 frames, and a list of three segments of it."""
    barcode_video(tmp_path / "a.mp4", 100)
    (tmp_path / "clips.csv").write_text("\n".join(["path,label,start,end", *ROWS]) + "\n")
    return tmp_path


@pytest.fixture
def read(monkeypatch):
    """Frames that each reading of a file gives, by what they show."""
    shown = []
    real = clip_reader.read_frames

    def reading(*args, **given):
        images = real(*args, **given)
        shown.append({read_barcode(image) for image in images})
        return images

    monkeypatch.setattr(clip_reader, "read_frames", reading)
    return shown


def is_inside(shown) -> bool:
    return all(seen <= set(range(*span)) and seen for seen, span in zip(shown, SPANS, strict=True))


def test_evaluate__sees_of_each_segment_its_own_frames(kit, folder, read):
    recognizer = kit.recognizer(data={"short_side": 64})
    found = evaluate(recognizer, scan(folder / "clips.csv"), workers=0)
    assert found.ids == ("a.mp4#0.000-1.000", "a.mp4#1.000-2.200", "a.mp4#3.200-end")
    assert is_inside(read)
    assert [min(seen) for seen in read] == [start for start, _ in SPANS]


def test_predict__scores_a_named_segment_as_evaluate_does(kit, folder, read):
    recognizer = kit.recognizer(data={"short_side": 64})
    expected = evaluate(recognizer, scan(folder / "clips.csv"), workers=0).scores
    read.clear()
    named = [folder / name for name in ("a.mp4#0-1", "a.mp4#1.0-2.2", "a.mp4#3.2-end")]
    scores = [recognizer.scores(path) for path in named]
    assert np.array_equal(np.stack(scores), expected)
    assert is_inside(read)
    assert recognizer.predict(named[1]).path == str(named[1])


def test_predict__scores_a_segment_as_a_file_of_its_frames(kit, folder):
    recognizer = kit.recognizer()
    frames = list(iterate_frames(folder / "a.mp4"))[25:55]
    exact = {"options": {"qp": "0"}}
    encode(folder / "whole.mkv", iterate_frames(folder / "a.mp4"), frame_rate=25, **exact)
    encode(folder / "cut.mkv", frames, frame_rate=25, **exact)
    one, other = (recognizer.scores(folder / name) for name in ("whole.mkv#1-2.2", "cut.mkv"))
    assert np.array_equal(one, other)


def test_video_files__name_the_segments_of_lists_and_manifests(folder):
    names = ["a.mp4#0.000-1.000", "a.mp4#1.000-2.200", "a.mp4#3.200-end"]
    expected = [folder / name for name in names]
    assert video_files([folder / "clips.csv"]) == expected
    scan(folder / "clips.csv", out=folder / "m.parquet")
    assert video_files([folder / "m.parquet", folder / "a.mp4#1-2"]) == [
        *expected,
        folder / "a.mp4#1-2",
    ]


def test_predictions__look_at_the_file_of_many_segments_once(kit, folder, monkeypatch):
    probed = []
    real = decode.probe
    monkeypatch.setattr(decode, "probe", lambda path, **_: probed.append(path) or real(path))
    list(predictions(kit.recognizer().predict, video_files([folder / "clips.csv"])))
    assert probed == [folder / "a.mp4"]


def test_predictions__a_bad_segment_costs_its_own_line(kit, folder):
    files = [folder / "a.mp4#9-12", folder / "a.mp4#0-1", folder / "b.mp4#0-1"]
    out = folder / "out.csv"
    with PredictionFile(out, files, model="m", top=1) as table:
        for found in predictions(lambda path: kit.recognizer().predict(path, top=1), files):
            table.add(found)
    lines = out.read_text().splitlines()
    assert "a.mp4#9-12: it starts at 9 s and the video ends at 4.000 s" in lines[1]
    assert lines[2].startswith(f"{folder}/a.mp4#0-1,m,,")
    assert "b.mp4 does not exist, and so b.mp4#0-1 is no segment of it" in lines[3]
