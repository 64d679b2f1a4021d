"""scan, split, evaluate and predict on a stand-in for the API."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from semivideo.base.errors import DataError
from semivideo.base.records import FrameTable, Video
from semivideo.cli.features import _next as features_step
from semivideo.data.catalogue.manifest import Manifest
from semivideo.evaluation.infer import Prediction
from semivideo.evaluation.metrics import Evaluation, Known
from semivideo.evaluation.prediction_file import Failure


def video(name, *, num_frames, error=None):
    pts, keys = np.arange(num_frames), np.arange(num_frames) == 0
    frames = FrameTable(pts, keys, Fraction(1, 25))
    label, group = (name[0], "g1") if error is None else (None, None)
    return Video(name, name, label, group, 64, 48, 25.0, 0, frames, error)


def rows_of(table):
    """Cells of a printed table."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in table.splitlines()]


def test_scan__reports_what_is_there(run, api, tmp_path):
    videos = [video("a.mp4", num_frames=100), video("b.mp4", num_frames=20)]
    videos += [video(f"c{n:02d}.mp4", num_frames=0, error="it is empty") for n in range(22)]
    calls = []

    def scan(folder, **options):
        calls.append((folder, options))
        return Manifest.from_videos(videos, root=tmp_path)

    api.scan = scan
    result = run("scan", "v", "--list", "l.txt", "--group-pattern", "g.", "--window-frames", 50)
    assert result.code == 0
    [(folder, options)] = calls
    assert (folder, options["out"]) == (Path("v"), Path("manifest.parquet"))
    assert (options["lists"], options["group_pattern"]) == ([Path("l.txt")], "g.")
    lines = [line.split(maxsplit=1) for line in result.out.splitlines()[:7]]
    assert [[count, what.strip()] for count, what in lines] == [
        ["24", "videos"],
        ["2", "with a label"],
        ["22", "without a label"],
        ["2", "classes"],
        ["1", "groups"],
        ["0.00", "hours"],
        ["22", "unreadable"],
    ]
    assert "1 is shorter than 50 frames, the usual window of a clip (8 frames, 8 ap" in result.out
    table = rows_of(result.out)
    assert ["c19.mp4", "it is empty"] in table
    assert ["... and 2 more", ""] in table
    assert "c20.mp4" not in result.out
    assert result.err == "wrote manifest.parquet\n"


def test_scan__counts_the_classes_by_what_they_are_for(run, api, tmp_path):
    """Of 400 classes the first ones are shown; a column without numbers is not."""
    videos = [video(f"{name}{n:03}.mp4", num_frames=90) for n in range(400) for name in "ab"]
    videos = [replace(v, label=f"c{v.path[1:4]}") for v in videos]
    videos.append(replace(video("x.mp4", num_frames=90), label=None))
    subsets = ["test" if v.path.startswith("b") else None for v in videos]
    api.scan = lambda *_, **__: Manifest.from_videos(videos, root=tmp_path, subsets=subsets)
    result = run("scan", "v")
    header = next(line for line in result.out.splitlines() if "class" in line and "test" in line)
    assert header.split("┃")[1:-1] == [" class            ", " labelled ", " unlabelled ", " test "]
    table = rows_of(result.out)
    assert ["c000", "1", "-", "1"] in table
    assert ["c019", "1", "-", "1"] in table
    assert ["... and 380 more", "380", "-", "380"] in table
    assert ["no label", "-", "1", "-"] in table
    assert "c020" not in result.out
    assert "shorter than" not in result.out


def test_scan__hands_on_the_layout_and_the_rate(run, api, tmp_path):
    calls = []
    api.scan = lambda _, **options: calls.append(options) or Manifest.from_videos([], root=tmp_path)
    run("scan", "v", "--layout", "group/class", "--frame-rate", 12.5)
    assert [(each["layout"], each["frame_rate"]) for each in calls] == [("group/class", 12.5)]


