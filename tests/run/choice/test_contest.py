"""What is trained where nobody named anything: compared, chosen, resumed."""

import json
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

import semivideo
from semivideo.base.errors import ConfigError, DataError, Stopped
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.encoders.encoder import Encoder, Origin, Preprocessing
from semivideo.encoders.local_motion import codebook
from semivideo.evaluation import Evaluation
from semivideo.features.feature_cache import FeatureCache
from semivideo.run.choice import contest, pretrained, scratch
from semivideo.run.choice.budget import Clock, enough, seconds_of
from semivideo.run.choice.candidate import Candidate, Choice, Lead
from semivideo.run.choice.scratch import cannot_win
from semivideo.run.choice.stage import Stage

TINY = {
    "data.short_side": 32,
    "data.labeled_batch": 2,
    "data.unlabeled_batch": 3,
    "views.crop_size": 24,
    "evaluation.crop_size": 24,
    "evaluation.num_clips": 1,
    "engine.tensorboard": False,
}


class Grey(Encoder):
    """Mean of each channel in two halves: six numbers a frame."""

    name = "grey"
    dim = 6
    preprocessing = Preprocessing(16, 16, (0.5,) * 3, (0.25,) * 3)
    origin = Origin("nowhere", "ab" * 32, "nothing", "image weights", "none")

    def encode(self, clip_NCTHW):
        halves = clip_NCTHW.tensor_split(2, dim=4)
        return torch.cat([half.mean(dim=(3, 4)) for half in halves], dim=1).transpose(1, 2)


@pytest.fixture
def half(manifest):
    """Three labels a class, one in each scene, and no test videos."""
    return semivideo.split(manifest, labels_per_class=3, seed=1)


@pytest.fixture
def quick(monkeypatch):
    """Short trainings on a machine without pretrained weights, and without local motion."""
    monkeypatch.setattr(contest, "encoders_here", list)
    monkeypatch.setattr(contest, "learned_here", list)
    monkeypatch.setattr(scratch, "_STEPS", 4)
    monkeypatch.setattr(scratch, "_LEAST_STEPS", 1)


@pytest.fixture
def grey(monkeypatch, quick):
    """The same with one encoder."""
    monkeypatch.setattr(contest, "encoders_here", lambda: ["grey"])
    monkeypatch.setattr(pretrained, "load_encoder", lambda name: Grey())


@pytest.fixture
def motion(monkeypatch, grey):
    """The same with local motion, learned from few descriptors."""
    monkeypatch.setattr(contest, "learned_here", pretrained.learned_here)
    monkeypatch.setattr(codebook, "_LEARNED_FROM", 500)


def train(manifest, split, out, **options):
    return semivideo.train(manifest, split=split, settings=TINY, out=out, **options)


def test_train__without_weights_chooses_a_network_from_scratch(
    manifest, half, quick, tmp_path, caplog
):
    caplog.set_level(logging.INFO, "semivideo")
    run = train(manifest, half, tmp_path / "run", steps=3, budget="1h")
    assert run.choice.chosen == "small network from scratch"
    assert run.folder.settings().method.name == "cmpl"
    assert run.summary["steps"] == 3
    assert "`pip install 'semivideo[pretrained]'` adds an image network" in caplog.text
    assert repr(run.choice) == f"<Choice small network from scratch of 1: {run.choice.why}>"
    assert "chosen of 1: small network from scratch" in repr(run)
    assert not run.folder.choosing.exists()


def test_train__the_estimate_is_that_of_the_chosen_candidate(manifest, half, quick, tmp_path):
    run = train(manifest, half, tmp_path / "run", steps=3)
    winner = run.choice.winner
    assert run.estimate.top1 == winner.top1
    assert (run.estimate.fold_steps, run.estimate.run_steps) == (4, 3)
    assert set(winner.ids) <= set(half.labeled)


def test_train__compares_features_and_networks_from_scratch(manifest, half, grey, tmp_path):
    run = train(manifest, half, tmp_path / "run", steps=3)
    names = [each.name for each in run.choice.candidates]
    assert names == [f"grey + {head}" for head in pretrained.HEADS] + [scratch.NAME]
    assert run.choice.winner.top1 >= run.choice.candidates[-1].top1 - 0.5
    leagues = {each.name: each.league for each in run.choice.candidates}
    assert (leagues["grey + probe"], leagues[scratch.NAME]) == ("image weights", "scratch")


