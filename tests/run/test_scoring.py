"""Scores of videos that a run was trained on are not scores of new videos."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import semivideo
from semivideo.cli import app
from semivideo.data.splits import Split
from semivideo.evaluation import Evaluation
from semivideo.runfolder import RunFolder

GIVEN = Path(__file__).parents[1] / "golden" / "run-of-0.1.0"


@pytest.fixture
def finished(tmp_path):
    """A run of CMPL on 8 videos: 2 labelled, 4 unlabelled, 2 for testing; and their folder."""
    shutil.copytree(GIVEN / "videos", tmp_path / "videos")
    return shutil.copytree(GIVEN / "finished", tmp_path / "run"), tmp_path / "videos"


def test_evaluate__tells_videos_apart_that_the_run_was_trained_on(finished):
    run, videos = finished
    split = Split.read(run / "split.json")
    found = semivideo.evaluate(run, videos=videos, protocol="1x1")
    assert set(found.ids) == set(split.test)
    assert set(found.trained_on["labeled"].ids) == set(split.labeled)
    assert set(found.trained_on["unlabeled"].ids) == set(split.unlabeled)
    kept = Evaluation.read(run / "evaluation-videos.json")
    assert (kept.ids, kept.trained_on) == (found.ids, found.trained_on)


def test_evaluate__keeps_the_scores_of_other_videos_of_the_same_name(finished, tmp_path, caplog):
    run, videos = finished
    others = shutil.copytree(videos, tmp_path / "others" / "videos")
    semivideo.evaluate(run, videos=videos, protocol="1x1")
    assert semivideo.evaluate(run, videos=videos, protocol="2x1").protocol == "2x1"
    first = (run / "evaluation-videos.json").read_bytes()
    for _ in range(2):
        semivideo.evaluate(run, videos=others, protocol="1x1")
        assert caplog.messages[-1] == (
            f"{run}/evaluation-videos.json holds the scores of other videos called videos; those "
            f"of these are in {run}/evaluation-videos-2.json"
        )
    assert (run / "evaluation-videos.json").read_bytes() == first
    assert sorted(each.stem for each in run.glob("evaluation-*.json")) == [
        "evaluation-videos",
        "evaluation-videos-2",
    ]


def test_evaluate__without_anything_new_is_refused_in_one_sentence(finished, tmp_path):
    run, videos = finished
    split, renamed = Split.read(run / "split.json"), tmp_path / "copies"
    for number, id in enumerate((*split.labeled, *split.unlabeled)):
        target = renamed / Path(id).parent / f"{number}.mp4"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(videos / id, target)
    result = CliRunner().invoke(app, ["evaluate", str(run), "--videos", str(renamed)])
    assert result.exit_code == 2
    assert result.stdout == ""
    [sentence] = result.stderr.splitlines()
    assert sentence == (
        f"error: {run} was trained on every one of these videos (2 with their class, 4 without), "
        "and a score on them says nothing of new ones; name videos that it was not trained on"
    )
    assert not (run / "evaluation-copies.json").exists()


def test_evaluate__counts_unlabelled_videos_as_new_to_a_method_that_uses_none(finished):
    run, videos = finished
    folder, split = RunFolder(run), Split.read(run / "split.json")
    settings = folder.settings().model_dump()
    settings["method"] = {"name": "supervised"}
    folder.write_text(
        folder.settings_file, type(folder.settings()).from_mapping(settings).to_yaml()
    )
    found = semivideo.evaluate(run, videos=videos, protocol="1x1")
    assert set(found.ids) == {*split.test, *split.unlabeled}
    assert list(found.trained_on) == ["labeled"]


def test_evaluate__warns_where_nobody_knows_what_the_run_was_trained_on(finished, caplog):
    run, videos = finished
    (run / "split.json").unlink()
    found = semivideo.evaluate(run, videos=videos, protocol="1x1")
    assert (found.num_videos, found.trained_on) == (8, {})
    assert "which of these videos it was trained on cannot be told" in caplog.text
