import csv
import json

import pytest

from semivideo import api
from semivideo.analysis.groups import Trained
from semivideo.base.errors import ConfigError, DataError
from semivideo.run.labeling.answers import Answer, Answers, Interval, labels_table
from semivideo.run.labeling.continuing import continued
from tests.run.labeling.conftest import make_features, train_on


@pytest.fixture
def trained(tmp_path):
    """Six labels of sixty videos, two of twelve groups held out, labels of others hidden."""
    features = make_features(tmp_path / "features")
    split = api.split(features, labels_per_class=2, test_groups=["g00", "g01"])
    return Trained.read(train_on(features, tmp_path / "run", split=split, steps=2).path)


def rows(text):
    return list(csv.DictReader(text.splitlines()))


def write(trained, *given):
    Answers(trained.run.answers, given).write(trained)
    return trained.run.path


def test_labels_table__has_every_video_and_hides_what_the_run_did_not_know(trained):
    table = rows(labels_table(trained, {}))
    assert len(table) == 60
    assert sum(row["source"] == "given" for row in table) == 6 + len(trained.split.test)
    assert {row["split"] for row in table} == {"train", "test"}
    free = str(trained.manifest.absolute(trained.manifest.row_of(trained.split.unlabeled[0])))
    [row] = [row for row in table if row["path"] == free]
    assert (row["label"], row["source"]) == ("", "")


def test_labels_table__has_a_row_for_each_label_and_interval(trained):
    one, two, three = trained.split.unlabeled[:3]
    answers = {
        one: Answer(one, "label", ("jog", "sit")),
        two: Answer(two, "intervals", intervals=(Interval("hop", 0.0, 0.1),)),
        three: Answer(three, "unsure"),
    }
    table = rows(labels_table(trained, answers))
    of = {id: [row for row in table if row["path"].endswith(id)] for id in answers}
    assert [row["label"] for row in of[one]] == ["jog", "sit"]
    assert [(row["label"], row["start"], row["end"]) for row in of[two]] == [("hop", "0.0", "0.1")]
    assert [(row["label"], row["source"]) for row in of[three]] == [("", "unsure")]


def test_answers__come_back_as_they_were_written(trained):
    id = trained.split.unlabeled[0]
    given = (
        Answer(id, "label", ("jog",), seconds=2.5),
        Answer(id, "intervals", intervals=(Interval("hop", 0.5, 1.25),)),
    )
    write(trained, *given)
    found = Answers.read(trained.run.answers)
    assert found.given == given
    assert found.latest == {id: given[1]}
    assert Answers.read(trained.run.path / "nowhere").given == ()


@pytest.mark.parametrize("content", ["{", '{"format": 9}', '{"format": 1, "answers": [{}]}', "[]"])
def test_answers__that_are_broken_are_refused(trained, content):
    trained.run.answers.mkdir()
    (trained.run.answers / "answers.json").write_text(content)
    with pytest.raises(DataError, match="is not what `semivideo review` writes"):
        Answers.read(trained.run.answers)


def test_continued__knows_what_was_answered_and_nothing_more(trained):
    new, other = trained.split.unlabeled[:2]
    wrong, dropped = trained.split.labeled[:2]
    was = trained.manifest.labels[trained.manifest.row_of(wrong)]
    label = "sit" if was != "sit" else "hop"
    found = continued(
        write(
            trained,
            Answer(new, "label", ("hop",)),
            Answer(new, "label", ("jog",)),
            Answer(wrong, "label", (label,)),
            Answer(dropped, "unsure"),
        )
    )
    assert (found.num_new, found.num_changed, found.num_dropped) == (1, 1, 1)
    labels = dict(zip(found.manifest.ids, found.manifest.labels, strict=True))
    assert (labels[new], labels[wrong]) == ("jog", label)
    assert new in found.split.labeled
    assert {dropped, other} <= set(found.split.unlabeled)
    assert found.split.test == trained.split.test
    assert found.manifest.features == trained.manifest.features


def test_train__goes_on_from_a_run_and_its_answers(trained, tmp_path):
    ids = trained.split.unlabeled[:6]
    truth = trained.manifest.labels
    given = [Answer(id, "label", (truth[trained.manifest.row_of(id)],)) for id in ids]
    path = write(trained, *given)
    run = api.train(from_run=path, out=tmp_path / "next", steps=3)
    assert set(run.split.labeled) == {*trained.split.labeled, *ids}
    assert run.folder.settings().updated({"engine.steps": 2}) == trained.settings
    assert Trained.read(path).split == trained.split  # the first run is as it was


def test_train__from_a_run_refuses_what_the_run_says(trained, tmp_path):
    with pytest.raises(DataError, match="nobody has answered anything about"):
        api.train(from_run=trained.run.path, out=tmp_path / "next")
    with pytest.raises(
        ConfigError, match="from_run takes videos, split and recipe from the run; l"
    ):
        api.train("videos", from_run=trained.run.path, out=tmp_path / "next")
    assert not (tmp_path / "next").exists()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            lambda s: Answer(s.test[0], "label", ("jog",)),
            "was answered and is held out for testing",
        ),
        (lambda s: Answer("x.mp4", "unsure"), "'x.mp4' was answered and is not in the run"),
        (lambda s: Answer(s.unlabeled[0], "label", ("jog", "hop")), "has 2 labels .jog, hop., and"),
        (
            lambda s: Answer(s.unlabeled[0], "intervals", intervals=(Interval("jog", 0, 1),)),
            "has intervals, and features are of whole videos",
        ),
    ],
)
def test_continued__refuses_answers_it_cannot_train_on(trained, answer, sentence):
    path = write(trained, answer(trained.split))
    with pytest.raises(DataError, match=sentence):
        continued(path)


def test_answers_file__is_plain(trained):
    id = trained.split.unlabeled[0]
    write(trained, Answer(id, "label", ("jog",)))
    content = json.loads((trained.run.answers / "answers.json").read_text())
    assert content["answers"][0]["labels"] == ["jog"]
