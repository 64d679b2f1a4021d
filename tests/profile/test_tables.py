import json
from dataclasses import replace

import pytest

from semivideo.profile.tables import as_json, as_markdown, headline, sheets


def cells(report, title):
    return next(list(sheet.rows) for sheet in sheets(report) if sheet.title.startswith(title))


def test_sheets__figures_follow_from_the_report(report):
    assert cells(report, "Reading") == [["files", "200", "5", "80%", "0%", "20%", "200"]]
    assert cells(report, "The same frames") == [
        ["other", "6", "4", "1.50 x", "1 of 21"],
        ["third", "not installed", "", "", ""],
    ]
    balance = dict(cells(report, "Balance"))
    assert balance["a step alone"] == "100 clips/s"
    assert balance["loader processes needed, there are"] == "1, 2"
    assert balance["that is"] == "200 GFLOP/s, 50% of a matrix product's"
    assert balance["evaluation 3x1"] == "200 ms a video, 50 videos in 10 s"


def test_sheets__parts_of_a_step_stand_in_its_order(report):
    rows = cells(report, "A step")
    assert [row[0] for row in rows] == ["weak view, primary", "backward", "bookkeeping", "all"]
    assert [row[2] for row in rows] == ["10%", "60%", "30%", ""]


def test_sheets__say_where_a_step_is_shorter_than_its_parts(report):
    # On a GPU the parts are waited for, the whole is not.
    rows = cells(replace(report, step=replace(report.step, seconds=0.08)), "A step")
    assert rows[-1] == ["all, without stops between parts", "80", ""]


def test_sheets__tables_without_rows_are_left_out(report):
    titles = {sheet.title for sheet in sheets(replace(report, variants=(), rivals=()))}
    assert not any(title.startswith(("Precision", "The same")) for title in titles)


def test_headline__leaves_out_what_the_method_does_not_use(report):
    assert "4 labelled + 6 unlabelled clips" in headline(report)[1]
    step = replace(report.step, num_unlabeled=0)
    lines = headline(replace(report, step=step))
    assert "a step: 4 labelled clips" in lines[1]
    assert lines[2] == "videos: 20 labelled, 50 held out"


def test_as_json__holds_figures_and_what_follows_from_them(report):
    content = json.loads(as_json(replace(report, advice=["Do this."])))
    assert content["reading"][0]["clips_per_second"] == pytest.approx(200)
    assert content["rivals"][1]["seconds"] is None  # NaN is not JSON
    assert content["balance"]["workers_needed"] == 1
    assert content["balance"]["run_seconds"] == pytest.approx(100)
    assert content["advice"] == ["Do this."]


def test_as_markdown__every_line_of_a_table_has_its_columns(report):
    text = as_markdown(replace(report, advice=["Do this."]))
    assert "| files | 200 | 5 | 80% | 0% | 20% | 200 |" in text
    assert text.endswith("## Advice\n\n* Do this.\n")
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1
