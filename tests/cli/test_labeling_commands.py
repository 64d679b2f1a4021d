"""``suggest``, ``doubts`` and ``plan``: tables, files, and bad input in one sentence."""

import csv
import json

from semivideo.analysis.suggest.label_curve import Point
from semivideo.run.labeling.doubting import Doubt, Doubts
from semivideo.run.labeling.planning import planned
from semivideo.run.labeling.suggesting import Suggestion

SUGGESTION = Suggestion(
    "a.mp4", "/v/a.mp4", "wave", 0.41, "hop", "g1", "unsure", 0.8, {"unsure": 0.9, "new": 0.7}
)
DOUBTS = Doubts(
    [Doubt("label", "a.mp4", "/v/a.mp4", "wave", "hop", 0.02, 0.9, "contradicted")],
    num_checked=50,
    num_labels=52,
    wrong_share=0.08,
    notes=["2 videos are gone"],
)


def test_suggest__shows_and_writes_videos(run, api, tmp_path):
    asked = {}
    api.suggest = lambda folder, **given: asked.update(given) or [SUGGESTION]
    out = tmp_path / "next.csv"
    result = run("suggest", "r", "--count", 1, "--weight", "new=2", "--out", out)
    assert (result.code, asked["weights"], asked["count"]) == (0, {"new": 2.0}, 1)
    assert "41.0" in result.out
    [row] = csv.DictReader(out.read_text().splitlines())
    assert (row["id"], row["guess"], row["unsure"]) == ("a.mp4", "wave", "0.9")
    assert "semivideo review r" in result.err


def test_suggest__refuses_other_files_and_weights(run, api):
    result = run("suggest", "r", "--out", "next.xlsx")
    assert result.err == (
        "error: 'next.xlsx' must end in .csv or .json, which says how it is written\n"
    )
    api.suggest = None
    result = run("suggest", "r", "--weight", "new")
    assert result.err == (
        "error: --weight 'new' is not reason=number; write for example --weight unsure=2\n"
    )


def test_doubts__shows_and_writes_labels(run, api, tmp_path):
    api.doubts = lambda folder, **given: DOUBTS
    out = tmp_path / "doubts.json"
    result = run("doubts", "r", "--no-frames", "--out", out)
    assert result.code == 0
    assert "1 of 50 checked labels are doubted (of all of them about 8.0 % are wrong" in result.out
    assert "2 videos are gone" in result.err
    assert json.loads(out.read_text())[0]["likely"] == "hop"


def test_plan__shows_twice_and_four_times_the_labels(run, api, tmp_path):
    points = [Point(n, 0.4 + n / 200, 200) for n in (10, 20, 40)]
    made = planned(points, num_unlabeled=60, tested_on="200 test videos")
    api.plan = lambda runs, **given: made
    out = tmp_path / "plan.csv"
    result = run("plan", "r", "--out", out)
    assert result.code == 0
    assert "one more hour (60 labels)" in result.out
    assert "60 videos are without label: for more labels record more videos" in result.out
    assert [row["num_labels"] for row in csv.DictReader(out.read_text().splitlines())] == [
        "40",
        "80",
        "160",
        "100",
    ]


def test_out__is_never_written_over_something_else(run, api, tmp_path):
    """An earlier file of the command itself is replaced, of either kind, in any letters."""
    made = planned([Point(n, 0.4 + n / 200, 200) for n in (10, 40)], num_unlabeled=9, tested_on="x")
    api.suggest = lambda folder, **given: [SUGGESTION]
    api.doubts = lambda folder, **given: DOUBTS
    api.plan = lambda folder, **given: made
    for command in ("suggest", "doubts", "plan"):
        for name in ("a.csv", "b.json", "C.CSV"):
            out = tmp_path / command / name
            assert [run(command, "r", "--out", out).code for _ in range(2)] == [0, 0]
    api.suggest = api.doubts = api.plan = None  # whatever is refused is so before the work
    labels = tmp_path / "labels.csv"
    labels.write_text("path,label\na.mp4,wave\n")
    other = tmp_path / "plan" / "b.json"
    for command, what in (("suggest", "list of suggestions"), ("doubts", "list of doubts")):
        for file in (labels, other):
            assert run(command, "r", "--out", file).err == (
                f"error: {file} exists and is neither empty nor an earlier {what}; choose another "
                "--out, or move it away\n"
            )
    assert "nor an earlier plan; choose" in run("plan", "r", "--out", labels).err
    assert labels.read_text() == "path,label\na.mp4,wave\n"
