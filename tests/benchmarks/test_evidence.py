"""The evidence is what the program makes of the records, and each run is done once."""

import csv
import importlib
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from semivideo.analysis.comparison import Result
from semivideo.base.errors import ConfigError
from semivideo.evaluation import Evaluation

ROOT = Path(__file__).parents[2]
NUM_LISTS = 400


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


def test_evidence__without_records_says_of_each_table_that_it_was_not_run(evidence, tmp_path):
    said = list(evidence.document(tmp_path))
    assert said.count("Not run yet.") == len(evidence.PLAN) - 1 + len(evidence.ON_FEATURES)
    assert sum("not run yet |" in line for line in said) == len(evidence.CLAIMS)


def test_records__are_all_of_the_plan(evidence):
    plan = importlib.import_module("evidence_plan")
    known = {f"{folder}/{name}" for (folder, *_), name in plan.names().items()}
    on_features = importlib.import_module("on_features")
    for dataset, labels in evidence.ON_FEATURES:
        folder = on_features.folder_of(dataset, labels)
        known |= {f"{folder}/{name}" for name in on_features.all_methods()}
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


def line(*right):
    """Of runs of seed 0, 1, ... that are right on so many of the first hundred videos."""
    runs = []
    for seed, number in enumerate(right):
        scores = np.eye(2, dtype=np.float32)[(np.arange(100) >= number).astype(int)]
        ids = tuple(map(str, range(100)))
        tested = Evaluation("1x1", ("a", "b"), ids, scores, np.zeros(100, dtype=np.int64))
        settings = SimpleNamespace(engine=SimpleNamespace(seed=seed))
        runs.append(SimpleNamespace(settings=settings, evaluation=tested, groups={}))
    return SimpleNamespace(results=runs)


def test_compared__is_on_the_seeds_that_both_have(evidence):
    lines = {"worse": line(50, 50, 50), "two": line(50, 80, 80), "one": line(70)}
    pair = evidence.compared(lines, "two", "worse")
    assert pair.interval.value == pytest.approx(0.2)
    assert (pair.num_ahead, pair.table.shape) == (2, (3, 100))
    assert evidence.compared(lines, "one", "worse").table.shape == (1, 100)
    assert evidence.compared(lines, "other", "worse") is None


def test_in_words__says_how_many_draws_are_lacking(evidence):
    lines = {"worse": line(50, 50, 50), "all": line(60, 70, 80)}
    pair = evidence.compared(lines, "all", "worse")
    said = evidence.in_words(pair, evidence.Judged(0.0004, 0.03, "open"))
    assert said[3:] == ("3", "3", "< 0.001", "0.030", "open: 3 of 5 draws")
    five = evidence.compared({"a": line(*[60] * 5), "b": line(*[50] * 5)}, "a", "b")
    said = evidence.in_words(five, evidence.Judged(0.001, 0.04, "appears"))
    assert said[3:] == ("5", "5", "0.001", "0.040", "appears")
    nothing = evidence.in_words(None, evidence.Judged(math.nan, math.nan, "open"))
    assert set(nothing[:-1]) == {"-"}
    assert nothing[-1] == "not run yet"


def test_claims__are_of_variants_of_the_plan_and_none_comes_twice(evidence):
    for name, better, worse, _ in evidence.CLAIMS:
        assert {better, worse} <= set(evidence.PLAN[name].settings)
    runs = [
        (evidence.PLAN[n].place, *(evidence.run_name(evidence.PLAN[n], each) for each in pair))
        for n, *pair, _ in evidence.CLAIMS
    ]
    assert len(set(runs)) == len(runs)
    assert not any("videossl" in run for run in runs)  # not before its teacher runs


def without_difference(claims, rng, *, noisy=1.0, people=1.0):
    """A list of claims as runs would give it of methods that are all alike, five draws each.

    Draws, groups and both together move a method by 2 points each, groups by ``people`` times as
    much, and all of them LTG by ``noisy`` times as much.
    """
    accuracy, made = {}, []
    for claim in claims:
        G, tables = 4 if claim.place.startswith("utd") else 30, []
        for run in (claim.better, claim.worse):
            if (claim.place, run) not in accuracy:
                size = 0.02 * (noisy if run == "ltg" else 1.0)
                moved = rng.normal(size=(5, 1)) + people * rng.normal(size=(1, G))
                moved = size * (moved + rng.normal(size=(5, G)))
                chance = rng.normal(size=(5, G)) * np.sqrt(0.2 * G / 400)
                accuracy[claim.place, run] = moved + chance
            tables.append(accuracy[claim.place, run])
        made.append(replace(claim, table=tables[0] - tables[1]))
    return made


@pytest.mark.parametrize(("noisy", "people"), [(1.0, 1.0), (3.0, 1.0), (3.0, 3.0)])
def test_claims__that_are_all_untrue_get_a_verdict_in_at_most_five_percent_of_lists(
    evidence, noisy, people
):
    rng = np.random.default_rng(0)
    claims = evidence.claims_of([None] * len(evidence.CLAIMS))
    worlds = (without_difference(claims, rng, noisy=noisy, people=people) for _ in range(NUM_LISTS))
    lists = list(map(evidence.judge, worlds))
    wrong = sum(any(claim.verdict != "open" for claim in each) for each in lists)
    assert wrong / len(lists) <= 0.05


def test_names__tell_labels_apart_that_are_drawn_anew(evidence):
    part = evidence.PLAN["controls, jhmdb 10"]
    names = [evidence.run_name(part, name) for name in ("fixmatch", "fixmatch-one-a-group")]
    assert names == ["fixmatch", "controls-fixmatch-one-a-group"]


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