def test_train__compares_local_motion_alone_and_joined(
    manifest, half, motion, tmp_path, monkeypatch
):
    monkeypatch.setattr(contest, "ENOUGH", 100.0)
    run = train(manifest, half, tmp_path / "run", steps=3)
    leagues = {each.name: each.league for each in run.choice.candidates}
    tried = list(leagues)[len(pretrained.HEADS) + 1 :]
    assert tried == [
        f"{name} + {head}"
        for name in ("local_motion", "grey+local_motion")
        for head in pretrained.FEW_HEADS
    ]
    assert [leagues[name] for name in tried] == ["scratch"] * 2 + ["image weights"] * 2
    both = FeatureCache.open(run.folder.features / "grey+local_motion")
    assert [part.form.encoder for part in both.parts] == ["grey", "local_motion"]
    assert both.form.num_videos == len(half.labeled) + len(half.unlabeled)


def of_encoder(name, right, *, encoder):
    ids = tuple(f"v{n}" for n in range(len(right)))
    return Candidate(
        name, "scratch", "features-probe", encoder, ids=ids, right=tuple(right), groups=ids
    )


class Entrant:
    """Features whose candidates are known beforehand."""

    def __init__(self, encoder, **right_of):
        self.encoder, self.right_of = encoder, right_of

    def candidates(self):
        for head, right in self.right_of.items():
            yield of_encoder(f"{self.encoder} + {head}", right, encoder=self.encoder)


@pytest.mark.parametrize(
    ("wccn", "joined", "chosen"),
    [
        (50, 48, "a + probe"),  # two more by another head may be chance
        (50, 49, "b + probe"),  # one more by motion, which costs no more, is taken
        (80, 49, "a + wccn"),
        (80, 81, "b + probe"),
    ],
)
def test_choice__a_head_has_to_be_clearly_better_and_motion_better(
    manifest, half, quick, tmp_path, monkeypatch, wccn, joined, chosen
):
    def right(number):
        return [n < number for n in range(100)]

    (tmp_path / "run").mkdir()
    made = contest._Contest(stage_of(manifest, half, tmp_path / "run", budget=100.0))
    first = Entrant("a", probe=right(48), wccn=right(wccn))
    second = Entrant("b", probe=right(joined))
    monkeypatch.setattr(made, "_entrants", lambda: [first])
    monkeypatch.setattr(made, "_made_of_videos", lambda best: [second])
    best, why = made._with_motion(*made._best_on_features())
    assert best.name == chosen
    if chosen == "b + probe":
        assert "1.0 points on 100 left-out videos ahead of a + " in why
        assert why.endswith("at about the same cost")


@pytest.mark.parametrize(("motion", "is_taken"), [(52, False), (80, True)])
def test_choice__without_weights_motion_has_to_be_clearly_ahead_of_scratch(
    manifest, half, quick, tmp_path, monkeypatch, motion, is_taken
):
    (tmp_path / "run").mkdir()
    made = contest._Contest(stage_of(manifest, half, tmp_path / "run", budget=100.0))
    small = of_encoder(scratch.NAME, [n < 50 for n in range(100)], encoder=None)
    entrant = Entrant("local_motion", probe=[n < motion for n in range(100)])
    monkeypatch.setattr(made, "_made_of_videos", lambda best: [entrant])
    best, _ = made._with_motion(*made._with_scratch(None, "", small))
    assert (best.encoder == "local_motion") == is_taken
    late = replace(
        small, ids=(), right=(), groups=(), remark="left out: a short training takes 1 h"
    )
    best, why = made._with_motion(late, "")
    assert (best.encoder, why) == ("local_motion", "the only one that there was time to try")


def test_train__motion_is_not_tried_where_a_network_from_scratch_is_ahead(
    manifest, half, motion, tmp_path, monkeypatch
):
    monkeypatch.setattr(contest, "ENOUGH", -100.0)
    run = train(manifest, half, tmp_path / "run", steps=3)
    assert run.choice.chosen == scratch.NAME
    assert not any("motion" in each.name for each in run.choice.candidates)


def test_plan__features_to_be_joined_are_of_the_same_videos(
    manifest, half, grey, tmp_path, monkeypatch
):
    (tmp_path / "run").mkdir()
    stage = stage_of(manifest, half, tmp_path / "run", budget=100.0)
    monkeypatch.setattr(pretrained, "_seconds_of_video", lambda *_: 1.0)
    from semivideo.features.extract import Wanted, extract

    some = Manifest(manifest.table.slice(2, 5), root=manifest.root)
    cache = extract(some, tmp_path / "f", encoder=Grey(), wanted=Wanted(2, 3))
    beside = pretrained.OnFeatures(stage, cache.manifest, "grey")
    plan = pretrained._plan(stage, Grey(), beside)
    assert (plan["videos"], plan["views"]) == (list(some.ids), 2)
    monkeypatch.setattr(pretrained, "_seconds_of_video", lambda *_: 50.0)
    assert pretrained._plan(stage, Grey(), beside)["videos"] == []


