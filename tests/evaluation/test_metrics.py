import json

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multiclass_f1_score,
)

from semivideo.base.errors import CheckpointError, DataError
from semivideo.evaluation.metrics import (
    Evaluation,
    accuracy,
    class_accuracy,
    class_f1,
    confusion_matrix,
)

# Six videos of classes a a a b b c out of a..d; the best scored: a a b b a c.
SCORES = np.array(
    [
        [0.7, 0.1, 0.1, 0.1],
        [0.4, 0.3, 0.2, 0.1],
        [0.3, 0.6, 0.1, 0.0],
        [0.1, 0.8, 0.1, 0.0],
        [0.5, 0.2, 0.3, 0.0],
        [0.2, 0.1, 0.6, 0.1],
    ],
    dtype=np.float32,
)
LABELS = np.array([0, 0, 0, 1, 1, 2])


def evaluation(**changed) -> Evaluation:
    ids = tuple(f"{name}.mp4" for name in "uvwxyz")
    given = {
        "protocol": "2x3",
        "classes": tuple("abcd"),
        "ids": ids,
        "scores": SCORES,
        "labels": LABELS,
        "skipped": {"broken.mp4": "cannot use broken.mp4"},
        "decoder": "hardware",
    }
    return Evaluation(**given | changed)


def random_scores(seed: int, *, videos: int = 200, classes: int = 12):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(videos, classes))
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return scores.astype(np.float32), rng.integers(0, classes - 1, videos)  # the last has no video


def test_evaluation__equals_a_table_counted_by_hand():
    found = evaluation()
    assert found.num_videos == 6
    assert found.top1 == pytest.approx(4 / 6)
    assert found.confusion.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert found.class_accuracy[:3].tolist() == pytest.approx([2 / 3, 1 / 2, 1.0])
    assert np.isnan(found.class_accuracy[3])
    assert found.mean_class == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)


def test_accuracy__of_the_first_two_equals_a_table_counted_by_hand():
    # Second best: video 2 has a (right), video 4 has c (wrong).
    assert accuracy(SCORES, LABELS, top=2) == pytest.approx(5 / 6)
    assert accuracy(SCORES, LABELS, top=3) == 1.0


@pytest.mark.parametrize("top", [1, 5])
def test_accuracy__agrees_with_torchmetrics(top):
    scores, labels = random_scores(top)
    given = {"num_classes": 12, "top_k": top, "average": "micro"}
    expected = multiclass_accuracy(torch.from_numpy(scores), torch.from_numpy(labels), **given)
    assert accuracy(scores, labels, top=top) == pytest.approx(expected.item())
    assert 0.05 < accuracy(scores, labels, top=top) < 0.95


def test_confusion_matrix__agrees_with_torchmetrics():
    scores, labels = random_scores(3)
    expected = multiclass_confusion_matrix(
        torch.from_numpy(scores), torch.from_numpy(labels), num_classes=12
    )
    assert (confusion_matrix(scores, labels) == expected.numpy()).all()


def test_class_accuracy__agrees_with_one_class_at_a_time():
    scores, labels = random_scores(4)
    found = class_accuracy(confusion_matrix(scores, labels))
    right = scores.argmax(axis=1) == labels
    for number in range(11):
        assert found[number] == pytest.approx(right[labels == number].mean())
    assert np.isnan(found[11])


def test_accuracy__of_equal_scores_is_that_of_the_first_classes():
    scores = np.full((4, 4), 0.25, dtype=np.float32)
    labels = np.arange(4)
    assert accuracy(scores, labels) == 1 / 4
    assert accuracy(scores, labels, top=2) == 2 / 4


@pytest.mark.parametrize(("num_classes", "tells"), [(4, False), (10, False), (11, True)])
def test_evaluation__tells_top5_of_more_than_ten_classes(num_classes, tells):
    scores = np.zeros((6, num_classes), np.float32)
    found = evaluation(classes=tuple("abcdefghijk"[:num_classes]), scores=scores)
    assert found.tells_top5 is tells
    assert ("top5" in found.to_json()) is tells


