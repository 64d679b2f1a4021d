"""What the page of one run says: gathered from its folder, each part or a sentence why not."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from semivideo.analysis.calibration import calibration
from semivideo.analysis.groups import Trained
from semivideo.analysis.pseudo_labels import UNKNOWN, pseudo_label_quality
from semivideo.base.errors import SemiVideoError
from semivideo.base.progress import Progress, duration
from semivideo.evaluation import Evaluation
from semivideo.evaluation.bootstrap import Groups, Interval, one_run_accuracy
from semivideo.evaluation.proportion import wilson
from semivideo.report.charts import (
    Band,
    Chart,
    Series,
    confusion_chart,
    line_chart,
    reliability_chart,
)
from semivideo.report.film_strips import film_strip
from semivideo.report.reproducing import commands_of
from semivideo.run.choice.cross_validation import Estimate
from semivideo.run.labeling.doubting import (
    Doubt,
    label_doubts,
    pseudo_label_doubts,
)
from semivideo.run.labeling.planning import known_points, planned
from semivideo.run.labeling.suggesting import suggest
from semivideo.run.labeling.unseen import known_unseen
from semivideo.settings import Settings

MOST_STRIPS, MOST_ROWS = 12, 40
"""Film strips of one section, and rows of one table; the page says how many there are."""
_SPANS = 20


class Strip(NamedTuple):
    """A video of the page.

    Attributes:
        id: Its name.
        image: Data URI of its frames, or None if its file has gone.
        words: Class names with what they are, such as ("named", "wave 97 %").
        reason: A sentence, or "".
    """

    id: str
    image: str | None
    words: list[tuple[str, str]]
    reason: str = ""


class ClassRow(NamedTuple):
    """A class: labels to learn from, and how its test videos were named; shares are NaN if none."""

    name: str
    num_labels: int
    num_tested: int
    share: float
    low: float
    high: float
    taken_for: str


@dataclass
class Findings:
    """All that the page of a run shows.

    Attributes:
        name: Of the run folder.
        trained: The run.
        facts: Name and value of what was trained on what.
        accuracy: With interval; None without a test.
        over: What the interval is over.
        evaluation: Test scores, or None.
        estimate: Cross-validation of a run without test videos, or None.
        charts: Name of a place to its chart.
        class_rows: One a class.
        mistakes: Test videos that were confidently misnamed.
        doubts: Labels that are probably wrong.
        suggestions: Videos to label next.
        missing: Section to a sentence: why it is empty, and the command that fills it.
        cost: Name and value.
        commands: That made the run and that read it.
    """

    name: str
    trained: Trained
    facts: list[tuple[str, str]]
    accuracy: Interval | None = None
    over: str = ""
    evaluation: Evaluation | None = None
    estimate: Estimate | None = None
    charts: dict[str, Chart] = field(default_factory=dict)
    class_rows: list[ClassRow] = field(default_factory=list)
    mistakes: list[Strip] = field(default_factory=list)
    doubts: list[Strip] = field(default_factory=list)
    suggestions: list[Strip] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    cost: list[tuple[str, str]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


def findings(path: str | Path, *, progress: Progress | None = None) -> Findings:
    """Gather what the page of a run says.

    Args:
        path: The run folder, finished or not.
        progress: See ``semivideo.api``.

    Raises:
        CheckpointError: It is no run folder, or one that is broken.
    """
    trained = Trained.read(path)
    run = trained.run
    found = Findings(run.path.name, trained, _facts(trained))
    if run.evaluation_file.is_file():
        found.evaluation = Evaluation.read(run.evaluation_file)
        _tell_test(found)
    else:
        _tell_no_test(found)
    found.class_rows = _class_rows(found)
    _add_learning(found)
    _add_pseudo_labels(found)
    _add_doubts(found)
    _add_suggestions(found, progress=progress)
    _add_plan(found)
    if run.summary_file.is_file():
        found.cost = _cost(run.summary())
    else:
        found.missing["cost"] = f"The training has not finished: semivideo train --resume {path}"
    found.commands = commands_of(trained)
    return found


def _facts(trained: Trained) -> list[tuple[str, str]]:
    """What was trained on what."""
    settings, split, manifest = trained.settings, trained.split, trained.manifest
    network = settings.networks.primary
    used = [*split.labeled, *split.unlabeled, *split.test]
    hours = float(manifest.durations_seconds[manifest.rows_of(used)].sum()) / 3600
    groups = {manifest.groups[row] for row in manifest.rows_of(used).tolist()} - {None}
    clip = f"{network.num_frames} frames"
    if settings.features is None:
        clip += f", {network.stride_frames} apart"
    return [
        ("method", settings.method.name),
        ("network", f"{network.name}, {clip}"),
        *_origins(settings),
        ("league", settings.league),
        ("classes", str(len(manifest.classes))),
        ("labelled videos", str(len(split.labeled))),
        ("unlabelled videos", str(len(split.unlabeled))),
        ("test videos", str(len(split.test))),
        ("groups", str(len(groups)) if groups else "not known"),
        ("footage", f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"),
        ("split", f"{split.name}, hash {split.short_hash}"),
        ("seed", str(settings.engine.seed)),
    ]


def _origins(settings: Settings) -> list[tuple[str, str]]:
    """Weights that the training began with, and their licences."""
    if not settings.origins:
        return [("weights", "from scratch")]
    encoder = "" if settings.features is None else f"{settings.features.encoder}, "
    words = "; ".join(f"pretrained on {each.pretrained_on}" for each in settings.origins)
    licences = "; ".join(dict.fromkeys(each.licence for each in settings.origins))
    return [("weights", encoder + words), ("licence of the weights", licences)]


def _tell_test(found: Findings) -> None:
    """Accuracy, confusion, calibration, confident mistakes."""
    test = found.evaluation
    assert test is not None
    manifest = found.trained.manifest
    rows = manifest.rows_of(test.ids).tolist()
    groups: Groups = {id: manifest.groups[row] for id, row in zip(test.ids, rows, strict=True)}
    found.accuracy, num_groups = one_run_accuracy(test, groups=groups)
    found.over = "test videos" if num_groups is None else f"{num_groups} groups of test videos"
    found.charts["confusion"] = confusion_chart(test.confusion, test.classes)
    sure, right = test.scores.max(axis=1), test.scores.argmax(axis=1) == test.labels
    bins = calibration(sure, right)
    found.charts["calibration"] = reliability_chart(
        bins.confidence, bins.accuracy, bins.num_videos, error=bins.error
    )
    order = np.argsort(-sure, kind="stable")
    for place in [n for n in order.tolist() if not right[n]][:MOST_STRIPS]:
        best, true = int(test.scores[place].argmax()), int(test.labels[place])
        words = [
            ("named", f"{test.classes[best]} {100 * sure[place]:.0f} %"),
            ("is", f"{test.classes[true]} {100 * test.scores[place, true]:.0f} %"),
        ]
        image = film_strip(manifest, rows[place])
        found.mistakes.append(Strip(test.ids[place], image, words))
    if not found.mistakes:
        found.missing["mistakes"] = "No test video was named wrongly."


def _tell_no_test(found: Findings) -> None:
    """What is known of a run without test scores."""
    run = found.trained.run
    if found.trained.split.test:
        sentence = f"The test videos were not scored yet: semivideo evaluate {run.path}"
    else:
        found.estimate = Estimate.read(run)
        sentence = (
            "No videos are held out for testing; the estimate is of labels that were left out."
            if found.estimate
            else "No videos are held out for testing, so nothing is known of the accuracy; name "
            f"some: semivideo evaluate {run.path} --videos DIR"
        )
    for section in ("accuracy", "confusion", "calibration", "mistakes"):
        found.missing[section] = sentence


def _class_rows(found: Findings) -> list[ClassRow]:
    """Labels and test result of each class."""
    manifest = found.trained.manifest
    rows = manifest.rows_of(found.trained.split.labeled).tolist()
    labels = Counter(manifest.labels[row] for row in rows)
    if found.evaluation is not None:
        classes = found.evaluation.classes
        counts = np.asarray(found.evaluation.confusion)
    elif found.estimate is not None:
        classes, counts = found.estimate.classes, np.array(found.estimate.confusion)
    else:
        classes = tuple(manifest.classes)
        counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    table = []
    for n, name in enumerate(classes):
        num = int(counts[n].sum())
        share = float(counts[n, n] / num) if num else math.nan
        low, high = wilson(share, num) if num else (math.nan, math.nan)
        wrong = [(int(c), classes[k]) for k, c in enumerate(counts[n].tolist()) if c and k != n]
        taken = ", ".join(f"{other} ({count})" for count, other in sorted(wrong, reverse=True)[:2])
        table.append(ClassRow(name, labels[name], num, share, low, high, taken))
    return table


def _add_learning(found: Findings) -> None:
    """Loss and quick evaluations over the training."""
    lines = found.trained.run.metrics()
    loss = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    if loss:
        found.charts["loss"] = line_chart(
            [Series("loss", loss)], title="Loss", x="training step", y="loss", in_percent=False
        )
    top1 = [(line["step"], line["evaluation"]["top1"]) for line in lines if "evaluation" in line]
    if top1:
        found.charts["learning"] = line_chart(
            [Series("quick evaluation, 1 clip x 1 crop", top1)],
            title="Accuracy on test videos over training",
            x="training step",
            y="right [%]",
        )
    if not loss:
        found.missing["learning"] = "The run folder holds no log of its training."


def _add_pseudo_labels(found: Findings) -> None:
    """Share of pseudo-labels that were used, and of right ones among them."""
    trained = found.trained
    if not trained.run.pseudo_labels_file.is_file():
        method = trained.settings.method.name
        found.missing["pseudo"] = f"{method} gives no pseudo-labels, or its training has not ended."
        return
    table = trained.pseudo_labels()
    if not len(table):
        found.missing["pseudo"] = "No unlabelled video got a pseudo-label."
        return
    is_known = bool((trained.truth[table["video"].to_numpy()] != UNKNOWN).any())
    truth = trained.truth if is_known else np.zeros(len(trained.manifest), dtype=np.int64)
    quality = pseudo_label_quality(table, truth, num_bins=_SPANS).to_pylist()
    networks = list(dict.fromkeys(line["network"] for line in quality))
    series = []
    for network in networks:
        own = [line for line in quality if line["network"] == network]
        series.append(Series(f"{network}: used", [(line["step"], line["kept"]) for line in own]))
        if is_known:
            right = [(line["step"], line["precision"]) for line in own]
            series.append(Series(f"{network}: right among the used", right))
    found.charts["pseudo"] = line_chart(
        series, title="Pseudo-labels over training", x="training step", y="share [%]"
    )
    if not is_known:
        found.missing["pseudo"] = (
            "Nobody knows the class of these videos, so how many are right is not shown."
        )


def _add_doubts(found: Findings) -> None:
    """Labels that cross-validation contradicts, where it was run, and disputed pseudo-labels."""
    trained = found.trained
    doubts: list[Doubt] = []
    unseen = known_unseen(trained)
    if unseen is None:
        found.missing["doubts"] = (
            f"The labels were not checked yet: semivideo doubts {trained.run.path}"
        )
    else:
        doubts += label_doubts(trained, unseen)[0]
    doubts += pseudo_label_doubts(trained)
    for number, each in enumerate(doubts[:MOST_ROWS]):
        image = None
        if number < MOST_STRIPS:
            image = film_strip(trained.manifest, trained.manifest.row_of(each.id))
        kind = "label" if each.kind == "label" else "pseudo-label"
        words = [
            (kind, each.given),
            ("more likely", f"{each.likely} {100 * each.confidence:.0f} %"),
        ]
        found.doubts.append(Strip(each.id, image, words, each.reason))
    if not doubts and unseen is not None:
        found.missing["doubts"] = "No label is doubted."


def _add_suggestions(found: Findings, *, progress: Progress | None) -> None:
    """Videos to label next, where that takes no reading of all videos."""
    trained = found.trained
    is_cheap = trained.settings.features is not None or trained.run.video_scores_file.is_file()
    if not trained.split.unlabeled:
        found.missing["suggestions"] = "Every training video has a label."
    elif not is_cheap:
        found.missing["suggestions"] = (
            f"The unlabelled videos were not scored yet: semivideo suggest {trained.run.path}"
        )
    else:
        try:
            chosen = suggest(trained.run.path, count=MOST_STRIPS, progress=progress)
        except SemiVideoError as error:
            found.missing["suggestions"] = f"None can be named: {error}"
            return
        for each in chosen:
            image = film_strip(trained.manifest, trained.manifest.row_of(each.id))
            words = [("guess", f"{each.guess} {100 * each.confidence:.0f} %")]
            found.suggestions.append(Strip(each.id, image, words, each.reason))


def _add_plan(found: Findings) -> None:
    """The learning curve over label counts, where ``plan`` was run."""
    trained = found.trained
    known = known_points(trained)
    if known is None:
        found.missing["plan"] = (
            f"What more labels would bring was not measured yet: semivideo plan {trained.run.path}"
        )
        return
    points, tested_on = known
    made = planned(points, num_unlabeled=len(trained.split.unlabeled), tested_on=tested_on)
    least, most = points[0].num_labels, made.num_labels
    for point in points:
        least = min(least, point.num_labels)
    counts = np.geomspace(least, 4 * most, 24).round().astype(int).tolist()
    curve = [made.curve.at(n) for n in dict.fromkeys(counts)]
    found.charts["plan"] = line_chart(
        [
            Series("expected", [(each.num_labels, each.accuracy) for each in curve]),
            *(
                [Series("measured", [(p.num_labels, p.accuracy) for p in sorted(points)], True)]
                if len(points) < 60
                else []
            ),
        ],
        title="Accuracy over the number of labels",
        x="labelled videos",
        y="right [%]",
        band=Band([(each.num_labels, each.low, each.high) for each in curve]),
    )


def _cost(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """What the training took."""
    rows = [("steps", str(summary["steps"])), ("time", duration(summary["seconds"]))]
    if (memory := summary.get("peak_memory_mb")) is not None:
        rows.append(("greatest memory", f"{memory / 1000:.1f} GB"))
    if (waiting := summary.get("waiting")) is not None:
        rows.append(("waiting for data", f"{100 * float(waiting):.0f} %"))
    skipped = len(summary.get("skipped_videos", ())) + len(summary.get("unreadable_videos", ()))
    rows.append(("videos that could not be read", str(skipped)))
    return rows
