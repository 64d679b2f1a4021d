"""Predicting many files: in shares, again, on a cluster."""

import csv
import os
import shutil
import subprocess
import sys
from itertools import chain, zip_longest

import cv2
import pytest
import torch

import semivideo
from semivideo import api, models
from semivideo.base.errors import ConfigError, DataError, MissingExtraError
from semivideo.data.cache.preparing import prepare
from semivideo.data.video.barcodes import barcode_video
from semivideo.data.video.decode import iterate_frames
from semivideo.evaluation import Failure
from semivideo.models.weights import load_network, save_network
from semivideo.run.many import cluster
from semivideo.settings import ModelCard

CARD = {
    "network": {"name": "resnet3d10", "num_frames": 2, "stride_frames": 4},
    "classes": ["run", "swim", "walk"],
    "data": {"short_side": 32},
    "views": {"crop_size": 14},
    "evaluation": {"num_clips": 1, "num_crops": 1},
    "method": "supervised",
    "weights_sha256": "",
}
CARD["network"]["options"] = {"width": 0.125}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small network in ``model`` and eight files in ``videos``, one of them broken."""
    folder = tmp_path_factory.mktemp("prediction")
    torch.manual_seed(0)
    network = models.create("resnet3d10", 3, width=0.125)
    torch.nn.init.normal_(
        [m for m in network.modules() if isinstance(m, torch.nn.Linear)][-1].weight
    )
    save_network(folder / "model", network, ModelCard.model_validate(CARD))
    (folder / "videos" / "below").mkdir(parents=True)
    for number in range(7):
        place = "below/" if number % 2 else ""
        barcode_video(folder / "videos" / f"{place}{number}.mp4", 10 + number, size=(40, 32))
    (folder / "videos" / "3.avi").write_text("no video")
    return folder


@pytest.fixture
def whole(folder, tmp_path):
    """What one process writes."""
    found = semivideo.predict(
        folder / "model", [folder / "videos"], top=2, out=tmp_path / "whole.csv"
    )
    assert len(found) == 7
    return (tmp_path / "whole.csv").read_text()


def rows_of(text):
    return list(csv.DictReader(text.splitlines()))


def test_predict__of_a_folder_costs_one_line_for_a_broken_file(folder, whole):
    rows = rows_of(whole)
    videos = folder / "videos"
    names = "0.mp4 2.mp4 3.avi 4.mp4 6.mp4 below/1.mp4 below/3.mp4 below/5.mp4".split()
    assert [row["path"] for row in rows] == [str(videos / name) for name in names]
    assert [row["path"] for row in rows if row["error"]] == [str(videos / "3.avi")]
    assert {row["model"] for row in rows} == {load_sha(folder)}
    with pytest.raises(
        DataError, match=r"cannot use 3\.avi: it is no video"
    ):  # without a file to write the line to
        semivideo.predict(folder / "model", [videos])


def load_sha(folder):
    return semivideo.load(folder / "model").card.weights_sha256[:12]


def test_predict__by_three_processes_is_that_of_one(folder, whole, tmp_path):
    command = [sys.executable, "-m", "semivideo", "predict", folder / "model", folder / "videos"]
    options = ["--top", "2", "--out", tmp_path / "found.csv"]
    jobs = [
        subprocess.Popen(
            [*command, *options],
            env=os.environ | {"RANK": str(rank), "WORLD_SIZE": "3"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(3)
    ]
    said = [job.communicate(timeout=120)[1] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0, 2]  # the third one met the broken file
    assert "found-00002-of-00003.csv: 2 videos now, 1 of them could not be read" in said[2]
    parts = sorted(tmp_path.glob("found-*-of-00003.csv"))
    tables = [part.read_text().splitlines(keepends=True) for part in parts]
    assert {table[0] for table in tables} == {whole.splitlines(keepends=True)[0]}
    dealt = chain.from_iterable(zip_longest(*(table[1:] for table in tables), fillvalue=""))
    assert tables[0][0] + "".join(dealt) == whole


def test_predict__goes_on_with_what_is_missing(folder, whole, tmp_path, monkeypatch):
    path = tmp_path / "part.csv"
    lines = whole.splitlines(keepends=True)
    path.write_text("".join([lines[0], *lines[2:7]]))
    told = []
    found = list(
        api.predictions(
            folder / "model",
            [folder / "videos"],
            top=2,
            out=path,
            progress=lambda *what: told.append(what),
        )
    )
    names = [each.path.rpartition("/")[2] for each in found]
    assert names == ["0.mp4", "3.avi", "3.mp4", "5.mp4"]
    assert isinstance(found[1], Failure)
    assert [what[1:3] for what in told] == [(5, 8), (6, 8), (7, 8), (8, 8)]
    assert path.read_text() == whole


def test_predict__does_not_mix_models_or_protocols(folder, whole, tmp_path):
    path = tmp_path / "whole.csv"
    with pytest.raises(ConfigError, match=rf"of model {load_sha(folder)}, and this one is .* 2x1;"):
        semivideo.predict(folder / "model", [folder / "videos"], top=2, out=path, protocol="2x1")
    assert path.read_text() == whole


def test_predict__of_a_folder_of_frames_goes_by_the_rate_that_is_said(folder, tmp_path, caplog):
    """A network at 5 frames a second takes other frames of a folder at 10 and at 25 a second."""
    at_five = {**CARD, "data": {"short_side": 32, "frame_rate": 5.0}}
    network, _ = load_network(folder / "model")
    save_network(tmp_path / "model", network, ModelCard.model_validate(at_five))
    barcode_video(tmp_path / "v.mp4", 40, size=(40, 32), frame_rate=10)
    for number, image in enumerate(iterate_frames(tmp_path / "v.mp4")):
        (tmp_path / "f").mkdir(exist_ok=True)
        (tmp_path / "f" / f"{number}.png").write_bytes(cv2.imencode(".png", image[..., ::-1])[1])

    def scores(place, **rate):
        (found,) = semivideo.predict(tmp_path / "model", [tmp_path / place], top=3, **rate)
        return sorted(zip(found.classes, found.probabilities, strict=True))

    assert scores("f", frame_rate=10) == scores("v.mp4")
    assert caplog.messages == []
    assert scores("f") != scores("v.mp4")
    assert "are read as videos of 25 frames a second; frame_rate says" in caplog.messages[0]
    semivideo.predict(tmp_path / "model", [tmp_path / "f"], out=tmp_path / "t.csv", frame_rate=10)
    with pytest.raises(ConfigError, match=r"holds predictions of model \w+ 10/s, and this one is"):
        semivideo.predict(tmp_path / "model", [tmp_path / "f"], out=tmp_path / "t.csv")


def test_predict__by_a_gpus_decoder_asks_for_the_gpu(folder, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    videos = [folder / "videos"]
    with pytest.raises(ConfigError, match="decoder 'hardware' needs an NVIDIA GPU"):
        semivideo.predict(folder / "model", videos, decoder="hardware")
    with pytest.raises(ConfigError, match=r"whole.csv"):  # its scores are by the other decoder
        semivideo.predict(
            folder / "model", videos, top=2, decoder="hardware", out=tmp_path / "whole.csv"
        )


def test_predict__without_a_file_takes_no_share(folder, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    [found] = semivideo.predict(folder / "model", [folder / "videos" / "0.mp4"])
    assert len(found.classes) == 3


def test_prepare__is_not_made_at_an_address(folder):
    with pytest.raises(ConfigError, match=r"cannot be made at s3://b/c: prepare it in a local fol"):
        semivideo.prepare(folder / "videos", out="s3://b/c")


def test_cluster__names_the_extra(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    sentence = r"a cluster need the package ray: pip install 'semivideo\[ray\]'"
    with pytest.raises(MissingExtraError, match=sentence):
        semivideo.predict(folder / "model", [folder / "videos" / "0.mp4"], ray=True)
    with pytest.raises(MissingExtraError, match=sentence):
        semivideo.prepare(folder / "videos", out=tmp_path / "cache", short_side=32, ray=True)


@pytest.fixture
def ray():
    ray = pytest.importorskip("ray", reason="ray is not installed (extra ray)")
    ray.init(num_cpus=2, log_to_driver=False)
    yield ray
    ray.shutdown()


@pytest.mark.filterwarnings("ignore")  # of ray's own
def test_cluster__does_what_one_process_does(folder, whole, tmp_path, ray):
    out = tmp_path / "cluster.csv"
    semivideo.predict(folder / "model", [folder / "videos"], top=2, out=out, ray=True)
    assert out.read_text() == whole
    manifest = semivideo.scan(folder / "videos")
    one, many, told = tmp_path / "a" / "cache", tmp_path / "b" / "cache", []
    wanted = {"short_side": 32, "videos_per_shard": 2}
    options = {"make": cluster.make_shards, "progress": lambda *what: told.append(what)}
    prepare(manifest, one, wanted=wanted)
    prepare(manifest, many, wanted=wanted, **options)
    assert told == [("prepare", done, 8) for done in range(9)]
    files = [path.relative_to(one) for path in one.rglob("*.*")]
    assert all((one / file).read_bytes() == (many / file).read_bytes() for file in files)
    assert len(files) == 10
    (many / "manifest.parquet").unlink()
    shutil.move(many, tmp_path / "c")
    with pytest.raises(DataError, match=r"there is no manifest .*c/manifest.parquet; make it"):
        cluster.make_shards(tmp_path / "c", [1], pytest.fail)
    with pytest.raises(ConfigError, match="'many'"):
        list(cluster.predictions(folder / "model", [out], top=1, protocol="many"))
