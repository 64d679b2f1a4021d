"""What is trained where nobody named a recipe or a method: candidates compared on left-out labels.

    features of pretrained networks x heads      seconds each, once the features are there
    a small network from scratch                 a short supervised training on one fold
    local motion, alone and joined with the best of these, x two heads

Test videos take no part. Of two heads, and of two pretrained networks, the simpler one is taken
unless the other one is better by more than chance. A network from scratch is taken where its short
training, which has seen no unlabelled video, is ahead on the same videos: it has more to gain from
the steps and the unlabelled videos that it gets then. Else local motion is tried, and taken where
its estimate is the better one: it costs no more, and with a hundred labels chance hides differences
that matter (docs/choosing.md). Where there is nothing but a network from scratch, it has to be
better by more than chance. It has to be so, too, where a class has fewer than three labels; where
no class has two, nothing can be compared, and a rule decides.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

from semivideo.base.errors import Sentence
from semivideo.base.progress import Progress, duration
from semivideo.data.catalogue.manifest import Manifest
from semivideo.run.choice.candidate import Candidate, Choice, Lead
from semivideo.run.choice.cross_validation import Estimate
from semivideo.run.choice.pretrained import (
    OnFeatures,
    encoders_here,
    features_of,
    joined_of,
    learned_here,
    note_on_missing,
)
from semivideo.run.choice.scratch import ENOUGH, NAME, Scratch, final_settings
from semivideo.run.choice.stage import Stage
from semivideo.runfolder import RunFolder
from semivideo.settings import Settings

_LOG = logging.getLogger("semivideo")
_SIMPLEST = "the simplest"


def choose(run: RunFolder, *, progress: Progress | None = None) -> None:
    """Choose the settings of a run, and write them, the choice and its estimate into its folder.

    It can be stopped and called again.

    Args:
        run: Its choice is open.
        progress: As for ``train``.

    Raises:
        SemiVideoError: As for ``train``.
    """
    stage = Stage.of(run, progress=progress)
    found = _Contest(stage)
    choice, settings, manifest = found.decided()
    choice.write(run)
    estimate = _estimate(stage, choice.winner, settings)
    if estimate is not None:
        run.write_json(run.estimate_file, estimate)
    manifest.write(run.manifest_file)
    run.write_text(run.settings_file, settings.to_yaml())
    stage.end()


class _Contest:
    """The candidates of a run."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.candidates: list[Candidate] = []
        self.on_features: dict[str, OnFeatures] = {}
        self.notes: list[str] = []

    def decided(self) -> tuple[Choice, Settings, Manifest]:
        """Compare, and return the choice with the settings and videos of the run."""
        stage = self.stage
        best, why = self._best_on_features()
        self.notes += stage.notes_on_few()
        if stage.manifest.features is None and not stage.folds:
            best, why = self._by_rule(best)
        elif stage.manifest.features is None:
            small = Scratch(stage).candidate(best)
            self._add(small)
            best, why = self._with_scratch(best, why, small)
            if best is not small or not self.on_features:
                best, why = self._with_motion(best, why)
        assert best is not None  # one of the two kinds is always there
        manifest = stage.manifest
        if best.encoder is None:
            settings, notes = final_settings(stage)
            self.notes += notes
            why += f"; it is trained with {settings.method.name}"
        else:
            chosen = self.on_features[best.encoder]
            settings = chosen.settings(best.recipe.removeprefix("features-"))
            manifest = chosen.manifest
        spent = round(stage.clock.spent, 1)
        choice = Choice(
            candidates=tuple(self.candidates),
            chosen=best.name,
            why=why,
            notes=tuple(self.notes),
            budget=stage.clock.budget,
            seconds=spent,
        )
        for sentence in self.notes:
            _LOG.info("%s", Sentence(sentence))
        return choice, settings, manifest

    def _add(self, candidate: Candidate) -> None:
        """Take it into the table, and say what it came to."""
        self.candidates.append(candidate)
        words = [f"{candidate.name}:"]
        if candidate.is_tested:
            low, high = candidate.interval
            words.append(f"{100 * candidate.top1:.1f} % of {len(candidate.ids)} left-out videos,")
            words.append(f"95 % interval {100 * low:.1f} to {100 * high:.1f};")
        words += filter(None, [candidate.remark and f"{candidate.remark};"])
        _LOG.info("%s %s", " ".join(words), duration(candidate.seconds))

    def _entrants(self) -> Iterator[OnFeatures]:
        """Encoders whose features are there."""
        stage = self.stage
        if stage.manifest.features is not None:
            made = OnFeatures(stage, stage.manifest, "features")
            yield OnFeatures(stage, stage.manifest, made.cache.form.encoder)
            return
        names = encoders_here()
        if not names:
            self.notes.append(note_on_missing())
        for name in names:
            found = features_of(stage, name)
            if isinstance(found, Candidate):
                self._add(found)
            else:
                yield found

    def _best_on_features(self) -> tuple[Candidate | None, str]:
        """The best candidate on features, and why."""
        best, why = None, ""
        for entrant in self._entrants():
            best, why = self._with_clearly_better(entrant, best, why)
        if best is not None and len(self.candidates) > 1 and best is self.candidates[0]:
            why = f"{why}; no other way to learn from features is ahead by more than chance"
        return best, why

    def _with_clearly_better(
        self, entrant: OnFeatures, best: Candidate | None, why: str
    ) -> tuple[Candidate | None, str]:
        """The best one, and why, now that the heads of an encoder were tried as well."""
        self.on_features[entrant.encoder] = entrant
        for candidate in entrant.candidates():
            self._add(candidate)
            if best is None:
                best, why = candidate, self._first(candidate)
                continue
            lead = Lead.of(candidate, best)
            if lead.is_clear:
                why = f"{_points(lead)} ahead of {best.name}, more than chance"
                best = candidate
        return best, why

    def _with_motion(self, best: Candidate, why: str) -> tuple[Candidate, str]:
        """The best one, and why, now that local motion was tried as well."""
        is_small = best.encoder is None
        for entrant in self._made_of_videos(best):
            theirs, _ = self._with_clearly_better(entrant, None, "")
            assert theirs is not None  # a probe is always tried
            lead = Lead.of(theirs, best)
            is_alone = is_small and best.remark.startswith("left out") and theirs.is_tested
            if is_alone:
                best, why, is_small = theirs, "the only one that there was time to try", False
            elif lead.is_clear or (lead.won > lead.lost and not is_small):
                chance = "more than chance" if lead.is_clear else "at about the same cost"
                best, why = theirs, f"{_points(lead)} ahead of {best.name}, {chance}"
                is_small = False
        return best, why

    def _by_rule(self, best: Candidate | None) -> tuple[Candidate, str]:
        """What is taken where nothing can be compared, and why: docs/choosing.md has the figures.

        Local motion, joined with pictures where there is a network that has seen some.
        """
        # Most of those figures are of test clips, UTD-MHAD's and J-HMDB's: no test of this rule.
        pictures = best
        for entrant in self._made_of_videos(best):
            self.on_features[entrant.encoder] = entrant
            best = next(entrant.candidates())
            self._add(best)
        because = f"nothing can be compared: {self.stage.why_no_folds}"
        if best is None:
            small = Scratch(self.stage).candidate(None)
            self._add(small)
            return small, f"there is no other candidate, and {because}"
        if best is pictures:
            return best, f"{_SIMPLEST}, for {because}"
        if pictures is None:
            which = "local motion was far ahead of networks from scratch on films, less behind on"
            which += " motion alone"
        else:
            which = "with local motion pictures were level on films and far ahead on motion alone"
        return best, f"by a rule, for {because}; where it was measured with few labels, {which}"

    def _made_of_videos(self, best: Candidate | None) -> Iterator[OnFeatures]:
        """Encoders that the videos make, alone and joined with the best one until now."""
        beside = None if best is None or best.encoder is None else self.on_features[best.encoder]
        for name in learned_here():
            found = features_of(self.stage, name, beside=beside)
            if isinstance(found, Candidate):
                self._add(found)
                continue
            yield found
            if beside is not None:
                yield joined_of(beside, found)

    def _first(self, candidate: Candidate) -> str:
        """Why the first candidate is taken if nothing else is."""
        if candidate.is_tested:
            return _SIMPLEST
        return f"{_SIMPLEST}, for nothing can be compared: {self.stage.why_no_folds}"

    def _with_scratch(
        self, best: Candidate | None, why: str, small: Candidate
    ) -> tuple[Candidate, str]:
        """The best one, and why, now that a network from scratch was tried as well."""
        if best is None:
            return small, "there is no other candidate"
        lead = Lead.of(small, best)
        if not lead.num_videos:
            return best, why
        is_stopped = small.remark.startswith("stopped")
        is_ahead = lead.is_clear if self.stage.is_scarce else lead.deviations > ENOUGH
        if is_ahead and not is_stopped:
            more = "steps and the unlabelled videos" if self.stage.split.unlabeled else "steps"
            return small, (
                f"{_points(lead)} ahead of {best.name} by a short training, which is to gain more "
                f"from the other {more}"
            )
        ahead = _points(Lead.of(best, small))
        return best, f"{ahead} ahead of the {NAME}" + (f"; {why}" if why != _SIMPLEST else "")


def _points(lead: Lead) -> str:
    """Such as "3.1 points (31 videos)"."""
    return f"{100 * lead.points:.1f} points on {lead.num_videos} left-out videos"


def _estimate(stage: Stage, winner: Candidate, settings: Settings) -> dict[str, object] | None:
    """The chosen candidate's own estimate, as a run has it."""
    if not settings.engine.estimate:
        return None
    if not winner.is_tested:
        return {"none_because": stage.why_no_folds or "the chosen candidate was not tested"}
    manifest, split = stage.manifest, stage.split
    counts = Counter(manifest.labels[row] for row in manifest.rows_of(split.labeled).tolist())
    return Estimate(
        classes=tuple(manifest.classes),
        confusion=winner.confusion,
        num_groups=len(set(winner.groups)),
        effect=winner.effect,
        labels={str(name): counts[name] for name in manifest.classes},
        num_unlabeled=len(split.unlabeled),
        num_folds=winner.num_folds,
        fold_steps=winner.fold_steps,
        run_steps=settings.engine.steps or 0 if winner.fold_steps else 0,
        seconds=winner.seconds,
    ).to_json()
