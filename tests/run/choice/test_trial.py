import pytest

import semivideo
from semivideo.base.errors import TrainingError
from semivideo.engine import Runtime
from semivideo.profile import bench
from semivideo.recipes import RECIPES
from semivideo.run import build
from semivideo.run.choice import trial
from semivideo.run.choice.trial import few_clips, set_up, with_clips


@pytest.fixture
def training_and_batch(manifest, split, settings):
    """FixMatch, and 2 + 2 clips."""
    chosen = settings("small-fixmatch", data__workers=0)
    training = set_up(chosen, manifest, num_steps=10)
    streams = build.build_streams(chosen, manifest=manifest, split=split)
    return training, few_clips(training, manifest, streams, chosen)


def test_step_memory__of_few_clips_is_what_many_clips_keep(training_and_batch, settings):
    training, batch = training_and_batch
    many = with_clips(with_clips(batch, 11, stream="labeled"), 20, stream="unlabeled")
    data = settings("small-fixmatch", data__labeled_batch=11, data__unlabeled_batch=20).data
    least = trial.step_memory(training, batch).least_gb(data)
    assert least == pytest.approx(trial.kept_gb(training, many), rel=0.01)
    assert least > 2 * trial.kept_gb(training, batch)


@pytest.mark.parametrize("recipe", ["small-fixmatch", "small-cmpl", "small-ltg"])
def test_counted_gb__is_a_little_less_than_what_a_step_keeps(manifest, split, settings, recipe):
    chosen = settings(recipe, data__labeled_batch=12, data__unlabeled_batch=20, data__workers=0)
    training = set_up(chosen, manifest)
    streams = build.build_streams(chosen, manifest=manifest, split=split)
    batch = few_clips(training, manifest, streams, chosen)
    measured = trial.step_memory(training, batch).least_gb(chosen.data)
    assert 0.4 * measured < trial.counted_gb(chosen, training.runtime) < 1.02 * measured


def test_counted_gb__of_the_papers_size_is_more_than_small_machines_have():
    paper, runtime = RECIPES["cmpl-ucf101-10-r50"].settings(), Runtime(cpu=True)
    assert trial.counted_gb(paper, runtime) > 30
    assert trial.counted_gb(paper.updated({"engine.weak_graph": False}), runtime) == 0


def test_few_clips__are_two_of_each_stream(training_and_batch):
    _, batch = training_and_batch
    assert (len(batch.labeled), len(batch.unlabeled)) == (2, 2)


def test_step_seconds__are_those_of_a_whole_step(training_and_batch, settings):
    training, batch = training_and_batch
    assert trial.step_seconds(training, batch, settings("small-fixmatch")) > 0


def test_with_clips__repeats_clips_of_one_stream(training_and_batch):
    _, batch = training_and_batch
    larger = with_clips(batch, 7, stream="unlabeled")
    assert larger.unlabeled.video.tolist() == (batch.unlabeled.video.tolist() * 4)[:7]
    assert len(larger.unlabeled.frames["primary"]) == 7
    labeled = with_clips(batch, 5, stream="labeled").labeled
    assert labeled.label.tolist() == (batch.labeled.label.tolist() * 3)[:5]


def test_free_memory__is_that_of_the_container_if_it_has_less(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "_PROC", tmp_path)
    monkeypatch.setattr(trial, "_CGROUP", tmp_path)
    assert trial.free_memory_gb() is None  # where the system does not tell
    (tmp_path / "meminfo").write_text("MemTotal: 30000000 kB\nMemAvailable:   20000000 kB\n")
    assert trial.free_memory_gb() == 20.0
    (tmp_path / "memory.current").write_text("1000000000\n")
    (tmp_path / "memory.max").write_text("3000000000\n")
    assert trial.free_memory_gb() == 2.0
    (tmp_path / "memory.max").write_text("max\n")
    assert trial.free_memory_gb() == 20.0


WORDS = (
    r"2 labelled and 100000 unlabelled clips needs at least [\d.e+]+ GB of memory, and 0.5 GB are "
    r"free; .* start from a small recipe such as recipe='small-cmpl', or insist with "
    r"settings=\{'engine.check_memory': False\}"
)


def test_bench__refuses_a_step_before_it_fills_the_memory(manifest, split, settings, monkeypatch):
    monkeypatch.setattr(trial, "free_memory_gb", lambda: 0.5)
    chosen = settings("small-fixmatch", data__unlabeled_batch=100_000)
    with pytest.raises(TrainingError, match=WORDS):
        bench(manifest, split, chosen, steps=2)


def test_train__refuses_a_step_before_it_fills_the_memory(
    manifest, split, settings, monkeypatch, tmp_path
):
    monkeypatch.setattr(trial, "free_memory_gb", lambda: 0.5)
    chosen = settings("small-fixmatch", data__unlabeled_batch=100_000)
    with pytest.raises(TrainingError, match=WORDS):
        semivideo.train(manifest, split=split, settings=chosen, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_check_memory__lets_a_method_pass_that_wants_other_batches(
    training_and_batch, settings, monkeypatch, caplog
):
    def refuse(*_):
        raise ValueError("batches of 7 only")

    monkeypatch.setattr(trial, "step_memory", refuse)
    trial.check_memory(*training_and_batch, settings("small-fixmatch"))
    assert "memory is not checked, for a step of few clips fails: batches of 7 only" in caplog.text


def test_train__can_be_told_to_try_all_the_same(training_and_batch, settings, monkeypatch):
    monkeypatch.setattr(trial, "free_memory_gb", lambda: 1e-6)
    chosen = settings("small-fixmatch", engine__check_memory=False)
    trial.check_memory(*training_and_batch, chosen)
