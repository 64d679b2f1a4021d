"""``plan``: how accurate with more labels, from runs with fewer and more of them.

Runs of two label counts or more are points of a learning curve (``analysis.suggest.label_curve``).
Of a single run the other points are made: its own settings, trained on a quarter and on half of its
labels, drawn class by class, several times; on its test videos or, without them, on a third of its
labelled groups.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from semivideo.analysis.comparison import require_same_test
from semivideo.analysis.groups import Trained
from semivideo.analysis.result import Result
from semivideo.analysis.suggest.label_curve import Curve, Forecast, Point, fit
from semivideo.base.checked import read_json
from semivideo.base.errors import ConfigError, SplitError, option
from semivideo.base.progress import Progress, duration
from semivideo.base.randomness import keys
from semivideo.data.splits import Split, label_folds
from semivideo.run.finished import Run
from semivideo.run.labeling.trainings import scored_splits
from semivideo.run.labeling.video_scores import require_finished

SECONDS_PER_LABEL = 10.0
"""What a clip takes to label, where nobody measured it."""
_SHARES = (0.25, 0.5)


@dataclass(frozen=True)
class Planned:
    """A learning curve and what follows from it.

    Attributes:
        curve: Fitted.
        num_labels: Labels of the largest run.
        now: Accuracy with these.
        forecasts: With two and four times as many.
        after_hour: With the labels of one more hour.
        hour_labels: How many these are.
        num_unlabeled: Videos that could still be labelled; None where nobody knows.
        tested_on: What the accuracy is of, in words.
    """

    curve: Curve
    num_labels: int
    now: Forecast
    forecasts: tuple[Forecast, ...]
    after_hour: Forecast
    hour_labels: int
    num_unlabeled: int | None
    tested_on: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        rows = {"now": self.now, "hour": self.after_hour}
        return {
            "points": [point._asdict() for point in self.curve.points],
            "deviation": self.curve.deviation,
            "tested_on": self.tested_on,
            "num_unlabeled": self.num_unlabeled,
            **{name: forecast._asdict() for name, forecast in rows.items()},
            "forecasts": [forecast._asdict() for forecast in self.forecasts],
        }


def plan(
    runs: Sequence[str | Path | Run],
    *,
    seconds_per_label: float = SECONDS_PER_LABEL,
    draws: int = 3,
    train: bool = False,
    progress: Progress | None = None,
) -> Planned:
    """Say how accurate more labels would make a run.

    Args:
        runs: Evaluated runs of different label counts, tested on the same videos; or one run.
        seconds_per_label: What a clip takes to label, > 0.
        draws: Of labels, at each smaller count, of a single run; >= 1.
        train: Whether a single run on videos may be trained again; runs on features always are.
        progress: See ``semivideo.api``.

    Raises:
        ConfigError: Runs of one label count, or tested on different videos, or a run on videos
            without ``train``.
        CheckpointError: A run is not finished, or one of several was not evaluated.
        SplitError: A single run has too few labels to leave some out.
    """
    if not 0 < seconds_per_label < 1e6:
        raise ConfigError(f"{option('seconds_per_label')} must be above 0, got {seconds_per_label}")
    if not 1 <= draws <= 100:
        raise ConfigError(f"{option('draws')} must lie in [1, 100], got {draws}")
    paths = [run.path if isinstance(run, Run) else Path(run) for run in runs]
    if not paths:
        raise ConfigError("there is nothing to plan from; name a run or several")
    if len(paths) == 1:
        trained = Trained.read(paths[0])
        points, tested_on = _points_of_one(trained, draws=draws, train=train, progress=progress)
        num_unlabeled: int | None = len(trained.split.unlabeled)
    else:
        results = [Result.read(path) for path in paths]
        points, tested_on = _points_of_several(results)
        most = max(results, key=lambda result: len(result.split.labeled))
        num_unlabeled = len(most.split.unlabeled)
    return planned(points, seconds_per_label, num_unlabeled=num_unlabeled, tested_on=tested_on)


def planned(
    points: Sequence[Point],
    seconds_per_label: float = SECONDS_PER_LABEL,
    *,
    num_unlabeled: int | None,
    tested_on: str,
) -> Planned:
    """Fit a curve and read it off.

    Args:
        points: Measured.
        seconds_per_label: What a clip takes to label.
        num_unlabeled: See ``Planned``.
        tested_on: See ``Planned``.

    Raises:
        ConfigError: The points are of one label count.
    """
    curve = fit(points)
    most = curve.most_labels
    hour = max(1, round(3600 / seconds_per_label))
    if num_unlabeled:
        hour = min(hour, num_unlabeled)
    return Planned(
        curve=curve,
        num_labels=most,
        now=curve.at(most),
        forecasts=(curve.at(2 * most), curve.at(4 * most)),
        after_hour=curve.at(most + hour),
        hour_labels=hour,
        num_unlabeled=num_unlabeled,
        tested_on=tested_on,
    )


def known_points(trained: Trained, *, draws: int | None = None) -> tuple[list[Point], str] | None:
    """Return the points that an earlier ``plan`` of this run alone left in its folder.

    Args:
        trained: The run.
        draws: As it was asked then; None takes any.
    """
    try:
        content = read_json(trained.run.plan_file)
        if draws not in (None, content["draws"]):
            return None
        return [Point(**each) for each in content["points"]], str(content["tested_on"])
    except Exception:  # whatever is in the file, it is made anew
        return None


def _points_of_several(results: Sequence[Result]) -> tuple[list[Point], str]:
    """A point a run."""
    require_same_test(results)
    points = [
        Point(len(each.split.labeled), each.evaluation.top1, each.evaluation.num_videos)
        for each in results
    ]
    return points, f"{results[0].evaluation.num_videos} test videos"


def _points_of_one(
    trained: Trained, *, draws: int, train: bool, progress: Progress | None
) -> tuple[list[Point], str]:
    """Points of trainings on parts of a run's labels."""
    require_finished(trained)
    known = known_points(trained, draws=draws)
    if known is not None:
        return known
    if trained.settings.features is None and not train:
        seconds = float(trained.run.summary()["seconds"]) / 4
        num = draws * len(_SHARES) + 1
        raise ConfigError(
            f"one run has one label count, and a curve needs several: name runs with other counts, "
            f"or add {option('train', True)}, which trains {num} times a quarter of the steps "
            f"(about {duration(num * seconds)})"
        )
    base, tested_on = _base(trained)
    splits = [
        part
        for draw in range(draws)
        for share in _SHARES
        if (part := _part(trained, base, share=share, draw=draw)) is not None
    ]
    splits = list({split.hash: split for split in [*splits, base]}.values())
    if len({len(split.labeled) for split in splits}) < 2:
        raise SplitError(
            f"the {len(base.labeled)} labels of {trained.run.path} are one or two a class, and a "
            "part of them leaves classes out; name runs with more labels"
        )
    tests = scored_splits(
        trained, splits, trained.run.path / "plan", what="plan", progress=progress
    )
    points = [
        Point(len(split.labeled), test.top1, test.num_videos)
        for split, test in zip(splits, tests, strict=True)
    ]
    content = {
        "points": [point._asdict() for point in points],
        "tested_on": tested_on,
        "draws": draws,
    }
    trained.run.write_json(trained.run.plan_file, content)
    return points, tested_on


def _base(trained: Trained) -> tuple[Split, str]:
    """What all labels are, and what is tested: the run's test videos, or a third of its labels."""
    if trained.split.test:
        return trained.split, f"{len(trained.split.test)} test videos"
    fold = label_folds(trained.manifest, trained.split)[0]
    return fold, f"{len(fold.test)} labelled videos of left-out groups"


def _part(trained: Trained, base: Split, *, share: float, draw: int) -> Split | None:
    """A share of the labels of each class, at least one; the others are unlabelled."""
    rows = trained.manifest.rows_of(base.labeled).tolist()
    members: dict[str, list[str]] = defaultdict(list)
    for id, row in zip(base.labeled, rows, strict=True):
        members[str(trained.manifest.labels[row])].append(id)
    kept: list[str] = []
    for ids in members.values():
        order = keys(ids, draw, "plan").argsort().tolist()
        kept += [ids[n] for n in order[: max(1, round(share * len(ids)))]]
    if len(kept) == len(base.labeled):
        return None
    left = set(base.labeled) - set(kept)
    return replace(
        base,
        name=f"{base.name}-{share:g}-{draw}",
        seed=draw,
        labeled=tuple(kept),
        unlabeled=(*base.unlabeled, *sorted(left)),
    )
