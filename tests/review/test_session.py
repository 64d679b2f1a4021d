import json

import pytest

from semivideo.base.errors import ConfigError, DataError, WriteError
from semivideo.base.locks import HeldError
from semivideo.review.items import review_items
from semivideo.review.session import Session, require_known
from semivideo.run.labeling.answers import Answer, Interval
from semivideo.run.labeling.continuing import continued


def on_disk(session):
    content = json.loads((session.trained.run.answers / "answers.json").read_text())
    return [(each["id"], each["labels"]) for each in content["answers"]]


def test_items__are_suggestions_first_then_all_training_videos(trained, items):
    split = trained.split
    assert [item.why for item in items[:4]] == ["suggested"] * 4
    assert {item.id for item in items} == {*split.labeled, *split.unlabeled}
    assert all(item.guess and item.confidence > 0 and item.reason for item in items[:4])
    given = {item.id: item.given for item in items}
    assert all((given[id] != "") == (id in split.labeled) for id in given)


def test_items__put_doubted_labels_between_suggestions(trained, items, monkeypatch):
    from semivideo.run.labeling.doubting import Doubt

    id = trained.split.labeled[0]
    doubt = Doubt("label", id, "", "wave", "squat", 0.1, 0.9, "contradicted")
    monkeypatch.setattr("semivideo.review.items.known_unseen", lambda trained: "scores")
    monkeypatch.setattr("semivideo.review.items.label_doubts", lambda *_: ([doubt], None))
    found = review_items(trained, count=3)
    assert [item.why for item in found[:4]] == ["suggested", "doubted", "suggested", "suggested"]
    assert (found[1].id, found[1].guess, found[1].why) == (id, "squat", "doubted")
    assert sum(item.id == id for item in found) == 1


def test_session__writes_each_answer_before_it_returns(session, items):
    for number, item in enumerate(items[:3], start=1):
        changes = session.answer(Answer(item.id, "label", ("wave",)))
        assert len(on_disk(session)) == number == changes["revision"]
    assert set(changes["answers"]) == {item.id for item in items[:3]}
    assert session.labels_file.read_text().count("answered") == 3


def test_session__undoes_one_answer_after_the_other(session, items):
    first, second = items[0].id, items[1].id
    session.answer(Answer(first, "label", ("wave",)))
    session.answer(Answer(first, "label", ("squat",)))
    session.answer(Answer(second, "unsure"))
    assert session.undo()["undone"] == second
    assert session.undo()["answers"][first]["labels"] == ["wave"]
    assert session.undo()["answers"] == {}
    assert session.undo()["undone"] is None
    assert on_disk(session) == []


def test_session__of_a_run_is_the_only_one(session, trained, items):
    with pytest.raises(HeldError, match=r"answers is in use: .* only one may review it at a time"):
        Session(trained, items).__enter__()


def test_session__finds_earlier_answers_again(trained, items):
    try:
        with Session(trained, items) as first:
            first.answer(Answer(items[0].id, "label", ("handstand",)))
        with Session(trained, items) as second:
            assert second.changes()["answers"][items[0].id]["labels"] == ["handstand"]
            assert second.classes == ["squat", "wave", "handstand"]
    finally:
        for file in trained.run.answers.iterdir():
            file.unlink()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda i: Answer("x", "unsure"), "video 'x' is not one of this review; load the page"),
        (lambda i: Answer(i.id, "label"), "names no class; choose one"),
        (lambda i: Answer(i.id, "label", ("  ",)), "'  ' is no name of a class"),
        (lambda i: Answer(i.id, "label", ("a\nb",)), "is no name of a class; take 1 to 100"),
        (lambda i: Answer(i.id, "intervals"), "holds no interval; mark one"),
        (
            lambda i: Answer(i.id, "intervals", intervals=(Interval("wave", 1, 900),)),
            "from 1 to 900 s does not lie in",
        ),
        (
            lambda i: Answer(i.id, "intervals", intervals=(Interval("wave", 1, 1),)),
            "from 1 to 1 s does not lie in",
        ),
    ],
)
def test_session__refuses_what_is_no_answer(session, items, answer, sentence):
    with pytest.raises(ConfigError, match=sentence):
        session.answer(answer(items[0]))
    assert session.changes()["revision"] == 0


def test_session__that_cannot_write_does_not_take_the_answer(session, items, monkeypatch):
    session.answer(Answer(items[0].id, "unsure"))

    def full(*_):
        raise WriteError("the disk is full")

    monkeypatch.setattr("semivideo.run.labeling.answers.write_bytes", full)
    with pytest.raises(WriteError):
        session.answer(Answer(items[1].id, "unsure"))
    assert list(session.changes()["answers"]) == [items[0].id]


def test_session__plays_no_test_video(session, trained):
    row = trained.manifest.row_of(trained.split.test[0])
    with pytest.raises(DataError, match="is not one of this review"):
        require_known(session, row)


def test_session__of_intervals_leaves_labels_that_a_training_goes_on_from(session, trained, items):
    item = items[0]
    intervals = (Interval("wave", 0.0, 0.5), Interval("rest", 0.5, 1.0))
    session.answer(Answer(item.id, "intervals", intervals=intervals))
    found = continued(trained.run.path)
    cut = [row for row in range(len(found.manifest)) if found.manifest.is_segment[row]]
    assert [found.manifest.labels[row] for row in cut] == ["wave", "rest"]
    assert {found.manifest.absolute(row).name for row in cut} == {item.id.rpartition("/")[2]}
    assert {found.manifest.ids[row] for row in cut} <= set(found.split.labeled)
    assert len(found.split.test) == len(trained.split.test)
    assert len(found.split.labeled) == len(trained.split.labeled) + 2
    assert found.num_new == 2
