"""The evidence is what the program makes of the records, and each run is done once."""

import csv
import importlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from semivideo.analysis.comparison import Result
from semivideo.base.errors import ConfigError
from semivideo.evaluation import Evaluation

ROOT = Path(__file__).parents[2]


@pytest.fixture
def evidence(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("evidence")


@pytest.fixture
def kept(evidence):
    """A record of the project, and its path."""
    path = evidence.record_of(evidence.PLAN["4 labels"], "supervised", 0, evidence.RECORDS)
    return Result.read(path), path


def test_evidence__is_what_the_records_give(evidence):
    assert "\n".join(evidence.document(evidence.RECORDS)) == (ROOT / "EVIDENCE.md").read_text()


def test_records__are_all_of_the_plan(evidence):
    known = {f"{folder}/{name}" for (folder, _), name in evidence.names().items()}
    found = [path.relative_to(evidence.RECORDS) for path in evidence.RECORDS.rglob("*.gz")]
    assert found
    for path in found:
        name, _, seed = path.name.removesuffix(evidence.ENDING).rpartition("-")
        assert (f"{path.parent}/{name}" in known, int(seed) < evidence.NUM_SEEDS) == (True, True)


def test_records__were_trained_with_the_settings_of_the_plan(evidence):
    for part in evidence.PLAN.values():
        for variant, settings in part.settings.items():
            path = evidence.record_of(part, variant, 0, evidence.RECORDS)
            if path.is_file():
                assert evidence.identity(Result.read(path).settings) == evidence.identity(settings)


def test_record_of__is_one_for_equal_settings_of_several_parts(evidence, tmp_path):
    plan = evidence.PLAN
    run = evidence.record_of(plan["4 labels"], "cmpl", 2, tmp_path)
    assert run == tmp_path / "utd-mhad-4-labels" / f"cmpl-2{evidence.ENDING}"
    assert evidence.record_of(plan["schemes"], "scheme-cross", 2, tmp_path) == run
    assert evidence.record_of(plan["parts of cmpl"], "frame-rate", 2, tmp_path) == run
    assert evidence.record_of(plan["parts of cmpl"], "auxiliary", 2, tmp_path) != run
    assert evidence.record_of(plan["1 label"], "cmpl", 2, tmp_path) != run


def test_verdict__wants_the_interval_and_every_draw(evidence):
    def line(*right):
        """Of runs of seed 0, 1, ... that are right on so many of the first (-: last) videos."""
        runs = []
        for seed, number in enumerate(right):
            is_right = np.arange(100) < number if number > 0 else np.arange(100) >= 100 + number
            scores = np.eye(2, dtype=np.float32)[(~is_right).astype(int)]
            ids = tuple(map(str, range(100)))
            tested = Evaluation("1x1", ("a", "b"), ids, scores, np.zeros(100, dtype=np.int64))
            settings = SimpleNamespace(engine=SimpleNamespace(seed=seed))
            runs.append(SimpleNamespace(settings=settings, evaluation=tested, groups={}))
        return SimpleNamespace(results=runs)

    def said(better, worse, **more):
        return evidence.verdict(lines | more, better, worse)

    lines = {"worse": line(50, 50, 50), "all": line(60, 70, 80), "two": line(50, 80, 80)}
    assert said("all", "worse")[3:] == ("3", "3", "appears")
    assert said("worse", "all")[3:] == ("0", "3", "reversed")
    assert said("two", "worse")[0] == "+20.0"
    assert said("two", "worse")[3:] == ("2", "3", "open")
    assert said("worse", "two")[3:] == ("0", "3", "open")
    assert said("one", "worse", one=line(70))[3:] == ("1", "1", "appears so far")
    assert said("other", "worse") == ("-", "-", "-", "-", "-", "not run yet")
    # Ahead with each draw, but so little with the least that other draws could turn it.
    narrow = said("narrow", "worse", narrow=line(-51, 75, 75))
    assert narrow[3:] == ("3", "3", "open")
    assert float(narrow[1]) <= 0


def test_groups_of__are_people_and_sources(evidence):
    groups = evidence.accuracy.DATASETS["utd-mhad"].groups_of(["wave/s2_t1.mp4", "x/other.mp4"])
    assert groups == {"wave/s2_t1.mp4": "s2", "x/other.mp4": None}
    clips = ROOT.parent / "shared" / "data" / "jhmdb" / "clips.csv"
    if not clips.is_file():
        pytest.skip("needs ../shared/data/jhmdb/clips.csv")
    with clips.open(newline="") as file:
        source = {row["path"]: row["source"] for row in csv.DictReader(file)}
    assert evidence.accuracy.DATASETS["jhmdb"].groups_of(source) == source


def test_keep__refuses_a_run_with_other_settings(evidence, kept, tmp_path):
    result, path = kept
    evidence.keep(result, tmp_path / path.name, result.settings)
    kept_again = Result.read(tmp_path / path.name)
    assert (kept_again.settings, kept_again.split) == (result.settings, result.split)
    assert kept_again.evaluation.top1 == result.evaluation.top1
    other = replace(result, settings=result.settings.updated({"engine.steps": 7}))
    with pytest.raises(ConfigError, match="supervised-0 was trained with settings that are not"):
        evidence.keep(other, tmp_path / path.name, result.settings)


def test_do__trains_what_has_no_record_on_this_split(evidence, kept, monkeypatch, tmp_path):
    result, path = kept
    part = evidence.Part("utd-mhad", 4, ("supervised",))
    splits = [result.split, replace(result.split, seed=1), replace(result.split, seed=2)]
    dataset = type("Fake", (), {"splits": lambda *_, **__: ("videos", splits), "settings": {}})()
    monkeypatch.setitem(evidence.accuracy.DATASETS, "utd-mhad", dataset)
    asked = []

    def sweep(cells, manifest, *, out, progress):
        asked.append((cells[0].name, cells[0].seed, manifest, out))
        return [path] if cells[0].seed == 2 else []  # another process is at 1

    monkeypatch.setattr(evidence, "sweep", sweep)
    evidence.keep(result, evidence.record_of(part, "supervised", 0, tmp_path), result.settings)
    evidence.do(part, Path("runs"), tmp_path, progress=None)
    assert asked == [(f"supervised-{seed}", seed, "videos", Path("runs")) for seed in (1, 2)]
    written = [evidence.record_of(part, "supervised", s, tmp_path).is_file() for s in range(3)]
    assert written == [True, False, True]
