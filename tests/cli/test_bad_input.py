"""What people hand to the commands from labels to models: one sentence each, and nothing written.

A format that is another one, a file cut off, times beyond the end, a class nobody knows, a video
that left, runs on different videos.
"""

import json
import re
import shutil

import pytest

import semivideo
from semivideo.data.video.barcodes import barcode_video
from tests.export.conftest import pixel_run

__all__ = ["pixel_run"]
BORIS = "Media file name\tSubject\tBehavior\tTime\tBehavior type\na.mp4\tx\twave\t1.0\tSTART\n"
LATE = "path,label,start,end\nfilm.mp4,wave,5000,6000\n"


def refused(result, sentence):
    assert re.search(sentence, result.err.replace("\n", " ")), result.err
    assert result.err.count("error: ") == 1
    assert "Traceback" not in result.err
    assert result.code == 2


@pytest.mark.parametrize(
    ("name", "content", "arguments", "sentence"),
    [
        ("a.tsv", BORIS, ["--from", "elan"], "is not of the format 'elan', it looks like 'boris'"),
        ("a.tsv", BORIS, ["--from", "bors"], "no format of labels 'bors'; did you mean 'boris'"),
        ("a.json", '[{"data": {"vid', [], r"a\.json is no whole JSON file .*; it may be cut off"),
        ("a.eaf", "<ANNOTATION_DOCU", [], r"a\.eaf is no whole XML file .*; it may be cut off"),
        ("a.csv", "", [], r"a\.csv is empty; write a header path,label"),
        ("a.csv", "path,label,start,end\na.mp4,x,soon,2\n", [], "'soon' is no time in the video"),
        ("a.csv", "path,label,start,end\na.mp4,x,9,2\n", [], "starts at 9 s and ends at 2 s, and"),
    ],
)
def test_labels_convert__refuses_in_a_sentence(run, tmp_path, name, content, arguments, sentence):
    (tmp_path / name).write_text(content)
    out = tmp_path / "out.eaf"
    refused(run("labels", "convert", tmp_path / name, *arguments, "--out", out), sentence)
    assert not out.exists()


def test_scan__lists_a_label_beyond_the_end_with_the_reason(run, tmp_path):
    barcode_video(tmp_path / "film.mp4", num_frames=25)
    (tmp_path / "late.csv").write_text(LATE)
    result = run("scan", tmp_path, "--list", tmp_path / "late.csv", "--out", tmp_path / "m.parquet")
    assert result.code == 0
    assert "it starts at 5000 s and the video ends at 1.000 s; correct the row" in re.sub(
        r"[│\s]+", " ", result.out
    )


@pytest.mark.parametrize(
    ("label", "video", "sentence"),
    [
        ("wave,5000,6000", "film.mp4", r"every label of truth\.csv lies outside its video: one of"),
        ("juggle,0,1", "film.mp4", r"\(juggle\) are none of the run's.* \[known: squat, wave\]"),
        ("wave,0,1", "gone.mp4", r"truth\.csv has no event of film\.mp4; it is about gone\.mp4"),
    ],
)
def test_timeline__refuses_truth_that_does_not_fit(
    run, pixel_run, tmp_path, label, video, sentence
):
    barcode_video(tmp_path / "film.mp4", num_frames=50)
    (tmp_path / "truth.csv").write_text(f"path,label,start,end\n{video},{label}\n")
    asked = ["predict", pixel_run.path, tmp_path / "film.mp4", "--timeline", "--window", "1"]
    refused(run(*asked, "--truth", tmp_path / "truth.csv"), sentence)


def test_timeline__refuses_a_film_that_is_cut_off(run, pixel_run, tmp_path):
    whole = barcode_video(tmp_path / "film.mp4", num_frames=50).read_bytes()
    (tmp_path / "film.mp4").write_bytes(whole[:400])
    asked = ["predict", pixel_run.path, tmp_path / "film.mp4", "--timeline", "--window", "1"]
    refused(run(*asked), r"cannot use film\.mp4: it is no video file .*; re-encode it or leave it")


def copied(run, tmp_path):
    return shutil.copytree(run.path, tmp_path / "run")


@pytest.mark.parametrize("command", ["suggest", "doubts", "plan", "review", "report", "export"])
def test_runs__with_a_file_that_is_cut_off(run, pixel_run, tmp_path, command):
    """The step is not that of a manifest of one's own: a new scan would lose the run's labels."""
    folder = copied(pixel_run, tmp_path)
    (folder / "manifest.parquet").write_bytes(b"PAR1 and no more")
    out = {"report": ["--out", tmp_path / "a.html"]}.get(command, [])
    out = out or (["--format", "torch", "--out", tmp_path / "m"] if command == "export" else [])
    sentence = r"manifest\.parquet is not a manifest, .* it belongs to the run .*: restore it from"
    refused(run(command, folder, *out), sentence)
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("command", ["suggest", "doubts", "plan", "report"])
def test_runs__whose_videos_left(run, pixel_run, tmp_path, command):
    folder = copied(pixel_run, tmp_path)
    root = semivideo.api.as_manifest(folder / "manifest.parquet").root
    gone = root.rename(root.with_name("gone"))
    out = ["--out", tmp_path / "a.html"] if command == "report" else []
    try:
        refused(run(command, folder, *out), r"were in .*, which does not exist; bring them back")
    finally:
        gone.rename(root)


@pytest.mark.parametrize("command", ["suggest", "doubts", "plan", "review", "export"])
def test_runs__that_have_not_ended(run, pixel_run, tmp_path, command):
    folder = copied(pixel_run, tmp_path)
    (folder / "summary.json").unlink()
    shutil.rmtree(folder / "model")
    out = ["--format", "torch", "--out", tmp_path / "m"] if command == "export" else []
    refused(run(command, folder, *out), "holds no trained network yet; finish it with .*--resume")


def test_train__from_answers_of_another_run(run, pixel_run, tmp_path):
    folder = copied(pixel_run, tmp_path)
    answer = {"id": "gone.mp4", "kind": "label", "labels": ["wave"], "intervals": [], "seconds": 1}
    content = json.dumps({"format": 1, "answers": [answer]})
    (folder / "answers").mkdir()
    (folder / "answers" / "answers.json").write_text(content)
    asked = ["train", "--from", folder, "--out", tmp_path / "new"]
    refused(run(*asked), r"video 'gone\.mp4' was answered and is not in the run; remove its answer")
    (folder / "answers" / "answers.json").write_text(content[:30])
    refused(run(*asked), r"answers\.json is not what `semivideo review` writes .*; restore it")
    assert not (tmp_path / "new").exists()


def test_export__of_a_run_whose_test_scores_are_cut_off(run, pixel_run, tmp_path):
    folder = copied(pixel_run, tmp_path)
    (folder / "evaluation.npz").write_bytes(b"PK")
    asked = ["export", folder, "--format", "hub-folder", "--count", 1, "--out", tmp_path / "m"]
    refused(run(*asked), r"does not hold the scores of .*; evaluate again")
    assert not (tmp_path / "m").exists()


def test_export__one_of_two_precisions(run, pixel_run, tmp_path):
    asked = ["export", pixel_run.path, "--half", "--int8", "--out", tmp_path / "m"]
    refused(run(*asked), "--half and --int8 cannot both be; leave one out")