def test_choice__on_features_trains_on_all_labels_and_keeps_them(
    manifest, split, grey, tmp_path, monkeypatch
):
    """One label a class: nothing can be compared, and the test videos have no features."""
    monkeypatch.setattr(pretrained, "_ALL", 2)
    run = train(manifest, split, tmp_path / "run")
    assert run.choice.chosen == "grey + probe"
    reason = "every class has 1 label, so none can be left out; label more"
    assert run.choice.why == f"the simplest, for nothing can be compared: {reason}"
    assert run.why_no_estimate == reason
    settings = run.folder.settings()
    assert (settings.method.name, settings.networks.primary.name) == ("probe", "linear")
    form = json.loads((run.folder.features / "grey" / "features.json").read_text())
    assert form["num_videos"] == len(split.labeled) + len(split.unlabeled) < len(manifest)
    assert form["num_views"] == 2
    assert run.folder.model.is_dir()


@pytest.mark.parametrize("has_pictures", [True, False])
def test_choice__of_one_label_a_class_is_that_of_a_rule(
    manifest, split, motion, tmp_path, monkeypatch, has_pictures
):
    if not has_pictures:
        monkeypatch.setattr(contest, "encoders_here", list)
    run = train(manifest, split, tmp_path / "run")
    name, words = {
        True: ("grey+local_motion", "with local motion pictures were level on films and far ahead"),
        False: ("local_motion", "local motion was far ahead of networks from scratch on films"),
    }[has_pictures]
    assert run.choice.chosen == f"{name} + probe"
    assert run.choice.why.startswith("by a rule, for nothing can be compared: every class has 1 ")
    assert words in run.choice.why
    assert scratch.NAME not in [each.name for each in run.choice.candidates]
    assert run.folder.settings().features.encoder == name


def test_choice__of_one_label_a_class_without_features_says_that_nothing_else_is_there(
    manifest, split, quick, tmp_path
):
    run = train(manifest, split, tmp_path / "run", steps=2)
    assert run.choice.chosen == scratch.NAME
    assert "no other candidate, and nothing can be compared: every class has 1" in run.choice.why


def test_choice__of_two_labels_a_class_compares_and_says_what_that_is_worth(
    manifest, half, grey, tmp_path
):
    """One in each of two of the three scenes."""
    first = {
        (label, scene): id
        for id, label, scene in zip(manifest.ids, manifest.labels, manifest.groups, strict=True)
    }
    labeled = tuple(id for (_, scene), id in sorted(first.items()) if scene != "g02")
    split = replace(half, labeled=labeled, unlabeled=tuple({*manifest.ids} - {*labeled}))
    run = train(manifest, split, tmp_path / "run", steps=3)
    assert set(run.choice.winner.ids) <= set(split.labeled)
    assert run.choice.winner.is_tested
    assert run.estimate.top1 == run.choice.winner.top1
    assert run.choice.notes[0] == (
        "class 'squat' has 2 labels: candidates are compared after learning from fewer still, so "
        "their estimates are low; 3 of each class are better"
    )


def test_stage__names_classes_of_which_no_label_can_be_left_out(manifest, tmp_path):
    by_class = {
        name: [id for id, label in zip(manifest.ids, manifest.labels, strict=True) if label == name]
        for name in manifest.classes
    }
    labeled = (*by_class["squat"][:1], *by_class["wave"][:4])
    (tmp_path / "run").mkdir()
    three = replace(manifest[0], id="t.mp4", path="t.mp4", label="turn", group="g9")
    videos = [*(manifest[row] for row in range(len(manifest))), three]
    more = Manifest.from_videos(
        [*videos, replace(three, id="u.mp4", path="u.mp4", group="g8")], root=manifest.root
    )
    split = Split("s", 0, (*labeled, "t.mp4", "u.mp4"), (), ())
    stage = stage_of(more, split, tmp_path / "run", budget=100.0)
    assert list(stage.notes_on_few())[1] == (
        "in no estimate, for none of their labels can be left out: squat"
    )


def test_choice__from_few_labels_a_network_from_scratch_has_to_be_clearly_ahead(
    manifest, tmp_path, monkeypatch
):
    (tmp_path / "run").mkdir()
    split = semivideo.split(manifest, labels_per_class=2, seed=1)
    made = contest._Contest(stage_of(manifest, split, tmp_path / "run", budget=100.0))
    probe = of_encoder("a + probe", [True, True, False, False], encoder="a")
    small = of_encoder(scratch.NAME, [True] * 4, encoder=None)
    assert Lead.of(small, probe).deviations > contest.ENOUGH
    assert made._with_scratch(probe, "", small)[0] is probe


