import pyarrow as pa
import pytest

from semivideo import api
from semivideo.base.errors import ConfigError
from semivideo.run.labeling.doubting import _contradiction, late_votes
from tests.run.labeling.conftest import make_features, train_on

WRONG = (3, 16, 29, 41)


@pytest.fixture(scope="module")
def doubted(tmp_path_factory):
    """A run whose labels have four wrong ones among sixty."""
    folder = tmp_path_factory.mktemp("wrong")
    return train_on(make_features(folder / "features", wrong=WRONG), folder / "run")


def test_doubts__finds_the_planted_labels_and_says_what_they_are(doubted):
    found = api.doubts(doubted)
    labels = [each for each in found.found if each.kind == "label"]
    assert {each.id for each in labels} == {f"v{n:03}.mp4" for n in WRONG}
    assert all(each.confidence > 0.5 > each.belief for each in labels)
    assert [each.belief for each in labels] == sorted(each.belief for each in labels)
    assert found.num_checked == found.num_labels == 60
    assert found.wrong_share == pytest.approx(4 / 60, abs=0.03)
    assert "60 of the 60 labelled videos are not there" in found.notes[0]


def test_doubts__keeps_what_the_trainings_came_to(doubted, monkeypatch):
    first = api.doubts(doubted, look_at_frames=False)
    monkeypatch.setattr("semivideo.run.labeling.unseen._by_probe", None)
    again = api.doubts(doubted, look_at_frames=False)
    assert first.found == again.found
    assert not doubted.folder.held_out_folds.exists()


def test_doubts__says_first_that_a_classifier_no_better_than_guessing_says_nothing(
    doubted, tmp_path, caplog
):
    api.doubts(doubted, look_at_frames=False)
    assert "says nothing yet" not in caplog.text
    blind = make_features(tmp_path / "features", spread=1000.0)
    api.doubts(train_on(blind, tmp_path / "run", steps=2), look_at_frames=False)
    [told] = [each for each in caplog.messages if "says nothing yet of labels" in each]
    assert "and the most frequent class alone is right on 33 %; label more videos, or" in told


def test_doubts__without_folds_checks_no_labels(doubted):
    found = api.doubts(doubted, folds=0, look_at_frames=False)
    assert (found.found, found.num_checked, found.notes) == ([], 0, [])
    with pytest.raises(ConfigError, match=r"folds must lie in \[2, 20\], or be 0 for none, got 1"):
        api.doubts(doubted, folds=1)


def test_doubts__of_too_few_labels_says_so(features, tmp_path):
    split = api.split(features, labels_per_class=1)
    run = train_on(features, tmp_path / "few", split=split, steps=2)
    found = api.doubts(run, look_at_frames=False)
    assert "not checked against each other: class 'hop' has 1 label" in found.notes[0]


def votes(*rows):
    names = ("step", "network", "video", "label", "kept")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return pa.table(columns | {"confidence": [1.0] * len(rows)})


def test_late_votes__count_what_was_used_in_the_last_fifth():
    table = votes(
        (10, "primary", 1, 0, True),
        (80, "primary", 1, 2, True),
        (90, "auxiliary", 1, 0, True),
        (95, "primary", 1, 2, True),
        (99, "primary", 1, 1, False),
    )
    assert late_votes(table) == {1: {("primary", 2): 2, ("auxiliary", 0): 1}}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({("primary", 2): 3, ("auxiliary", 0): 1}, (0, 2, 0.75)),
        ({("primary", 2): 3, ("auxiliary", 2): 1}, None),
        ({("primary", 2): 9, ("auxiliary", 2): 8, ("auxiliary", 1): 1}, None),
        ({("primary", 2): 5, ("primary", 1): 4}, (1, 2, 5 / 9)),
        ({("primary", 2): 9, ("primary", 1): 1}, None),
    ],
)
def test_contradiction__is_between_networks_or_of_one_with_itself(counts, expected):
    best = {}
    for (network, label), count in counts.items():
        best[network] = max(best.get(network, (label, 0)), (label, count), key=lambda p: p[1])
    found = _contradiction(best, counts)
    assert (found and found[:3]) == (expected and pytest.approx(expected))


def test_doubts__of_the_pseudo_labels_of_two_networks(cmpl_run):
    trained = cmpl_run.folder
    import pyarrow.parquet as pq

    kept = trained.pseudo_labels_file.read_bytes()
    free = api.as_manifest(trained.manifest_file).row_of(cmpl_run.split.unlabeled[0])
    table = votes((9, "primary", free, 0, True), (9, "auxiliary", free, 1, True))
    pq.write_table(table, trained.pseudo_labels_file)
    try:
        [found] = api.doubts(cmpl_run, folds=0, look_at_frames=False).found
    finally:
        trained.pseudo_labels_file.write_bytes(kept)
    assert (found.kind, found.id) == ("pseudo", cmpl_run.split.unlabeled[0])
    assert {found.given, found.likely} == {"hop", "jog"}
    assert found.reason.startswith("networks disagree")


def test_doubts__by_the_published_rule_are_many_where_the_classifier_is_weak(tmp_path):
    features = make_features(tmp_path / "features", wrong=WRONG, spread=6)
    run = train_on(features, tmp_path / "run", steps=5)
    few, many = (
        [each.id for each in api.doubts(run, rule=rule, look_at_frames=False).found]
        for rule in ("chance", "confident")
    )
    assert len(many) > 2 * len(few)
    with pytest.raises(ConfigError, match="rule must be chance or confident, got 'all'"):
        api.doubts(run, rule="all")
