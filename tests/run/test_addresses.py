"""A cache behind an address, and the page about caches, on the command line."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import semivideo
from semivideo.cli import app
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.runfolder import RunFolder

PAGE = Path(__file__).parents[2] / "docs" / "cache.md"
SETTINGS = {
    **{"data.short_side": 32, "views.crop_size": 24, "evaluation.crop_size": 24},
    **{"data.labeled_batch": 2, "data.unlabeled_batch": 2, "data.workers": 0},
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("addresses")
    render(folder / "videos", videos_per_class=6, seed=0, classes=["wave", "squat"], num_groups=3)
    manifest = semivideo.scan(folder / "videos", group_pattern=GROUP_PATTERN)
    return semivideo.prepare(manifest, out=folder / "cache", short_side=32).folder


def command(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result


def test_commands__take_the_address_of_a_cache(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    changes = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    losses, scores = [], []
    for name, place in (("local", cache), ("remote", f"file://{cache}")):
        split, run = tmp_path / f"{name}.json", tmp_path / name
        options = ["--labels-per-class", 1, "--test-groups", "g02"]
        command("split", place, *options, "--out", split)
        options = ["--split", split, "--recipe", "small-fixmatch", "--steps", 2, *changes]
        command("train", place, *options, "--out", run)
        command("evaluate", run, "--protocol", "1x1")
        assert Manifest.read(run / "manifest.parquet").cache == str(place)
        losses.append([line["loss"] for line in RunFolder(run).metrics()])
        scores.append((run / "evaluation.json").read_bytes())
    assert losses[0] == losses[1]
    assert scores[0] == scores[1]
    assert (tmp_path / "local.json").read_bytes() == (tmp_path / "remote.json").read_bytes()
    command("evaluate", tmp_path / "local", "--videos", f"file://{cache}", "--protocol", "1x1")


def test_prepare__refuses_an_address_on_the_command_line(cache):
    result = CliRunner().invoke(app, ["prepare", str(cache), "--out", "s3://bucket/cache"])
    assert result.exit_code == 2
    assert "error: a cache cannot be made at s3://bucket/cache: prepare it in" in result.stderr


# It leaves files open and lets the interpreter close them.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_page__reads_shards_as_any_webdataset_reader_does(cache, monkeypatch):
    pytest.importorskip("webdataset", reason="webdataset is in the extra dev")
    [code] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.M | re.S)
    assert len([line for line in code.splitlines() if line]) == 4
    monkeypatch.chdir(cache.parent)
    lines = []
    exec(code, {"print": lambda *words: lines.append(words)})
    assert [id for id, _ in lines] == Manifest.read(cache / "manifest.parquet").ids
    assert all(number > 8 for _, number in lines)
