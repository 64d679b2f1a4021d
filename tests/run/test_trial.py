import pytest

from semivideo.base.errors import TrainingError
from semivideo.data.clips.loader import training_loader
from semivideo.profile import bench, memory
from semivideo.profile.reading import Source
from semivideo.profile.step import set_up, with_clips
from semivideo.run import build


@pytest.fixture
def training_and_batch(manifest, split, settings):
    """FixMatch, and 2 + 3 clips."""
    chosen = settings("small-fixmatch", data__workers=0)
    training = set_up(chosen, manifest, num_steps=10)
    streams = build.build_streams(chosen, manifest=manifest, split=split)
    source = Source(manifest, streams, training.method.clips, chosen.data, seed=0)
    [batch] = training_loader(source.reader(), streams, seed=0, num_steps=1)
    return training, batch


def test_least_gb__of_few_clips_is_what_many_clips_keep(training_and_batch):
    training, batch = training_and_batch
    many = with_clips(with_clips(batch, 11, stream="labeled"), 20, stream="unlabeled")
    least = memory.least_gb(training, batch, {"labeled": 11, "unlabeled": 20})
    assert least == pytest.approx(memory.kept_gb(training, many), rel=0.01)
    assert least > 2 * memory.kept_gb(training, batch)


def test_with_clips__repeats_clips_of_one_stream(training_and_batch):
    _, batch = training_and_batch
    larger = with_clips(batch, 7, stream="unlabeled")
    assert larger.unlabeled.video.tolist() == (batch.unlabeled.video.tolist() * 3)[:7]
    assert len(larger.unlabeled.frames["primary"]) == 7
    labeled = with_clips(batch, 5, stream="labeled").labeled
    assert labeled.label.tolist() == (batch.labeled.label.tolist() * 3)[:5]


def test_bench__refuses_a_step_before_it_fills_the_memory(manifest, split, settings, monkeypatch):
    monkeypatch.setattr(memory, "free_memory_gb", lambda: 0.5)
    chosen = settings("small-fixmatch", data__unlabeled_batch=100_000)
    words = r"2 labelled and 100000 unlabelled clips needs at least [\d.]+ GB of memory, and 0.5 GB"
    with pytest.raises(TrainingError, match=words):
        bench(manifest, split, chosen, steps=2)
