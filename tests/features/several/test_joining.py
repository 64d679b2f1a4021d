"""Features of several encoders in one folder: joined without a second look, and described."""

import json

import numpy as np
import pytest
import torch

from semivideo.base.errors import ConfigError, DataError
from semivideo.features.cached_views import FeatureViews
from semivideo.features.descriptor import described, described_parts
from semivideo.features.extract import Wanted, extract
from semivideo.features.feature_cache import FeatureCache, joined_digest
from semivideo.features.several.joining import check_folder, encoders_in, joined, take
from semivideo.models.heads import Standardize

ROWS = np.arange(6)


@pytest.fixture
def both(manifest, cache, motion_folder, tmp_path):
    out = tmp_path / "both"
    take([cache.folder, motion_folder], out, ["grey", "local_motion"])
    return joined(manifest, out, ["grey", "local_motion"])


def test_joined__says_what_its_parts_are(both, cache, motion_folder):
    form, motion = both.form, FeatureCache.open(motion_folder).form
    assert form.encoder == "grey+local_motion"
    assert form.weights_sha256 == joined_digest([cache.form.weights_sha256, motion.weights_sha256])
    assert form.pretrained_on == "nothing; nothing: codebook of your own videos"
    assert (form.league, form.dim, form.steps) == ("image weights", 4 + 256, 3)
    assert FeatureCache.open(both.folder).manifest.features == str(both.folder)
    assert both.errors == {}


def test_joined__has_the_numbers_of_its_parts(both, cache, motion_folder):
    motion = FeatureCache.open(motion_folder)
    found = both.rows(ROWS)
    assert np.array_equal(found[..., :4], cache.rows(ROWS))
    assert np.array_equal(found[..., 4:], np.repeat(motion.rows(ROWS), 3, axis=2))


def test_views__each_part_is_described_by_itself(both, cache, motion_folder):
    motion = FeatureCache.open(motion_folder)
    views = FeatureViews(both, rows=ROWS, kind="motion")
    assert views.dim == (12, 256)
    raw = torch.from_numpy(cache.rows(ROWS)).float().flatten(0, 1)
    wanted = torch.cat(
        [described(raw, "motion"), torch.from_numpy(motion.rows(ROWS)).float().flatten(0, 1)], dim=2
    )
    torch.testing.assert_close(views.table.flatten(0, 1), wanted)
    steps = FeatureViews(both, rows=ROWS, kind="steps")
    assert steps.table.shape == (6, 4, 3, 260)


def test_views__of_one_whole_encoder_are_its_vectors(motion_folder):
    cache = FeatureCache.open(motion_folder)
    views = FeatureViews(cache, rows=ROWS, kind="motion")
    assert views.dim == 256
    torch.testing.assert_close(views.table, torch.from_numpy(cache.rows(ROWS)).float())


def test_standardized__parts_count_alike_however_many_numbers_they_have(both):
    views = FeatureViews(both, rows=ROWS, kind="motion")
    before = views.table.clone()
    done = views.standardized(ROWS)
    parts = views.table.split([12, 256], dim=-1)
    for part in parts:
        torch.testing.assert_close(part.norm(dim=-1), torch.full((6, 4, 1), 0.5**0.5))
    weak = before[:, :2].flatten(0, 2).double()
    deviation = weak.std(dim=0, correction=0)
    by_hand = (before[4, 3, 0].double() - weak.mean(dim=0)) / torch.where(
        deviation > 1e-6, deviation, 1.0
    )
    halves = [half / half.norm() / 2**0.5 for half in by_hand.split([12, 256])]
    torch.testing.assert_close(views.table[4, 3, 0].double(), torch.cat(halves), atol=1e-4, rtol=0)
    assert done.is_done


def test_standardize__of_one_part_is_what_it_was():
    rows = torch.randn(20, 5, generator=torch.Generator().manual_seed(0))
    one, tupled = Standardize(5), Standardize((5,))
    for each in (one, tupled):
        each.fit(rows)
    clip = rows[:, :, None, None, None]
    assert torch.equal(one(clip), tupled(clip))


def test_described_parts__of_different_steps_are_refused():
    three, two = torch.zeros(1, 3, 2), torch.zeros(1, 2, 2)
    with pytest.raises(ConfigError, match="say 3 and 2 steps of a clip, which cannot be joined"):
        described_parts([three, two], ["steps", "steps"])
    assert described_parts([three, two], ["motion", "motion"]).shape == (1, 1, 12)


def test_open__refuses_parts_that_are_not_those_that_were_joined(
    both, manifest, grey, motion_folder, tmp_path
):
    other = extract(manifest, tmp_path / "other", encoder=grey, wanted=Wanted(4, 3))
    text = (both.folder / "grey" / "features.json").read_text()
    (other.folder / "features.json").read_text()
    (both.folder / "grey" / "features.json").unlink()
    (both.folder / "grey" / "features.json").write_text(text.replace("ab" * 32, "cd" * 32))
    with pytest.raises(DataError, match="are not those that were joined: other weights or other"):
        FeatureCache.open(both.folder)
    (both.folder / "grey" / "shards" / "00000.json").unlink()
    with pytest.raises(DataError, match="is not finished: 1 of its 1 files are missing"):
        FeatureCache.open(both.folder)


def test_take__refuses_what_is_not_to_be_joined(cache, motion_folder, tmp_path):
    with pytest.raises(ConfigError, match="holds features of grey, which is none of a, b; leave"):
        take([cache.folder], tmp_path / "f", ["a", "b"])
    with pytest.raises(ConfigError, match=r"are named once each, with \+ between them, got 'a\+a'"):
        encoders_in("a+a")
    with pytest.raises(ConfigError, match=r"holds features of grey, and these are of a\+b; take"):
        check_folder(cache.folder, "a+b")


def test_take__leaves_the_caches_as_they_are(both, cache):
    assert FeatureCache.open(cache.folder).damaged() == []
    assert both.damaged() == []
    names = {file.name for file in both.folder.iterdir()}
    assert names == {"features.json", "manifest.parquet", "grey", "local_motion"}


def test_joined__refuses_views_that_are_mirrored_and_views_that_are_not(
    manifest, grey, motion_folder, tmp_path
):
    out = tmp_path / "both"
    extract(manifest, out / "grey", encoder=grey, wanted=Wanted(4, 3, flip=False))
    take([motion_folder], out, ["local_motion"])
    with pytest.raises(ConfigError, match="may be mirrored and others not; make them alike"):
        joined(manifest, out, ["grey", "local_motion"])


def test_open__refuses_a_part_that_is_joined_itself(both):
    file = both.folder / "features.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"parts": ["."]}))
    with pytest.raises(DataError, match=r"is to be features of one encoder, .* is joined of sever"):
        FeatureCache.open(both.folder)
