"""A method outside of the package: trained, counted and checked, and no file of it is edited.

What any method must pass, it passes in ``tests/conformance``.
"""

import importlib
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import semivideo
from semivideo.base.errors import ConfigError
from semivideo.base.foreign_code import allowing
from semivideo.cli import app
from semivideo.data.synthetic.rendering import render
from semivideo.methods import METHODS
from semivideo.recipes import RECIPES, Recipe
from semivideo.run.cost import step_flops, warn_if_slow
from semivideo.settings import MethodSettings, Settings

NAME = "toy_method:ToyMethod"
TINY = {
    **{"data.short_side": 32, "data.labeled_batch": 2, "data.unlabeled_batch": 2},
    **{"views.crop_size": 24, "evaluation.crop_size": 24, "engine.steps": 2, "engine.log_every": 1},
    **{"networks.primary.name": "resnet3d10", "networks.primary.num_frames": 2},
    **{"networks.primary.options": {"width": 0.125}},
}


def paper_settings(method: str) -> Settings:
    """FixMatch's on UCF-101, for another method."""
    settings = RECIPES["fixmatch-ucf101-10-r50"].settings()
    return settings.model_copy(update={"method": MethodSettings(name=method)})


@pytest.fixture
def toy_class(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("toy_method").ToyMethod


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    render(folder, videos_per_class=3, seed=0, classes=["wave", "squat"])
    return semivideo.scan(folder)


@pytest.mark.parametrize("weak_graph", [True, False])
@pytest.mark.parametrize("is_named", [True, False])
def test_toy__trains_as_a_class_and_by_its_name(toy_class, videos, tmp_path, is_named, weak_graph):
    run = semivideo.train(
        videos,
        method=NAME if is_named else toy_class,
        labels_per_class=1,
        settings={**TINY, "method.weight": 0.5, "engine.weak_graph": weak_graph},
        out=tmp_path / "run",
    )
    with allowing(run.allow):
        assert run.folder.settings().method.name == NAME
    lines = [line for line in run.folder.metrics() if "loss" in line]
    assert [line["step"] for line in lines] == [1, 2]
    assert set(lines[-1]["terms"]) == {"L_s", "L_u"}
    assert semivideo.predict(run, [videos.absolute(0)])[0].classes


def test_toy__has_its_options_checked(toy_class, videos, tmp_path):
    for key, sentence in (
        ("method.weight", r"method.weight = -1 is not allowed"),
        ("method.wieght", r"\[method\] has no option 'wieght'; did you mean 'weight'"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            semivideo.train(videos, method=NAME, settings={**TINY, key: -1}, out=tmp_path / "run")


def test_toy__has_its_cost_counted(toy_class, caplog):
    """It declares nothing and is counted by what most methods do, a weak and a strong view."""
    large = paper_settings(NAME)
    assert step_flops(large) == step_flops(paper_settings("fixmatch"))
    warn_if_slow(large)
    assert ("this machine has no GPU" in caplog.text) != torch.accelerator.is_available()


def test_toy__needs_one_line_and_one_recipe_to_be_the_librarys(toy_class, monkeypatch):
    recipe = Recipe("toy", ("ucf101", 10), "none", settings=lambda: paper_settings("toy"))
    monkeypatch.setitem(METHODS, "toy", toy_class)
    monkeypatch.setitem(RECIPES, "toy-ucf101-10-r50", recipe)
    recipes, methods = (
        CliRunner().invoke(app, words, env={"COLUMNS": "200"}).stdout
        for words in (["recipes", "ucf101-10-r50"], ["methods"])
    )
    costs = {
        line.split()[1]: line.split("│")[4] for line in recipes.splitlines() if "EFLOP" in line
    }
    assert costs["toy-ucf101-10-r50"] == costs["fixmatch-ucf101-10-r50"]
    assert "Soft labels of the network's own weak view." in methods
