"""What is trained where nobody named a recipe, and that it fits."""

import logging

import pytest

import semivideo
from semivideo.base.errors import ConfigError, DataError
from semivideo.run.choice import choosing
from semivideo.run.choice.choosing import default_settings
from semivideo.run.choice.default import candidates
from semivideo.run.resolve import Wanted

QUICK = {"data.short_side": 32, "views.crop_size": 24, "evaluation.crop_size": 24}


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(choosing.torch.accelerator, "is_available", lambda: False)


@pytest.mark.parametrize(
    ("method", "has_unlabeled", "has_gpu", "found"),
    [
        (None, True, False, ["small-cmpl"]),
        (None, False, False, ["small-supervised"]),
        ("fixmatch", True, False, ["small-fixmatch"]),
        ("my_module:Mine", True, False, ["small-cmpl"]),
        (None, True, True, [None, "small-cmpl"]),
        (None, False, True, [None, "small-supervised"]),
    ],
)
def test_candidates__are_small_without_a_gpu(method, has_unlabeled, has_gpu, found):
    assert candidates(method, has_unlabeled=has_unlabeled, has_gpu=has_gpu) == found


@pytest.mark.parametrize(
    ("wanted", "is_open"),
    [
        (Wanted(), True),
        (Wanted(method="fixmatch", settings={"engine.steps": 3}), True),
        (Wanted(recipe="small-cmpl"), False),
        (Wanted(settings={"networks.primary.name": "r3d18"}), False),
    ],
)
def test_wanted__leaves_the_size_open_unless_it_says_what_to_train(wanted, is_open):
    assert wanted.is_open == is_open


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"method.treshold": 1}, "did you mean 'threshold'"), ({"engin.steps": 1}, "no section")],
)
def test_wanted__refuses_a_wrong_key_before_there_are_videos(settings, words):
    with pytest.raises(ConfigError, match=words):
        Wanted(settings=settings).check()


def test_default__says_what_it_takes_and_what_that_costs(manifest, split, no_gpu, caplog):
    caplog.set_level(logging.INFO, "semivideo")
    found = default_settings(Wanted(settings=QUICK | {"engine.steps": 120}), manifest, split)
    assert (found.method.name, found.data.labeled_batch) == ("cmpl", 16)
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith(
        "no recipe is named: training cmpl with the settings of small-cmpl, for this machine has "
        "no GPU; 120 steps of "
    )
    assert line.endswith((" s", " min"))


def test_default__is_supervised_where_all_have_labels(manifest, no_gpu, caplog):
    caplog.set_level(logging.INFO, "semivideo")
    everything = semivideo.split(manifest, labeled_fraction=1.0)
    found = default_settings(Wanted(settings=QUICK), manifest, everything)
    assert found.method.name == "supervised"
    assert "all 12 videos have a label" in caplog.text
    assert "unless labels_per_class hides labels" in caplog.text


def test_default__takes_smaller_batches_where_memory_is_short(
    manifest, split, no_gpu, monkeypatch, caplog
):
    caplog.set_level(logging.INFO, "semivideo")
    monkeypatch.setattr(choosing, "free_on_device_gb", lambda runtime: 0.05)
    found = default_settings(Wanted(settings=QUICK), manifest, split)
    assert (found.data.labeled_batch, found.data.unlabeled_batch) < (16, 24)
    sizes = f"{found.data.labeled_batch} + {found.data.unlabeled_batch}"
    assert f"in batches of {sizes} clips for memory" in caplog.text


def test_train__refuses_a_named_method_that_has_nothing_to_learn_from(manifest, no_gpu, tmp_path):
    everything = semivideo.split(manifest, labeled_fraction=1.0)
    words = "all 12 are labelled; .* hide labels with labels_per_class, or use method='supervised'"
    with pytest.raises(DataError, match=words):
        semivideo.train(manifest, split=everything, method="fixmatch", out=tmp_path / "run")


def test_default__is_the_smaller_one_where_a_few_clips_fill_the_memory(
    manifest, split, monkeypatch
):
    monkeypatch.setattr(choosing.torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(choosing, "counted_gb", lambda *_: 0.0)
    measured = choosing.step_memory

    def fill(training, batch):
        if batch.labeled.frames["primary"].shape[-1] > 100:
            raise MemoryError
        return measured(training, batch)

    monkeypatch.setattr(choosing, "step_memory", fill)
    sizes = {"networks.primary.options": {"width": 0.125}, "networks.primary.num_frames": 2}
    found = default_settings(Wanted(settings=sizes), manifest, split)
    assert (found.views.crop_size, found.method.name) == (48, "cmpl")
