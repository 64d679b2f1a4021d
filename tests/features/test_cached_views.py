"""Cached views and their batches in the place of views of pixels."""

import re

import numpy as np
import pytest
import torch

from semivideo.base.errors import ConfigError
from semivideo.base.records import Clips
from semivideo.data.clips.loader import Streams
from semivideo.features.cached_views import FeatureViews, check_strong
from semivideo.features.descriptor import described, described_dim
from semivideo.features.extract import Wanted, extract
from semivideo.features.feature_loader import FeatureLoader
from semivideo.settings import DataSettings

ROWS = np.arange(6)


def clips(*rows, seed=0):
    draws = torch.arange(len(rows)) + 100 * seed
    return Clips({}, torch.empty(len(rows), 0), torch.tensor(rows), draws)


@pytest.fixture
def views(cache):
    return FeatureViews(cache, rows=ROWS, kind="motion")


def test_described__by_hand():
    x = torch.tensor([[[1.0, 0.0], [3.0, 1.0], [7.0, -1.0]]])
    expected = [11 / 3, 0.0, (2 + 4) / 2, (1 + 2) / 2, (3 + 7) / 2 - 1, 0.0 - 0.0]
    torch.testing.assert_close(described(x, "motion"), torch.tensor([[expected]]))
    torch.testing.assert_close(described(x, "mean"), torch.tensor([[[11 / 3, 0.0]]]))
    assert described(x, "steps") is x
    assert (described_dim(2, "motion"), described_dim(2, "steps")) == (6, 2)
    assert described(x[:, :1], "motion").tolist() == [[[1, 0, 0, 0, 0, 0]]]


def test_views__are_clips_of_cached_features(views, cache):
    found = views.weak(clips(4, 1), "primary")
    assert found.shape == (2, 12, 1, 1, 1)
    raw = described(torch.from_numpy(cache.rows(np.array([4, 1]))[:, 0]).float(), "motion")
    torch.testing.assert_close(found[..., 0, 0].transpose(1, 2), raw)


def test_standardized__is_what_a_deployed_head_does_itself(views):
    before = views.weak(clips(4, 1), "primary")
    done = views.standardized(ROWS[:4])
    after = views.weak(clips(4, 1), "primary")
    assert torch.equal(done(after), after[..., 0, 0])  # not twice
    done.is_done = False
    torch.testing.assert_close(done(before), after[..., 0, 0])


def test_views__are_a_function_of_the_key(views):
    many = clips(*[2] * 60)
    assert torch.equal(views.strong(many, "a"), views.strong(many, "a"))
    assert not torch.equal(views.strong(many, "a"), views.strong(many, "b"))
    kinds = {name: len(views_of(views, name, many)) for name in ("standard", "weak", "strong")}
    assert kinds == {"standard": 2, "weak": 1, "strong": 2}
    assert not views_of(views, "standard", many) & views_of(views, "strong", many)


def views_of(views, name, many):
    made = getattr(views, name)(many, "primary")
    return {tuple(row.flatten().tolist()) for row in made}


def test_strong__needs_strong_views(manifest, grey, tmp_path):
    made = extract(manifest, tmp_path / "f", encoder=grey, wanted=Wanted(2, 3))
    views = FeatureViews(made, rows=ROWS, kind="mean")
    with pytest.raises(ConfigError, match=r"learns from strong views, and .* has 2 views"):
        views.strong(clips(0), "primary")


@pytest.mark.parametrize(
    ("num_views", "flip", "sentence"),
    [
        (1, True, "F has 1 view of a video, which is weak; it needs at least 3, and 6 are usual: "),
        (
            2,
            True,
            "F has 2 views of a video, plain and mirrored, which are both weak; it needs",
        ),
        (1, False, "at least 2, and 6 are usual: `semivideo features VIDEOS --out NEW --encoder "),
        (1, False, "--encoder grey --views 6 --no-flip`"),
    ],
)
def test_check_strong__says_what_there_is_and_what_to_type(cache, num_views, flip, sentence):
    form = cache.form.model_copy(update={"num_views": num_views, "flip": flip})
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        check_strong(form, folder="F", who="method 'fixmatch'")


@pytest.mark.parametrize(("num_views", "flip"), [(3, True), (2, False)])
def test_check_strong__is_content_with_one(cache, num_views, flip):
    form = cache.form.model_copy(update={"num_views": num_views, "flip": flip})
    check_strong(form, folder="F", who="method 'fixmatch'")


def test_loader__is_a_function_of_seed_and_step():
    streams = Streams(labeled=[0, 2, 5], labels=[1, 0, 1], unlabeled=[0, 1, 2, 3, 4, 5])
    settings = DataSettings(labeled_batch=4, unlabeled_batch=8)
    whole = list(FeatureLoader(streams, settings, seed=3, num_steps=6))
    rest = list(FeatureLoader(streams, settings, seed=3, num_steps=6, start_step=4))
    assert len(rest) == 2
    for ours, theirs in zip(whole[4:], rest, strict=True):
        assert torch.equal(ours.unlabeled.draw, theirs.unlabeled.draw)
        assert torch.equal(ours.labeled.label, theirs.labeled.label)
    labels = dict(zip(streams.labeled, streams.labels, strict=True))
    for batch in whole:
        given = zip(batch.labeled.video.tolist(), batch.labeled.label.tolist(), strict=True)
        assert all(labels[row] == label for row, label in given)


def test_loader__draws_what_the_loader_of_files_draws(manifest):
    from semivideo.base.records import ClipSpec
    from semivideo.data.clips.clip_reader import ClipReader
    from semivideo.data.clips.loader import training_loader

    streams = Streams(labeled=[0, 2], labels=[1, 0], unlabeled=[1, 3, 4])
    settings = DataSettings(labeled_batch=2, unlabeled_batch=4, short_side=16, workers=0)
    reader = ClipReader(manifest, {"primary": ClipSpec(2, 1)}, settings=settings)
    ours = FeatureLoader(streams, settings, seed=1, num_steps=2)
    for one, other in zip(ours, training_loader(reader, streams, seed=1, num_steps=2), strict=True):
        assert torch.equal(one.unlabeled.video, other.unlabeled.video)
        assert torch.equal(one.unlabeled.draw, other.unlabeled.draw)
        assert torch.equal(one.labeled.draw, other.labeled.draw)
