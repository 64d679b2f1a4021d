"""Tables of predictions: what they hold, and how they grow."""

import csv
import json
from pathlib import Path

import pytest

from semivideo.base.errors import ConfigError, DataError, WriteError
from semivideo.evaluation import Failure, Prediction
from semivideo.evaluation.prediction_file import PredictionFile, predictions, video_files

FILES = [Path("a.mp4"), Path("b, c.mp4"), Path("bad.mp4"), Path("d.mp4")]
FOUND = [
    Prediction("a.mp4", ("run", "sit"), (0.1 + 0.2, 1e-9)),
    Prediction("b, c.mp4", ('say "hi"', "sit"), (0.75, 0.25)),
    Failure("bad.mp4", "bad.mp4 is empty, remove it"),
    Prediction("d.mp4", ("sit", "run"), (0.5, 0.5)),
]
ENDINGS = (".csv", ".json", ".jsonl")


def table(path, files=FILES, *, model="m", top=2):
    return PredictionFile(path, files, model=model, top=top)


def written(path, found, **options):
    with table(path, **options) as file:
        for each in found:
            file.add(each)
    return path.read_bytes()


def test_predictions__go_past_files_that_cannot_be_read():
    def predict(path):
        if path.name == "bad.mp4":
            raise DataError("it is empty")
        return Prediction(str(path), ("run",), (1.0,))

    found = list(predictions(predict, FILES[1:]))
    assert [type(each) for each in found] == [Prediction, Failure, Prediction]
    assert found[1] == Failure("bad.mp4", "it is empty")


def test_video_files__look_into_folders_and_name_a_file_once(tmp_path):
    for name in ("b/2.mp4", "b/1.avi", "a.mp4", "b/notes.txt", "b/.hidden.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    given = [tmp_path / "a.mp4", "gone.mp4", tmp_path, tmp_path / "b" / "1.avi"]
    found = video_files(given)
    names = ["a.mp4", "gone.mp4", "b/1.avi", "b/2.mp4"]
    assert found == [tmp_path / names[0], Path("gone.mp4"), *(tmp_path / n for n in names[2:])]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="is empty; videos end in mp4"):
        video_files([tmp_path / "empty"])


def test_video_files__a_folder_of_frames_is_one_video(tmp_path):
    for name in ("v1/1.jpg", "v1/2.jpg", "v2/1.jpg", "v2/2.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert video_files([tmp_path / "v2"]) == [tmp_path / "v2"]
    assert video_files([tmp_path]) == [tmp_path / "v1", tmp_path / "v2"]


def test_table__is_what_other_programs_read(tmp_path):
    written(tmp_path / "t.csv", FOUND)
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [str(path) for path in FILES]
    assert (rows[1]["class_1"], float(rows[0]["probability_1"])) == ('say "hi"', 0.1 + 0.2)
    assert (rows[2]["error"], rows[2]["class_1"]) == ("bad.mp4 is empty, remove it", "")
    lines = written(tmp_path / "t.jsonl", FOUND).splitlines()
    array = json.loads(written(tmp_path / "t.json", FOUND))
    assert [json.loads(line) for line in lines] == array
    assert array[2] == {"path": "bad.mp4", "model": "m", "error": "bad.mp4 is empty, remove it"}


@pytest.mark.parametrize("ending", ENDINGS)
def test_table__goes_on_where_it_stopped(tmp_path, ending):
    expected = written(tmp_path / f"whole{ending}", FOUND)
    path = tmp_path / f"part{ending}"
    written(path, [FOUND[3], FOUND[2], FOUND[0]])  # as from a cluster
    again = table(path)
    assert again.missing == [FILES[1], FILES[2]]  # and it tries again what failed
    assert written(path, FOUND[1:3]) == expected
    assert table(path).missing == [FILES[2]]


@pytest.mark.parametrize("ending", ENDINGS)
def test_table__takes_endings_in_any_letters(tmp_path, ending):
    small = written(tmp_path / f"p{ending}", FOUND)
    assert written(tmp_path / f"P{ending.upper()}", FOUND) == small


def test_table__keeps_what_is_not_asked_for_now(tmp_path):
    written(tmp_path / "t.jsonl", FOUND[3:])
    lines = written(tmp_path / "t.jsonl", FOUND[:1], files=FILES[:1]).splitlines()
    assert [json.loads(line)["path"] for line in lines] == ["d.mp4", "a.mp4"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_table__of_no_files_can_be_read(tmp_path, ending):
    written(tmp_path / f"t{ending}", [], files=[])
    assert table(tmp_path / f"t{ending}").missing == FILES


def test_table__is_saved_when_it_is_time_and_when_something_goes_wrong(tmp_path):
    path = tmp_path / "t.jsonl"
    lines = []

    def interrupted() -> None:
        with table(path) as file:
            for number, each in enumerate(FOUND[:3]):
                if number == 1:
                    file._next_save = 0.0
                file.add(each)
                lines.append(len(path.read_text().splitlines()))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert lines == [0, 2, 2]  # it is there from the start: it can be written
    assert len(path.read_text().splitlines()) == 3
    assert [each.name for each in tmp_path.iterdir()] == ["t.jsonl"]


def test_table__takes_names_that_are_not_utf8(tmp_path):
    name = b"\xe9.mp4".decode("utf-8", "surrogateescape")
    for ending in ENDINGS:
        path = tmp_path / f"t{ending}"
        written(path, [Prediction(name, ("run", "sit"), (0.5, 0.5))], files=[Path(name)])
        assert table(path, [Path(name)]).missing == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_table__refuses_another_model_or_number_of_classes(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    before = written(path, FOUND)
    with pytest.raises(ConfigError, match=r"holds predictions of model m, and this one is n; ch"):
        table(path, model="n")
    with pytest.raises(ConfigError, match=r"names 2 classes of each video, and 3 are asked for;"):
        table(path, top=3)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "path,label\na.mp4,run\n"),
        ("t.csv", "path,model,error,class_1,probability_1\na.mp4,m,,run\n"),
        ("t.json", '{"a": 1}'),
        ("t.jsonl", "{"),
        ("t.jsonl", '{"path": "a", "model": "m"}'),
    ],
)
def test_table__refuses_something_else(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=r"exists and is no table of predictions \(.*\); choose"):
        table(tmp_path / name)
    assert (tmp_path / name).read_text() == content


def test_table__refuses_other_endings_and_places(tmp_path):
    with pytest.raises(ConfigError, match=r"written to t.txt; allowed are names that end in .csv,"):
        table(tmp_path / "t.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match=r"cannot write .*t.csv"), table(tmp_path / "file/t.csv"):
        pass