def test_choice__that_was_stopped_goes_on_with_what_is_done(
    manifest, half, grey, tmp_path, monkeypatch
):
    test, calls = pretrained.OnFeatures._tested, []

    def stop_at_second(self, head, name):
        calls.append(head)
        if len(calls) == 2:
            raise Stopped(15)
        return test(self, head, name)

    monkeypatch.setattr(pretrained.OnFeatures, "_tested", stop_at_second)
    with pytest.raises(Stopped):
        train(manifest, half, tmp_path / "run", steps=3)
    with pytest.raises(semivideo.base.errors.CheckpointError, match="no trained network yet"):
        semivideo.evaluate(tmp_path / "run")
    monkeypatch.setattr(pretrained, "extract", None)  # not once more
    run = semivideo.train(resume=tmp_path / "run")
    assert calls == ["probe", "wccn", *pretrained.HEADS[1:]]
    assert run.choice.candidates[0].name == "grey + probe"


def test_train__on_features_compares_heads(manifest, half, grey, tmp_path):
    from semivideo.features.extract import Wanted, extract

    cache = extract(manifest, tmp_path / "f", encoder=Grey(), wanted=Wanted(2, 3))
    run = semivideo.train(cache.folder, split=half, out=tmp_path / "run")
    weak = [f"features-{head}" for head in pretrained.HEADS if head != "fixmatch"]
    assert [each.recipe for each in run.choice.candidates] == weak


