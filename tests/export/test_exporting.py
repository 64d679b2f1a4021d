"""A run as files for others: what is written, that it says the same, and what is refused."""

import hashlib
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml

import semivideo
from semivideo.base.errors import CheckpointError, ConfigError, MissingExtraError
from semivideo.data.synthetic.rendering import render
from semivideo.evaluation import Recognizer
from semivideo.export import parity
from semivideo.export.exporting import export
from semivideo.export.network_files import FORMATS


def some_video(run):
    manifest = semivideo.api.as_manifest(run.folder.manifest_file)
    return manifest.absolute(0)


def test_export__onnx_runs_alone_and_says_what_the_run_says(pixel_run, onnx_folder):
    """As somebody runs it who has not this package, with all clips and crops of the card."""
    video = some_video(pixel_run)
    code = (
        "import sys; sys.modules['torch'] = sys.modules['semivideo'] = None\n"
        f"sys.path.insert(0, {str(onnx_folder)!r}); import run; run.main([{str(video)!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    prediction = semivideo.predict(pixel_run, [video])[0]
    name, share, _ = done.stdout.removeprefix(f"{video}: ").replace(",", "").split(maxsplit=2)
    assert name == prediction.classes[0]
    assert float(share) == pytest.approx(100 * prediction.probabilities[0], abs=2)


def test_export__keeps_the_comparison_and_writes_it_on_the_page(onnx_folder):
    kept = json.loads((onnx_folder / "parity.json").read_text())
    assert kept["num_videos"] == kept["network_top1"] == 12
    assert kept["network"] < 1e-5
    assert kept["whole"] < 0.05
    page = (onnx_folder / "README.md").read_text()
    _, header, text = page.split("---\n", 2)
    assert yaml.safe_load(header)["pipeline_tag"] == "video-classification"
    for words in ("squat, wave", "labelled videos: 2", "fixmatch", "league: scratch", "4 test vid"):
        assert words in text
    assert f"| network alone | {kept['network']:.2g} | 0.001 | 12 of 12 |" in text


def test_export__takes_any_number_of_views(onnx_folder):
    from semivideo.export.alone.run import load

    network = load(onnx_folder)
    views = np.random.default_rng(0).standard_normal((5, 3, 2, 24, 24)).astype(np.float32)
    whole = network(views)
    np.testing.assert_allclose(whole, np.concatenate([network(v[None]) for v in views]), atol=1e-5)


def test_export__torch_int8_is_a_quarter_and_says_about_the_same(pixel_run, tmp_path):
    made = export(pixel_run, out=tmp_path / "m", format="torch", precision="int8", count=3)
    assert (made.path / "model.pt2").stat().st_size == made.num_bytes < made.num_single_bytes / 2
    assert 0 < made.parity.network < parity.TOLERANCES["int8"]
    assert made.parity.num_videos == 3


def test_export__hub_folder_is_read_by_the_package(pixel_run, tmp_path):
    made = export(pixel_run, out=tmp_path / "m", format="hub-folder", count=1)
    assert sorted(each.name for each in made.path.iterdir()) == [
        *("README.md", "card.json", "model.safetensors", "parity.json"),
        *("preprocess.py", "preprocessing.json"),
    ]
    ours = hashlib.sha256((pixel_run.folder.model / "model.safetensors").read_bytes())
    theirs = hashlib.sha256((made.path / "model.safetensors").read_bytes())
    assert theirs.hexdigest() == ours.hexdigest()
    video = some_video(pixel_run)
    assert semivideo.predict(made.path, [video]) == semivideo.predict(pixel_run, [video])


def test_export__hub_folder_at_half_is_half(pixel_run, tmp_path):
    made = export(pixel_run, out=tmp_path / "m", format="hub-folder", precision="half", count=1)
    assert made.num_bytes < 0.6 * made.num_single_bytes
    assert Recognizer.load(made.path).card.weights_sha256 != made.card.weights_sha256


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"format": "onxx"}, r"no format 'onxx'; did you mean 'onnx'\? \[known: onnx, torch, hub-"),
        (
            {"format": "hub-folder", "precision": "int8"},
            "int8 ones cannot learn; take half precision, or format onnx or torch",
        ),
        ({"count": 0}, "count=0 must be at least 1; 20 is usual"),
    ],
)
def test_export__refuses_what_cannot_be(pixel_run, tmp_path, given, sentence):
    with pytest.raises(ConfigError, match=sentence):
        export(pixel_run, out=tmp_path / "m", **{"format": "torch", **given})
    assert not (tmp_path / "m").exists()


def test_export__never_writes_over_a_folder(pixel_run, tmp_path):
    with pytest.raises(ConfigError, match="is there already; name a new folder with out"):
        export(pixel_run, out=tmp_path, format="torch")


def test_export__needs_a_finished_run(tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no run folder .*/none; give the folder"):
        export(tmp_path / "none", out=tmp_path / "m", format="torch")


def test_export__names_the_package_that_is_missing(pixel_run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    sentence = r"needs the 'onnxscript' package: pip install 'semivideo\[export\]'"
    with pytest.raises(MissingExtraError, match=sentence):
        export(pixel_run, out=tmp_path / "m")


def test_export__asks_for_videos_where_the_runs_have_left(pixel_run, tmp_path):
    """Nothing is written that was compared with nothing."""
    moved = tmp_path / "run"
    shutil.copytree(pixel_run.path, moved)
    render(tmp_path / "v", videos_per_class=1, seed=1, classes=["wave", "squat"], num_groups=1)
    manifest = semivideo.scan(tmp_path / "v")
    shutil.copy(manifest.absolute(0), tmp_path / "new.mp4")
    semivideo_manifest = semivideo.api.as_manifest(moved / "manifest.parquet")
    gone = semivideo_manifest.root.rename(semivideo_manifest.root.with_name("gone"))
    try:
        with pytest.raises(
            ConfigError, match=r"not in .* any more, and nothing is exported without"
        ):
            export(moved, out=tmp_path / "m", format="hub-folder")
        made = export(moved, out=tmp_path / "m", format="hub-folder", videos=[tmp_path / "new.mp4"])
    finally:
        gone.rename(semivideo_manifest.root)
    assert made.parity.num_videos == 1


def test_export__wants_videos_for_a_folder_of_a_network(pixel_run, tmp_path):
    with pytest.raises(ConfigError, match="has no videos of its own to compare on; name some with"):
        export(pixel_run.folder.model, out=tmp_path / "m", format="hub-folder")


def test_export__refuses_a_network_that_says_something_else(pixel_run, tmp_path, monkeypatch):
    wrong = FORMATS["hub-folder"].open

    def opened(folder):
        network = wrong(folder)
        return lambda clips: network(clips) + np.array([0.0, 1.0], np.float32)

    kind = FORMATS["hub-folder"].__class__(**{**FORMATS["hub-folder"].__dict__, "open": opened})
    monkeypatch.setitem(FORMATS, "hub-folder", kind)
    with pytest.raises(
        CheckpointError, match=r"differs from the run by 0\.\d+ in a probability of"
    ):
        export(pixel_run, out=tmp_path / "m", format="hub-folder", count=1)
    assert list(tmp_path.iterdir()) == []
