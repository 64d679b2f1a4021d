import pytest

from semivideo.analysis.figures.correct_labels import correct_labels
from semivideo.base.errors import ConfigError


def test_correct_labels__counts_used_and_right_of_all(finished_run, csv_rows, tmp_path):
    # Video v is of class v mod 4; videos 0 to 3 are labelled and do not count. 40 steps, 40 parts.
    rows = [
        (0, "primary", 0, 0, True),  # labelled
        (0, "primary", 4, 0, True),  # right
        (0, "primary", 5, 1, False),  # right, not used
        (0, "primary", 6, 1, True),  # wrong
        (0, "primary", 7, 3, True),  # right
        (0, "auxiliary", 8, 0, True),  # right
        (39, "primary", 8, 1, True),  # wrong
        (39, "auxiliary", 8, 0, True),  # right
    ]
    run = finished_run("cmpl", "a", labels=rows)
    files = correct_labels([run], out=tmp_path / "c.png")
    assert [file.suffix for file in files] == [".png", ".svg", ".csv"]
    found = {(r["network"], float(r["step"])): r for r in csv_rows(files[0])}
    shares = {key: float(row["correct"]) for key, row in found.items()}
    assert shares == {
        ("primary", 0.5): 0.5,
        ("primary", 39.5): 0.0,
        ("auxiliary", 0.5): 1.0,
        ("auxiliary", 39.5): 1.0,
    }
    assert float(found["primary", 0.5]["kept"]) == 0.75
    assert {row["method"] for row in found.values()} == {"cmpl"}


def test_correct_labels__need_somebody_who_knows(finished_run, tmp_path):
    run = finished_run("fixmatch", "a", labels=[(0, "primary", 1, 1, True)])  # labelled only
    with pytest.raises(ConfigError, match="nobody knows the class of any unlabelled video"):
        correct_labels([run], out=tmp_path / "c.png")
