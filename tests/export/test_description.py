"""What an exported network has to be fed, as data: all of it, for one class or several."""

import numpy as np
import pytest

from semivideo.export.alone.preprocess import chosen_frames, crops_of, on_canvas
from semivideo.export.alone.run import probabilities_of
from semivideo.export.description import described
from semivideo.export.model_page import model_page
from semivideo.export.parity import Parity
from semivideo.settings import (
    DataSettings,
    EvaluationSettings,
    ModelCard,
    NetworkSettings,
    ViewSettings,
    WeightsOrigin,
)


def card(**data):
    return ModelCard(
        network=NetworkSettings(num_frames=4, stride_frames=2),
        classes=["run", "eat"],
        data=DataSettings(short_side=40, **data),
        views=ViewSettings(crop_size=32, weak_scale=1.0),
        evaluation=EvaluationSettings(num_clips=3),
        method="probe",
        thresholds=[0.3, 0.6] if data.get("multi_label") else None,
        origins=[WeightsOrigin(pretrained_on="noise", licence="MIT", league="image weights")],
        weights_sha256="0" * 64,
    )


def test_described__is_enough_for_the_code_beside_it():
    found = described(card(resize="bicubic", sampling="segments"))
    frame = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    [first, *_] = chosen_frames(12, found)
    clip = crops_of([on_canvas(frame, found) for _ in first], found)
    assert list(clip.shape) == [3, *found["input"]["shape"][1:]]
    assert found["outputs"][0]["shape"][1] == len(found["classes"]) == 2
    assert "resize frames to a short side of 40 pixels, bicubic" in " ".join(found["in_words"])


def test_described__of_several_classes_at_once_has_their_thresholds():
    found = described(card(multi_label=True))
    assert (found["several"], found["thresholds"]) == (True, [0.3, 0.6])
    assert described(card())["thresholds"] is None


def test_probabilities__are_averaged_as_the_description_says():
    logits = np.array([[0.0, 2.0], [4.0, 0.0]], dtype=np.float32)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    ways = {"several": False, "average": "probabilities"}
    np.testing.assert_allclose(probabilities_of(logits, ways), shares.mean(axis=0), rtol=1e-6)
    found = probabilities_of(logits, ways | {"average": "logits"})
    np.testing.assert_allclose(found[0], 1 / (1 + np.exp(-1.0)), rtol=1e-6)
    found = probabilities_of(logits, ways | {"several": True})
    np.testing.assert_allclose(found, (1 / (1 + np.exp(-logits))).mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize(
    ("several", "words"),
    [(True, "Several of them can be there at once: run, eat"), (False, "One of them: run, eat")],
)
def test_page__says_where_weights_are_from_and_that_nothing_was_tested(tmp_path, several, words):
    (tmp_path / "card.json").touch()
    parity = Parity(1, 1e-3, 1e-7, 1, 0.01, 1, apart=["a.mp4"])
    asked = {"format": "hub-folder", "precision": "single", "parity": parity}
    page = model_page(tmp_path, card(multi_label=several), **asked)
    assert words in page
    assert page.startswith("---\nlicense: mit\n")
    assert "weights that had seen: noise; their licence: MIT" in page
    assert "Not tested: nothing is known of its accuracy" in page
    assert "1 of them are further apart" in page
