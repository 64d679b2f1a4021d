import numpy as np
import pytest

from semivideo import api
from semivideo.analysis.groups import Trained
from semivideo.base.errors import CheckpointError, ConfigError, SplitError
from semivideo.run.labeling.video_scores import auxiliary_network, video_scores
from semivideo.runfolder import RunFolder


def test_suggest__names_unlabelled_training_videos_once_each(cmpl_run):
    found = api.suggest(cmpl_run, count=15)
    ids = [each.id for each in found]
    assert len(set(ids)) == 15
    assert set(ids) <= set(cmpl_run.split.unlabeled)
    assert len({each.group for each in found[:10]}) == 10  # of ten groups
    assert all(each.path.endswith(each.id) and each.reason for each in found)
    assert set(found[0].ranks) == {"unsure", "disagree", "typical", "new"}
    scores = [each.score for each in found[:10]]
    assert min(scores) >= 0
    assert max(scores) <= 1


def test_suggest__by_one_reason_takes_the_least_sure(cmpl_run):
    only = {"unsure": 1, "disagree": 0, "typical": 0, "new": 0}
    [found] = api.suggest(cmpl_run, count=1, weights=only, doubt="entropy")
    scores = video_scores(Trained.read(cmpl_run.path), cmpl_run.split.unlabeled)
    p = np.maximum(scores.probabilities, 1e-9)
    assert found.id == scores.ids[int((p * np.log(p)).sum(axis=1).argmin())]


def test_suggest__random_draws_by_the_seed(cmpl_run):
    draws = [
        [each.id for each in api.suggest(cmpl_run, count=8, baseline="random", seed=seed)]
        for seed in (0, 0, 1)
    ]
    assert draws[0] == draws[1] != draws[2]
    [each] = api.suggest(cmpl_run, count=1, baseline="random")
    assert each.to_json()["score"] is None
    assert each.reason == "drawn at random"


def test_scores__are_those_of_both_networks(cmpl_run):
    trained = Trained.read(cmpl_run.path)
    found = video_scores(trained, cmpl_run.split.test)
    assert found.others is not None
    assert found.others.shape == found.probabilities.shape
    assert not np.allclose(found.others, found.probabilities)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-5)
    assert auxiliary_network(trained).training is False


def test_suggest__refuses_what_it_cannot_do(cmpl_run, features, tmp_path):
    with pytest.raises(ConfigError, match="no reason 'usure'; did you mean 'unsure'"):
        api.suggest(cmpl_run, weights={"usure": 1})
    with pytest.raises(ConfigError, match="all weights are 0"):
        api.suggest(cmpl_run, weights=dict.fromkeys(("unsure", "disagree", "typical", "new"), 0))
    with pytest.raises(ConfigError, match="count must be at least 1, got 0"):
        api.suggest(cmpl_run, count=0)
    whole = api.split(features, labeled_fraction=1.0, test_groups=["g00"])
    run = api.train(features, split=whole, steps=2, out=tmp_path / "whole", estimate=False)
    with pytest.raises(SplitError, match="has a label, so there is none to suggest; semivideo dou"):
        api.suggest(run)
    half = RunFolder.create(tmp_path / "half")
    for name in ("settings_file", "manifest_file", "split_file"):
        getattr(half, name).write_bytes(getattr(run.folder, name).read_bytes())
    with pytest.raises(CheckpointError, match="half holds no trained network yet; finish it with"):
        api.suggest(half.path)


@pytest.mark.parametrize(
    "recipe", ["features-probe", "features-knn", "features-propagate", "features-wccn"]
)
def test_suggest__of_classifiers_that_are_computed_at_once(features, tmp_path, recipe):
    split = api.split(features, labels_per_class=4, test_groups=["g00", "g01"])
    run = api.train(features, recipe=recipe, split=split, out=tmp_path / "run", estimate=False)
    found = api.suggest(run, count=5)
    assert len({each.group for each in found}) == 5
    assert all(0 <= each.confidence <= 1 for each in found)
