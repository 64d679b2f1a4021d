from dataclasses import replace

import pytest

from semivideo.profile.advice import advice
from semivideo.profile.measured import LargestBatch


def said(report, **changes):
    return " ".join(advice(replace(report, **changes)))


def slow(report, *, workers=2, per_clip=0.035, waiting=0.5):
    """Reading takes 3.5 times the step, and steps with their loader twice as long as alone."""
    reading = [replace(report.reading[0], parts={"decoding and shrinking": per_clip})]
    loop = replace(report.loop, seconds=0.2, waiting=waiting, workers=workers)
    return replace(report, reading=reading, loop=loop)


def test_advice__says_that_reading_is_fast_enough(report):
    words = said(report)
    assert "Reading does not slow training down: one process makes a batch in 0.5 x" in words
    assert ": 1 worker would do." in words
    assert "prepare" not in words


def test_advice__a_cache_where_neither_memory_nor_processors_suffice(report):
    words = said(slow(report))
    assert (
        "beside its loader (2 workers) a step takes 2 x as long as without and waits 50%" in words
    )
    assert "one process makes a batch in 3.5 x the time of a step" in words
    assert "semivideo prepare VIDEOS --out CACHE (from the files, 4 workers would have" in words


def test_advice__shared_processors_slow_a_step_that_never_waits(report):
    assert "waits 0% of it, for both share the processors" in said(slow(report, waiting=0.0))


def test_advice__memory_before_a_cache(report):
    videos = replace(report.videos, frames_gb=3.0)
    words = said(slow(report), videos=videos)
    assert "about 3 GB, and 16 GB of memory are free: --set data.memory_gb=3.4" in words
    assert "prepare" not in words


def test_advice__more_workers_where_there_are_processors(report):
    words = said(slow(report), cores=32)
    assert "--set data.workers=4 makes batches fast enough" in words


def test_advice__workers_beside_frames_in_memory(report):
    videos = replace(report.videos, fill_seconds=5.0)
    words = said(slow(report, workers=0, per_clip=0.008), videos=videos)
    assert "(no worker)" in words
    assert "Frames are in memory already; --set data.workers=1" in words
    setup = report.setup | {"decoder": "hardware"}  # with which such workers are refused
    words = said(slow(report, workers=0, per_clip=0.008), videos=videos, setup=setup)
    assert "with --set data.decoder=software --set data.workers=1 makes batches beside" in words
    words = said(slow(report, workers=2), videos=videos)
    assert "workers have to hand them on: compare with --set data.workers=0" in words


def test_advice__names_the_fastest_precision_that_was_measured(report):
    words = said(report)
    assert "bf16 with channels_last is 2.00 x as fast here as the present fp32" in words
    assert "--set engine.precision=bf16 --set engine.channels_last=true" in words
    assert "as fast" not in said(report, variants=())


def test_advice__confirms_the_present_precision(report):
    first, second = report.variants
    swapped = [replace(first, is_present=True), replace(second, is_present=False)]
    assert "bf16 with channels_last is right here: 2.00 x as fast as fp32" in said(
        report, variants=swapped
    )


def test_advice__names_views_that_take_much(report):
    step = replace(report.step, parts={"strong view, primary": 0.4, "weak view, primary": 0.1})
    assert "Views take 100% of the step, the strong view, primary 80%" in said(report, step=step)
    assert "Views" not in said(report)


@pytest.mark.parametrize(("value", "words"), [(12, "= 12 fits"), (64, "= 64 or more fits")])
def test_advice__says_how_large_a_batch_may_be(report, value, words):
    largest = LargestBatch("data.unlabeled_batch", present=6, value=value, limit=64)
    assert f"data.unlabeled_batch {words} in memory" in said(report, largest=largest)


def test_advice__says_first_that_other_programs_disturb(report):
    words = said(report, others=1.5)
    assert words.startswith("Other programs kept 1.5 of the 4 processors busy meanwhile")
    assert "Other programs" not in said(report)
    assert "Other programs" not in said(report, others=None)


def test_advice__counts_broken_videos(report):
    videos = replace(report.videos, unreadable=3, skipped={"a.mp4": "a.mp4 is empty"})
    words = said(report, videos=videos)
    assert words.startswith("3 files cannot be read at all")
    assert "1 of the videos drawn broke, and others stood in. The first: a.mp4 is empty." in words


def test_advice__tells_the_time_of_training_and_evaluation(report):
    # 1000 steps of 0.1 s; 50 videos of 0.2 s
    assert (
        "The training of 1000 steps takes about 1.7 min, the evaluation of 50 held-out videos 10 s."
        in said(report)
    )