@pytest.mark.parametrize("command", ["predict", "features"])
def test_frame_rate__is_handed_on(run, api, command):
    """What takes folders of frames takes their rate."""
    calls = []

    def noted(*_, **options):
        calls.append(options["frame_rate"])
        raise DataError("enough")

    api.predictions = api.extract_features = noted
    words = {"predict": ["r", "v"], "features": ["v", "--out", "f"]}[command]
    run(command, *words, "--frame-rate", 12.5)
    assert calls == [12.5]


def test_split__passes_options_and_says_what_was_drawn(run, api):
    calls = []

    def split(manifest, **options):
        calls.append((manifest, options))
        ids = {"labeled": "ab", "unlabeled": "cde", "test": "f"}
        return SimpleNamespace(name="2-per-class-seed1", short_hash="0123", **ids)

    api.split = split
    result = run(
        *("split", "m.parquet", "--labels-per-class", 2, "--seed", 1, "--out", "s.json"),
        *("--test-groups", "g1,g2", "--test-groups", "g3", "--allow-fewer"),
    )
    [(manifest, options)] = calls
    assert manifest == "m.parquet"
    assert options == {
        "labels_per_class": 2,
        "labeled_fraction": None,
        "seed": 1,
        "test_groups": ["g1", "g2", "g3"],
        "test_fraction": None,
        "allow_fewer": True,
        "protocol": None,
        "lists": None,
        "allow_missing": False,
        "out": Path("s.json"),
    }
    assert result.out == (
        "2-per-class-seed1: 2 labelled, 3 unlabelled, 1 test videos, hash 0123, written to s.json\n"
    )


@pytest.fixture
def evaluated(api):
    found = SimpleNamespace(
        protocol="10x3",
        top1=0.5,
        top5=0.875,
        tells_top5=True,
        trained_on={},
        mean_class=0.25,
        mean_f1=0.375,
        present=None,
        num_videos=8,
        skipped={"x.mp4": "it is empty"},
        classes=("run", "sit", "fly"),
        class_accuracy=np.array([0.75, 0.25, np.nan]),
        class_f1=np.array([0.6, 1 / 3, np.nan]),
        confusion=np.array([[3, 1, 0], [3, 1, 0], [0, 0, 0]]),
    )
    calls = []
    api.evaluate = lambda run, **options: calls.append((run, options)) or found
    return calls


def test_evaluate__prints_the_figures(run, evaluated):
    result = run("evaluate", "RUN", "--protocol", "10x3", "--hardware")
    assert ["10x3", "50.0", "87.5", "25.0", "37.5", "8", "1"] in rows_of(result.out)
    assert "1 of the test videos could not be read and are in no figure" in result.err
    [(folder, options)] = evaluated
    assert callable(options.pop("progress"))
    assert folder == Path("RUN")
    assert options == {"protocol": "10x3", "videos": None, "decoder": "hardware"}


def test_evaluate__leaves_out_top5_where_it_says_nothing(run, evaluated, api):
    found = api.evaluate("RUN")
    found.tells_top5 = False
    out = run("evaluate", "RUN").out
    assert "top-5" not in out
    assert ["10x3", "50.0", "25.0", "37.5", "8", "1"] in rows_of(out)


def test_evaluate__tells_trained_on_videos_apart(run, evaluated, api):
    api.evaluate("RUN").trained_on = {
        "labeled": Known(("a", "b"), 1.0),
        "unlabeled": Known(("c",), 0.5),
    }
    table = rows_of(run("evaluate", "RUN", "--videos", "V").out)
    assert ["new to the network", "10x3", "50.0", "87.5", "25.0", "37.5", "8", "1"] in table
    assert ["trained on, with their class", "10x3", "100.0", "", "", "", "2", ""] in table
    assert ["trained on, without their class", "10x3", "50.0", "", "", "", "1", ""] in table


