"""A prepared cache in the place of a manifest, through the functions that users call."""

import shutil

import numpy as np
import pytest
import safetensors.torch
import torch

import semivideo
from semivideo.base.errors import ConfigError, DataError
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.run.videos import as_manifest

SETTINGS = {
    **{"data.short_side": 32, "views.crop_size": 24, "evaluation.crop_size": 24},
    **{"data.labeled_batch": 2, "data.unlabeled_batch": 2, "engine.steps": 3},
    **{"engine.log_every": 1, "engine.checkpoint_every": 2},
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Twelve videos of two classes, a cache of them, and the run from the files; files gone."""
    folder = tmp_path_factory.mktemp("prepared")
    classes = ["wave", "squat"]
    render(folder / "videos", videos_per_class=6, seed=0, classes=classes, num_groups=3)
    manifest = semivideo.scan(folder / "videos", group_pattern=GROUP_PATTERN)
    split = semivideo.split(manifest, labels_per_class=1, test_groups=["g02"])
    cache = semivideo.prepare(manifest, out=folder / "cache", short_side=32, format="png").folder
    run = train(manifest, split, folder / "from_files")
    scores = semivideo.evaluate(run, protocol="2x1").scores
    shutil.rmtree(folder / "videos")
    return cache, split, run, scores


def train(videos, split, out, **changes):
    settings = SETTINGS | changes
    return semivideo.train(videos, recipe="small-fixmatch", split=split, settings=settings, out=out)


@pytest.mark.parametrize("memory_gb", [0, 1])
def test_train__from_an_exact_cache_is_training_from_files(prepared, tmp_path, memory_gb):
    cache, split, from_files, scores = prepared
    settings = {"data.memory_gb": memory_gb, "data.workers": 0}
    run = train(str(cache), split, tmp_path / "run", **settings)
    losses = [[line["loss"] for line in each.folder.metrics()] for each in (run, from_files)]
    assert len(losses[0]) == 3
    assert losses[0] == losses[1]
    found = semivideo.evaluate(run, protocol="2x1")
    assert found.skipped == {}
    assert np.array_equal(found.scores, scores)
    others = semivideo.evaluate(run, videos=cache, protocol="1x1")
    assert set(others.ids) == set(found.ids)  # the training videos are known, frames in a cache
    known = {role: len(videos.ids) for role, videos in others.trained_on.items()}
    assert known == {"labeled": len(run.split.labeled), "unlabeled": len(run.split.unlabeled)}


def test_train__resumes_from_the_cache_alone(prepared, tmp_path):
    cache, split, from_files, _ = prepared
    run = train(cache, split, tmp_path / "run", **{"data.workers": 0})
    shutil.rmtree(run.folder.model)
    states = sorted(run.folder.checkpoints.iterdir())
    assert len(states) == 2  # after the second and the third step
    shutil.rmtree(states[1]) if states[1].is_dir() else states[1].unlink()
    again = semivideo.train(resume=run.path)
    one, two = (
        safetensors.torch.load_file(each.folder.model / "model.safetensors")
        for each in (again, from_files)
    )
    assert all(torch.equal(one[name], two[name]) for name in two)


def test_train__refuses_a_cache_that_lacks_frames_before_it_begins(prepared, tmp_path):
    folder = tmp_path / "videos"
    render(folder, videos_per_class=3, seed=0, classes=["wave", "squat"], num_groups=3)
    semivideo.prepare(folder, out=tmp_path / "cache", short_side=32, every=2)
    with pytest.raises(ConfigError, match=r"compare each frame with the next, and cache .* of 2"):
        semivideo.train(
            tmp_path / "cache",
            recipe="small-ltg",
            labels_per_class=1,
            settings=SETTINGS,
            out=tmp_path / "run",
        )
    assert not (tmp_path / "run").exists()
    (tmp_path / "cache" / "shards" / "00000.tar").unlink()
    with pytest.raises(DataError, match="is not finished: 1 of its 1 shards are missing"):
        semivideo.split(tmp_path / "cache", labels_per_class=1)


def test_prepare__takes_its_own_manifest(prepared):
    cache, *_ = prepared
    made = semivideo.prepare(cache / "manifest.parquet", out=cache, verify=True)
    assert (made.form.num_videos, made.damaged) == (12, [])
    assert semivideo.prepare(cache, out=cache).num_frames == made.num_frames


def test_extract__refuses_a_rate_beside_a_manifest(prepared, tmp_path):
    """Its folders of frames, if it has any, have the rate that they were scanned at."""
    words = "frame_rate is for folders of frames that are looked at now, and a manifest says how"
    with pytest.raises(ConfigError, match=words):
        as_manifest(prepared[0], frame_rate=10)


def test_scan__writes_a_manifest_that_is_found_again(tmp_path):
    render(tmp_path / "v", videos_per_class=1, seed=0, classes=["wave"])
    for name in ("m.parquet", "M.PARQUET"):
        made = semivideo.scan(tmp_path / "v", out=tmp_path / name)
        assert semivideo.api.as_manifest(tmp_path / name).ids == made.ids
    with pytest.raises(
        ConfigError, match=r"out '.*m\.csv' must end in \.parquet, such as manifest"
    ):
        semivideo.scan(tmp_path / "v", out=tmp_path / "m.csv")


def test_scan__never_over_the_manifest_of_a_run(tmp_path):
    (tmp_path / "settings.yaml").touch()
    (tmp_path / "manifest.parquet").write_bytes(b"of a run")
    sentence = (
        r"manifest\.parquet exists and is neither empty nor a manifest by itself, outside of runs "
        r"and caches; choose another out"
    )
    with pytest.raises(ConfigError, match=sentence):
        semivideo.scan(tmp_path, out=tmp_path / "manifest.parquet")
    assert (tmp_path / "manifest.parquet").read_bytes() == b"of a run"


def test_scan__knows_the_format_that_is_named_whether_or_not_it_is_needed(tmp_path):
    with pytest.raises(ConfigError, match=r"no format of labels 'boriss'; did you mean 'boris'\?"):
        semivideo.scan(tmp_path, format="boriss")
