import pytest

from semivideo import api
from semivideo.analysis.groups import Trained
from semivideo.base.errors import ConfigError, SplitError
from semivideo.run.labeling.planning import known_points
from tests.run.labeling.conftest import make_features, train_on


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    features = make_features(folder / "features", num=120, spread=2.5)
    split = api.split(features, labels_per_class=8, test_groups=["g00", "g01", "g02"])
    return train_on(features, folder / "run", split=split)


def test_plan__of_one_run_trains_on_parts_of_its_labels(run):
    found = api.plan([run], draws=2, seconds_per_label=100)
    counts = [point.num_labels for point in found.curve.points]
    assert counts == [6, 6, 12, 12, 24]
    assert [each.num_labels for each in found.forecasts] == [48, 96]
    assert found.hour_labels == 36
    assert found.after_hour.num_labels == 60
    assert 0 <= found.now.low <= found.now.accuracy <= found.now.high <= 1
    assert found.tested_on == "30 test videos"
    assert found.num_unlabeled == 66
    assert not (run.path / "plan").exists()


def test_plan__keeps_the_points_of_one_run(run, monkeypatch):
    first = api.plan([run], draws=2)
    monkeypatch.setattr("semivideo.run.labeling.planning.scored_splits", None)
    assert api.plan([run], draws=2).curve.points == first.curve.points
    points, tested_on = known_points(Trained.read(run.path))
    assert len(points) == 5
    assert tested_on == "30 test videos"


def test_plan__refuses_what_makes_no_curve(run, features, tmp_path):
    with pytest.raises(ConfigError, match="there is nothing to plan from"):
        api.plan([])
    with pytest.raises(ConfigError, match="seconds_per_label must be above 0, got 0"):
        api.plan([run], seconds_per_label=0)
    split = api.split(features, labels_per_class=1, test_groups=["g00"])
    few = train_on(features, tmp_path / "few", split=split, steps=2)
    with pytest.raises(SplitError, match="are one or two a class, and a part of them leaves"):
        api.plan([few])