def test_evaluate__per_class_names_the_confusion(run, evaluated):
    table = rows_of(run("evaluate", "RUN", "--per-class").out)
    assert ["run", "4", "75.0", "60.0", "sit (1)"] in table
    assert ["sit", "4", "25.0", "33.3", "run (3)"] in table
    assert ["fly", "0", "-", "-", ""] in table


@pytest.fixture
def recognizer(api):
    def predictions(run, videos, *, top, out, ray, decoder, frame_rate, progress):
        assert decoder == "software"
        for path in videos:
            if path.name == "bad.mp4":
                yield Failure("bad.mp4", "bad.mp4 is empty; remove it")
            else:
                yield Prediction(str(path), ("run", "sit")[:top], (0.75, 0.25)[:top])

    api.predictions = predictions


def test_predict__json_is_all_there_is_on_stdout(run, recognizer):
    result = run("predict", "RUN", "a.mp4", "b.avi", "--top", 1, "--json")
    best = [{"class": "run", "probability": 0.75}]
    assert json.loads(result.out) == [
        {"path": "a.mp4", "predictions": best},
        {"path": "b.avi", "predictions": best},
    ]
    assert (result.code, result.err) == (0, "")


def test_predict__prints_a_table(run, recognizer):
    table = rows_of(run("predict", "RUN", "a.mp4").out)
    assert table[3:5] == [["a.mp4", "run", "75.0"], ["", "sit", "25.0"]]


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_predict__a_broken_file_does_not_lose_the_others(run, recognizer, flags):
    result = run("predict", "RUN", "bad.mp4", "a.mp4", *flags)
    assert result.code == 2
    assert result.err == "error: bad.mp4 is empty; remove it\n"
    assert "a.mp4" in result.out
    if flags:
        sentence = "bad.mp4 is empty; remove it"
        assert json.loads(result.out)[0] == {"path": "bad.mp4", "error": sentence}


def test_predict__into_a_file_says_so(run, recognizer, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    result = run("predict", "RUN", "bad.mp4", "a.mp4", "--out", "t.csv")
    assert (result.code, result.out) == (2, "")
    last = "wrote t-00001-of-00002.csv: 2 videos now, 1 of them could not be read"
    assert result.err.splitlines() == ["error: bad.mp4 is empty; remove it", last]
    result = run("predict", "RUN", "b.mp4", "a.mp4", "--out", "t.csv", "--ray", "--json")
    assert result.err.startswith("wrote t.csv: 2 videos now")
    assert [each["path"] for each in json.loads(result.out)] == ["a.mp4", "b.mp4"]


def test_evaluate__of_several_classes_shows_precision_and_f1_by_class(run, api):
    found = Evaluation(
        protocol="1x1",
        classes=("eat", "run"),
        ids=("a", "b"),
        scores=np.array([[0.9, 0.8], [0.2, 0.7]], dtype=np.float32),
        labels=np.array([0, 1]),
        present=np.array([[True, True], [False, True]]),
        thresholds=(0.95, 0.5),
    )
    api.evaluate = lambda *_, **__: found
    table = rows_of(run("evaluate", "r", "--per-class").out)
    assert ["1x1", "100.0", "100.0", "50.0", "2", "0"] in table
    assert ["eat", "1", "100.0", "0.95", "0.0"] in table
    assert ["run", "2", "100.0", "0.50", "100.0"] in table


@pytest.mark.parametrize(
    ("names", "step"),
    [
        ([f"{c}{n}" for c in "ab" for n in range(5)], "train f --labels-per-class 5 --out RUN"),
        (["a0", "a1", "b0"], "train f --out RUN"),
        (["a0", "a1"], "all labels are 'a'; training needs at least two classes"),
    ],
)
def test_features__next_step_is_one_that_works(names, step):
    rows = [video(name, num_frames=9) for name in names]
    manifest = Manifest.from_videos(rows, root=Path())
    assert step in features_step(manifest, Path("f"))