def test_without__takes_known_videos_out_of_the_figures(tmp_path):
    found = evaluation(skipped={"s.mp4": "broken", "t.mp4": "empty"})
    known = {"labeled": ["u.mp4", "s.mp4"], "unlabeled": ["w.mp4", "x.mp4"]}
    new = found.without(known)
    assert (new.ids, new.top1) == (("v.mp4", "y.mp4", "z.mp4"), pytest.approx(2 / 3))
    assert new.skipped == {"t.mp4": "empty"}
    assert new.trained_on == {
        "labeled": (("u.mp4",), 1.0),
        "unlabeled": (("w.mp4", "x.mp4"), 0.5),
    }
    new.write(tmp_path / "e.json")
    assert Evaluation.read(tmp_path / "e.json").to_json() == new.to_json()
    assert found.without({"labeled": []}).to_json() == found.to_json()
    with pytest.raises(DataError, match="none of the videos that the network was not trained on"):
        found.without({"labeled": found.ids})


def test_evaluation__is_read_as_it_was_written(tmp_path):
    file = tmp_path / "evaluation.json"
    evaluation().write(file)
    found = Evaluation.read(file)
    assert found.to_json() == evaluation().to_json()
    assert found.decoder == "hardware"
    assert found.ids == evaluation().ids
    assert (found.scores == SCORES).all()
    assert (found.labels == LABELS).all()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evaluation.json", "evaluation.npz"]


def test_evaluation__of_before_the_decoder_was_named_is_of_software(tmp_path):
    file = tmp_path / "evaluation.json"
    evaluation().write(file)
    stated = json.loads(file.read_text())
    assert stated.pop("decoder") == "hardware"
    file.write_text(json.dumps(stated))
    assert Evaluation.read(file).decoder == "software"


def test_evaluation__json_holds_the_figures(tmp_path):
    evaluation().write(tmp_path / "evaluation.json")
    stated = json.loads((tmp_path / "evaluation.json").read_text())
    assert stated["top1"] == pytest.approx(4 / 6)
    assert stated["class_accuracy"]["d"] is None
    assert stated["num_skipped"] == 1
    assert stated["skipped"] == {"broken.mp4": "cannot use broken.mp4"}


def test_evaluation__without_its_scores_says_what_to_do(tmp_path):
    file = tmp_path / "evaluation.json"
    with pytest.raises(CheckpointError, match=r"evaluation.json; run `semivideo evaluate` first"):
        Evaluation.read(file)
    evaluation().write(file)
    (tmp_path / "evaluation.npz").unlink()
    with pytest.raises(CheckpointError, match=r"cannot read .*evaluation.npz.*; evaluate again"):
        Evaluation.read(file)


def test_evaluation__refuses_scores_of_another_one(tmp_path):
    evaluation().write(tmp_path / "a.json")
    evaluation(scores=SCORES[::-1]).write(tmp_path / "b.json")
    (tmp_path / "b.npz").replace(tmp_path / "a.npz")
    with pytest.raises(CheckpointError, match=r"a.npz does not hold the scores of .*a.json"):
        Evaluation.read(tmp_path / "a.json")


def test_evaluation__with_a_key_removed_by_hand_is_refused(tmp_path):
    file = tmp_path / "evaluation.json"
    evaluation().write(file)
    stated = json.loads(file.read_text())
    del stated["classes"]
    file.write_text(json.dumps(stated))
    with pytest.raises(CheckpointError, match=r"evaluation.json has no key 'classes'; evaluate"):
        Evaluation.read(file)


def test_class_f1__agrees_with_torchmetrics():
    scores, labels = random_scores(5)
    expected = multiclass_f1_score(
        torch.from_numpy(scores), torch.from_numpy(labels), num_classes=12, average="none"
    )
    found = class_f1(confusion_matrix(scores, labels))
    assert found[:11] == pytest.approx(expected.numpy()[:11])
    assert np.isnan(found[11])


def test_evaluation__of_several_classes_keeps_what_is_there(tmp_path):
    scores = np.array([[0.9, 0.8], [0.2, 0.7], [0.6, 0.1]], dtype=np.float32)
    present = np.array([[1, 1], [0, 1], [0, 0]], dtype=bool)
    made = Evaluation(
        protocol="1x1",
        classes=("eat", "run"),
        ids=("a", "b", "c"),
        scores=scores,
        labels=np.array([0, 1, 1]),
        present=present,
        thresholds=(0.7, 0.5),
    )
    made.write(tmp_path / "evaluation.json")
    found = Evaluation.read(tmp_path / "evaluation.json")
    assert (found.present == present).all()
    assert found.thresholds == (0.7, 0.5)
    assert found.mean_average_precision == 1.0
    assert found.presence_f1.tolist() == [1.0, 1.0]
    assert found.top1 == pytest.approx(2 / 3)