def test_plan__takes_what_there_is_time_for(manifest, half, grey, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    stage = stage_of(manifest, half, tmp_path / "run", budget=100.0)

    def planned(rate):
        monkeypatch.setattr(pretrained, "_seconds_of_video", lambda *_: rate)
        plan = pretrained._plan(stage, Grey(), None)
        return len(plan["videos"]), plan["views"]

    assert planned(1.0) == (12, 6)
    assert planned(3.0) == (12, 2)
    assert planned(4.9) == (8, 2)  # six with a label, two without
    assert planned(50.0) == (0, 0)


def stage_of(manifest, split, folder, *, budget):
    from semivideo.run.resolve import Wanted
    from semivideo.runfolder import RunFolder

    run = RunFolder(folder)
    run.choosing.mkdir()
    return Stage(run, manifest, split, Wanted(settings=TINY), Clock(budget))


def test_final__is_the_method_that_there_is_time_for(manifest, half, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    seconds = {"cmpl": 1.0, "fixmatch": 0.5, "supervised": 0.1}

    def fitting(settings, *_, may_shrink):
        return scratch.Fitting(settings, seconds[settings.method.name])

    monkeypatch.setattr(scratch, "fitting", fitting)
    stage = stage_of(manifest, half, tmp_path / "run", budget=10000.0)
    found = []
    for budget in (10000.0, 1000.0, 500.0, 60.0, 1.0):
        stage.clock.budget = budget
        settings, notes = scratch.final_settings(stage)
        found.append((settings.method.name, settings.engine.steps // 100))
    assert found == [
        ("cmpl", 12),
        ("cmpl", 8),
        ("fixmatch", 8),
        ("supervised", 5),
        ("supervised", 0),
    ]
    words = "all 1200 steps of small-cmpl take about 23 min, for which a budget of 30m is enough"
    assert notes[0].endswith(words)


def test_train__a_budget_is_for_what_is_chosen(manifest, half, tmp_path):
    with pytest.raises(ConfigError, match="budget is for a training that is chosen, and this one"):
        train(manifest, half, tmp_path / "run", method="fixmatch", budget="1m")
    with pytest.raises(ConfigError, match="budget takes a duration such as 90s, 10m or 2h, got '"):
        train(manifest, half, tmp_path / "run", budget="10 minutes")
    assert not (tmp_path / "run").exists()


def test_train__named_networks_and_methods_are_no_choice(manifest, half, tmp_path):
    settings = TINY | {
        "networks.primary.options": {"width": 0.125},
        "networks.primary.num_frames": 2,
    }
    run = semivideo.train(
        manifest,
        split=half,
        settings=settings,
        steps=1,
        estimate=False,
        method="supervised",
        out=tmp_path / "run",
    )
    assert run.choice is None


def test_train__of_broken_videos_leaves_nothing(tmp_path):
    (tmp_path / "videos").mkdir()
    with pytest.raises(DataError):
        semivideo.train(tmp_path / "videos", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1.5 H", 5400), (".5m", 30)]
)
def test_budget__is_a_duration(text, seconds):
    assert seconds_of(text) == seconds
    assert seconds_of(enough(seconds)) >= seconds


@pytest.mark.parametrize("text", ["", "10", "0s", "-3m", "nan", "1e9h", "m"])
def test_budget__refuses_others(text):
    with pytest.raises(ConfigError, match="takes a duration such as 90s, 10m or 2h"):
        seconds_of(text)


def candidate(name, right, groups=None):
    ids = tuple(f"v{n}" for n in range(len(right)))
    right = tuple(bool(each) for each in right)
    return Candidate(name, "scratch", "r", ids=ids, right=right, groups=tuple(groups or ids))


def test_lead__by_hand():
    one = candidate("one", [1, 1, 1, 1, 0, 0, 1, 1], "aabbccdd")
    other = candidate("other", [0, 0, 0, 1, 1, 0, 1, 1], "aabbccdd")
    lead = Lead.of(one, other)
    assert (lead.won, lead.lost, lead.num_videos) == (3, 1, 8)
    assert lead.points == 2 / 8
    assert lead.error == pytest.approx(np.sqrt(2**2 + 1 + 1))
    assert lead.deviations == pytest.approx(2 / np.sqrt(5))
    assert not lead.is_clear


def test_lead__of_one_group_is_never_clear():
    lead = Lead.of(candidate("a", [1] * 20, "g" * 20), candidate("b", [0] * 20, "g" * 20))
    assert lead.deviations > 4
    assert not lead.is_clear
    assert Lead.of(candidate("a", [1] * 20), candidate("b", [0] * 20)).is_clear


def test_lead__of_no_common_video_is_nothing():
    other = Candidate("b", "scratch", "r", ids=("x",), right=(True,), groups=("x",))
    assert Lead.of(candidate("a", [1]), other).num_videos == 0


def test_cannot_win__looks_at_the_videos_that_both_named():
    scores = np.eye(2, dtype=np.float32)[[0, 1, 1, 1, 1]]
    now = Evaluation("1x1", ("a", "b"), tuple(f"v{n}" for n in range(5)), scores, np.zeros(5, int))
    best = candidate("best", [1, 1, 1, 0, 0])
    assert cannot_win(now, best, growth=2.9)
    assert not cannot_win(now, best, growth=3.0)
    assert not cannot_win(now, None, growth=0.0)


def test_scratch__is_given_up_only_when_it_has_had_steps_that_tell(
    manifest, half, grey, tmp_path, monkeypatch
):
    monkeypatch.setattr(scratch, "cannot_win", lambda *_, **__: True)
    whole = train(manifest, half, tmp_path / "whole", steps=3)
    monkeypatch.setattr(scratch, "_TELLING", 2)
    stopped = train(manifest, half, tmp_path / "stopped", steps=3)
    remarks = [run.choice.candidates[-1].remark for run in (whole, stopped)]
    assert remarks == ["", "stopped after 2 of 4 steps: it could not win any more"]


def test_scratch__without_time_for_steps_that_tell_says_which_budget_has_it(
    manifest, half, grey, tmp_path, monkeypatch
):
    monkeypatch.setattr(scratch, "_STEPS", 10**7)
    monkeypatch.setattr(scratch, "_LEAST_STEPS", 10**7)
    run = train(manifest, half, tmp_path / "run", steps=3)
    assert "; a budget of" in run.choice.candidates[-1].remark
    assert not run.choice.candidates[-1].is_tested


def test_choice__comes_back_from_its_file(tmp_path):
    from semivideo.runfolder import RunFolder

    tried = candidate("a", [1, 0]), Candidate("b", "video weights", "r", remark="left out")
    written = Choice(tried, "a", "because", ("note",), 600.0, 12.5)
    written.write(RunFolder(tmp_path))
    assert Choice.read(RunFolder(tmp_path)) == written
    assert Choice.read(RunFolder(tmp_path / "other")) is None


def test_choice__that_was_made_but_not_noted_is_made_again_alike(
    manifest, half, grey, tmp_path, monkeypatch
):
    def die(self):
        raise Stopped(15)

    with monkeypatch.context() as patched:
        patched.setattr(Stage, "end", die)
        with pytest.raises(Stopped):
            train(manifest, half, tmp_path / "run", steps=3)
    before = Choice.read(semivideo.run.finished.RunFolder(tmp_path / "run"))
    run = semivideo.train(resume=tmp_path / "run")
    assert run.choice.chosen == before.chosen
    assert run.choice.candidates == before.candidates
