"""Small networks from scratch as candidates: a short supervised training says what they can.

Supervised training costs a fifth of CMPL and sees none of the unlabelled clips, so on the first
fold it tells what a network from scratch reaches at least. It ends early where it cannot win.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from semivideo.base.progress import duration, prefixed
from semivideo.data.clips.store import filled_store
from semivideo.data.splits import Split
from semivideo.engine.runtime import Runtime
from semivideo.evaluation import Evaluation
from semivideo.run.choice.budget import enough
from semivideo.run.choice.candidate import Candidate, Lead
from semivideo.run.choice.choosing import Fitting, fitting
from semivideo.run.choice.cross_validation import scored_fold
from semivideo.run.choice.default import candidates
from semivideo.run.choice.stage import Stage
from semivideo.run.fitting import Job, Look
from semivideo.run.resolve import number_of_steps
from semivideo.runfolder import RunFolder
from semivideo.settings import Settings

NAME = "small network from scratch"
_SHARE = 0.3
"""Of the time left that the short training may take."""
_STEPS, _LEAST_STEPS = 300, 200
_LOOKS = 4
_TELLING = 150
"""Steps before which a network from scratch knows nothing yet, however it ends: of labels of
UTD-MHAD 3 % are right after 100 of 300 steps, 22 % after 150 and 41 % at the end (docs/log.md)."""
_GROWTH = {2: 2.5, 3: 1.5}
"""Whether it can still win is looked at after two and three quarters of the steps, if these are
enough to tell: at most so many times the accuracy is expected at the end."""
_READING = 1.15
"""A step with reading takes so many times what it takes without."""


ENOUGH = 1.0
"""Deviations by which a short training has to be ahead; few, for it shows the least it can."""


class _BeatenError(Exception):
    """A training that cannot win any more is stopped."""


@dataclass(frozen=True)
class Scratch:
    """Small networks from scratch.

    Attributes:
        stage: Where they compete.
    """

    stage: Stage

    def candidate(self, best: Candidate | None) -> Candidate:
        """Train for a short time without the labels of the first fold, and name these.

        Args:
            best: What there is to beat, if anything.
        """
        return self.stage.candidate("scratch", lambda: self._tested(best))

    def _tested(self, best: Candidate | None) -> Candidate:
        """Train on one fold after the other until it is clear which of the two is better."""
        stage = self.stage
        found = Candidate(NAME, "scratch", recipe="small-supervised")
        if not stage.folds:
            return replace(found, remark="not tested")
        folds = sorted(stage.folds, key=lambda each: -len(each.test))
        settings = stage.wanted.resolved("small-supervised", method="supervised")
        fits = fitting(settings, stage.manifest, folds[0], may_shrink=True)
        assert fits is not None  # it may shrink
        steps = min(_STEPS, int(_SHARE * stage.clock.left / (_READING * fits.seconds)))
        if steps < _LEAST_STEPS:
            takes = _STEPS * fits.seconds * _READING
            budget = enough(stage.clock.spent + takes / _SHARE)
            remark = f"left out: a short training takes {duration(takes)}; "
            remark += f"a budget of {budget} has time for it"
            return replace(found, remark=remark)
        settings = fits.settings.updated({"engine.steps": steps})
        scores: list[Evaluation] = []
        for fold in folds:
            before = stage.clock.spent
            score, remark = self._trained(settings, fold, best)
            scores.append(score)
            found = replace(
                found.with_scores(scores, stage.manifest), fold_steps=steps, remark=remark
            )
            is_late = stage.clock.spent - before > _SHARE * stage.clock.left
            if remark or best is None or is_late or is_settled(found, best):
                break
        return found

    def _trained(
        self, settings: Settings, fold: Split, best: Candidate | None
    ) -> tuple[Evaluation, str]:
        """Train on a fold until the end, or until it cannot win, and say so then."""
        stage, steps = self.stage, int(settings.engine.steps or _STEPS)
        rows = sorted(stage.manifest.rows_of([*fold.labeled, *fold.test]).tolist())
        store = filled_store(stage.manifest, rows, settings=settings.data, progress=stage.progress)
        runtime = Runtime(precision=settings.engine.precision)
        job = Job(settings, stage.manifest, fold, runtime, store)
        every = max(1, steps // _LOOKS)
        looks: list[Evaluation] = []

        def look(quick: Evaluation) -> None:
            looks.append(quick)
            growth = _GROWTH.get(len(looks))
            if growth is None or len(looks) * every < _TELLING:
                return
            if cannot_win(quick, best, growth=growth):
                raise _BeatenError

        with tempfile.TemporaryDirectory(dir=stage.run.choosing) as folder:
            try:
                score = scored_fold(
                    job,
                    RunFolder(folder),
                    num_steps=steps,
                    progress=prefixed(stage.progress, NAME),
                    look=Look(every, look),
                )
            except _BeatenError:
                done = len(looks) * every
                remark = f"stopped after {done} of {steps} steps: it could not win any more"
                return looks[-1], remark
        return score, ""


def is_settled(one: Candidate, other: Candidate) -> bool:
    """Whether it is clear enough which of two is better."""
    return abs(Lead.of(one, other).deviations) > ENOUGH


def cannot_win(now: Evaluation, best: Candidate | None, *, growth: float) -> bool:
    """Whether a training is so far behind that it cannot catch up.

    Args:
        now: What it names rightly now.
        best: What there is to beat.
        growth: How many times as much it may name rightly at the end.
    """
    if best is None or not best.is_tested:
        return False
    theirs = dict(zip(best.ids, best.right, strict=True))
    shared = [theirs[id] for id in now.ids if id in theirs]
    if not shared:
        return False
    return growth * now.top1 < sum(shared) / len(shared) - 1e-9


def final_settings(stage: Stage) -> tuple[Settings, list[str]]:
    """Choose the method and the steps that the rest of the budget allows.

    CMPL has given most from scratch (EVIDENCE.md), then FixMatch; but half of a recipe's steps is
    the least with which a method is worth its cost.

    Args:
        stage: The budget.

    Returns:
        Settings, and what else there is to say.
    """
    best: _Plan | None = None
    for method, recipe, is_last in _ways(stage):
        settings = stage.wanted.resolved(recipe, method=method)
        may_shrink = recipe is not None
        found = fitting(settings, stage.manifest, stage.split, may_shrink=may_shrink)
        if found is None:
            continue
        plan = _Plan.of(found, recipe, stage)
        if recipe is None and plan.steps < plan.whole:
            continue  # the published size is trained to its end or not at all
        best = best or plan
        if 2 * plan.steps >= plan.whole or is_last:
            return plan.settings, plan.notes(best, stage)
    raise AssertionError("the last way is taken whatever it costs")


def _ways(stage: Stage) -> Iterator[tuple[str, str | None, bool]]:
    """Method, recipe, and whether there is no other one; the best first."""
    has_unlabeled = bool(stage.split.unlabeled)
    methods = ("cmpl", "fixmatch", "supervised") if has_unlabeled else ("supervised",)
    for method in methods:
        recipes = candidates(
            method, has_unlabeled=has_unlabeled, has_gpu=torch.accelerator.is_available()
        )
        for recipe in recipes:
            yield method, recipe, method == methods[-1] and recipe is recipes[-1]


@dataclass(frozen=True)
class _Plan:
    """How a training from scratch would go.

    Attributes:
        settings: With the steps that there is time for.
        recipe: What it starts from; None for the published size.
        steps: Those that there is time for, at most ``whole``.
        whole: Steps of the recipe.
        seconds: Of a step.
    """

    settings: Settings
    recipe: str | None
    steps: int
    whole: int
    seconds: float

    @classmethod
    def of(cls, found: Fitting, recipe: str | None, stage: Stage) -> _Plan:
        """Fill the time that is left; steps that the user named stay as they are."""
        split = stage.split
        whole = number_of_steps(
            found.settings, num_labeled=len(split.labeled), num_unlabeled=len(split.unlabeled)
        )
        seconds = 1.0 if math.isnan(found.seconds) else found.seconds * _READING
        steps = max(1, min(whole, int(stage.clock.left / seconds)))
        if stage.wanted.steps is not None:
            steps = whole
        return cls(found.settings.updated({"engine.steps": steps}), recipe, steps, whole, seconds)

    def notes(self, best: _Plan, stage: Stage) -> list[str]:
        """What there is time for, and what the best recipe would take."""
        whole = best.whole * best.seconds
        words = f"{self.steps} steps of {self.recipe or 'the published settings'}"
        if self.recipe == best.recipe and self.steps == self.whole:
            return [f"{words} take about {duration(whole)}"]
        budget = enough(whole + stage.clock.spent)
        return [
            f"the budget has time for {words}; all {best.whole} steps of {best.recipe} take about "
            f"{duration(whole)}, for which a budget of {budget} is enough"
        ]
