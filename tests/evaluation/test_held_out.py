import logging
import threading

import numpy as np
import pytest

from semivideo.base.errors import ConfigError, DataError
from semivideo.evaluation import evaluate
from semivideo.evaluation.held_out import _ahead


def test_evaluate__scores_each_video_as_alone(kit, manifest, videos):
    recognizer = kit.recognizer()
    ids = ["walk/c.mp4", "run/b.mp4"]
    found = evaluate(recognizer, manifest, ids)
    assert found.ids == tuple(ids)
    assert found.labels.tolist() == [2, 0]
    assert found.protocol == "2x3"
    expected = np.stack([recognizer.scores(videos / id) for id in ids])
    assert found.scores == pytest.approx(expected, abs=1e-5)


def test_evaluate__is_the_same_with_and_without_threads(kit, manifest):
    first, second = (
        evaluate(kit.recognizer(), manifest, kit.ids, protocol="3x1", workers=workers)
        for workers in (0, 3)
    )
    assert (first.scores == second.scores).all()
    assert first.ids == second.ids


def test_evaluate__leaves_out_what_cannot_be_read_and_says_so(kit, manifest, caplog):
    with caplog.at_level(logging.WARNING, logger="semivideo"):
        found = evaluate(kit.recognizer(), manifest)
    assert found.ids == tuple(kit.ids)
    assert list(found.skipped) == ["run/broken.mp4"]
    assert "it is no video file" in found.skipped["run/broken.mp4"]
    assert "left out of the evaluation: run/broken.mp4: cannot use broken.mp4" in caplog.text


def test_evaluate__needs_one_readable_video(kit, manifest):
    sentence = r"none of the 1 test videos can be read \(the first: cannot use broken.mp4"
    with pytest.raises(DataError, match=sentence):
        evaluate(kit.recognizer(), manifest, ["run/broken.mp4"])
    with pytest.raises(DataError, match="there is no test video with a label"):
        evaluate(kit.recognizer(), manifest, [])


def test_evaluate__takes_other_labels(kit, manifest):
    labels = {"walk/a.mp4": "swim", "run/b.mp4": "run"}
    found = evaluate(kit.recognizer(), manifest, labels=labels)
    assert found.ids == ("walk/a.mp4", "run/b.mp4")
    assert found.labels.tolist() == [1, 0]


def test_evaluate__refuses_labels_the_network_does_not_know(kit, manifest):
    sentence = r"class 'walks' of test video 'walk/a.mp4' is unknown .*did you mean 'walk'"
    with pytest.raises(DataError, match=sentence):
        evaluate(kit.recognizer(), manifest, labels={"walk/a.mp4": "walks"})
    with pytest.raises(DataError, match=r"test video 'walk/c.mp4' has no label"):
        evaluate(kit.recognizer(), manifest, ["walk/c.mp4"], labels={})
    with pytest.raises(DataError, match=r"has no video 'x.mp4'"):
        evaluate(kit.recognizer(), manifest, ["x.mp4"], labels={"x.mp4": "run"})


def test_evaluate__refuses_a_bad_protocol(kit, manifest):
    with pytest.raises(ConfigError, match="protocol '10x2' is not allowed"):
        evaluate(kit.recognizer(), manifest, protocol="10x2")


def test_evaluate__follows_the_sampling_of_the_card(kit, manifest):
    window, segments = (
        evaluate(kit.recognizer(data={"sampling": sampling}), manifest, kit.ids).scores
        for sampling in ("window", "segments")
    )
    assert np.abs(window - segments).max() > 1e-4


def test_evaluate__tells_its_progress(kit, manifest):
    told = []
    evaluate(kit.recognizer(), manifest, progress=lambda *given: told.append(given))
    assert told == [("evaluate", done, 4, "2x3") for done in (1, 2, 3, 4)]


def test_ahead__loads_a_few_rows_before_they_are_asked_for():
    loaded, enough = [], threading.Event()

    def load(row):
        loaded.append(row)
        if len(loaded) == 3:
            enough.set()
        return str(row)

    stream = _ahead(load, list(range(100)), workers=1)
    assert next(stream) == "0"
    assert enough.wait(timeout=10)  # 1 and 2 come while the caller works on 0
    stream.close()
    assert len(loaded) <= 3
