"""prepare on a stand-in for the API."""

from pathlib import Path

import pytest

from semivideo.base.errors import ConfigError
from semivideo.data.cache.estimate import Estimate
from semivideo.data.cache.form import CacheForm
from semivideo.data.cache.preparing import Prepared


@pytest.fixture
def calls(api):
    """What the command asked for; it reports 3 of 26 videos with something to say."""
    found = []

    def prepare(videos, *, on_estimate, **options):
        found.append((videos, options))
        on_estimate(Estimate(26, 7200, 60.0, 1_540_000_000))
        form = CacheForm.make(num_videos=26, videos="", videos_per_shard=8)
        failed = {f"v{n}.mp4": "it is empty" for n in range(2)}
        damaged = ["00001.tar is damaged"]
        return Prepared(options["out"], form, 7100, 1_500_000_000, failed, {"c.mp4": 28}, damaged)

    api.prepare = prepare
    return found


def test_prepare__says_what_it_will_take_and_what_it_made(run, calls):
    result = run("prepare", "m.parquet", "--out", "cache")
    assert result.code == 0
    first, last = result.err.splitlines()
    assert first == "to prepare: 26 videos, 7200 frames; at 60 frames/s about 2 min and 1.5 GB"
    assert last.endswith("next: semivideo train cache --out runs/cache")
    lines = [line.split(maxsplit=1) for line in result.out.splitlines()]
    assert ["24", "videos"] in [[count, what.strip()] for count, what in lines[:6]]
    assert "1.5 GB  in 4 shards" in result.out
    table = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.out.splitlines()]
    assert ["v1.mp4", "it is empty"] in table
    assert ["c.mp4", "its first 28 frames are used"] in table
    [(videos, options)] = calls
    assert videos == Path("m.parquet")
    assert {name for name, value in options.items() if value} <= {"out", "progress"}


def test_prepare__of_a_share_says_what_is_missing(run, api):
    form = CacheForm.make(num_videos=26, videos="", videos_per_shard=8)
    made = Prepared(Path("cache"), form, 7100, 1_500_000_000, {}, {}, missing=[1, 3])
    api.prepare = lambda *_, **__: made
    result = run("prepare", "v", "--out", "cache")
    assert result.err == (
        "this process is done; 2 of 4 shards are still missing; when no other process is at work "
        "any more, this makes what is left: semivideo prepare cache/manifest.parquet --out cache\n"
    )
    assert ["16", "videos"] == result.out.split()[:2]
    assert "1.5 GB  in 2 shards" in result.out


def test_prepare__passes_options(run, calls):
    options = ["--short-side", 96, "--every", 2, "--format", "h264", "--quality", "lossless"]
    assert run("prepare", "v", "--out", "c", *options, "--flow", "--verify", "--ray").code == 0
    given = calls[0][1]
    assert [given[name] for name in ("short_side", "every", "format", "quality")] == [
        *(96, 2, "h264", "lossless")
    ]
    assert (given["flow"], given["verify"], given["ray"]) == (True, True, True)
    run("prepare", "v", "--out", "c", "--quality", 30)
    assert calls[1][1]["quality"] == 30


def test_prepare__ends_wrong_input_in_a_sentence(run, api):
    def prepare(*_, **__):
        raise ConfigError("--quality 0 of jpeg: allowed is from 1 to 100")

    api.prepare = prepare
    result = run("prepare", "v", "--out", "c", "--quality", 0)
    assert (result.code, result.err) == (
        2,
        "error: --quality 0 of jpeg: allowed is from 1 to 100\n",
    )
    for words, hint in (
        (("v",), "Missing option '--out'"),
        (("v", "--out", "c", "--format", "gif"), "'gif' is not one of 'jpeg', 'png', 'h264'"),
        (("v", "--out", "c", "--short-side", "4"), "should be greater than or equal to 16"),
    ):
        result = run("prepare", *words)
        assert result.code == 2
        assert hint in " ".join(result.err.replace("│", " ").split())
