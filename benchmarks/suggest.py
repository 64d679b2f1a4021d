"""Labels that `suggest` saves against drawing at random, and wrong labels that `doubts` finds.

    python benchmarks/suggest.py labels FEATURES --name utd-mhad --start 1 --step 27 --rounds 4
    python benchmarks/suggest.py wrong FEATURES --name utd-mhad --labels 8

FEATURES are those of `semivideo features` on UTD-MHAD (views 2, no flip) or J-HMDB (views 2).

labels: each of five draws begins with a few labels of each class, the same for all ways of asking.
In each round a head is trained, tested on the held-out groups, and asks for the next labels, which
the truth answers. "Labels saved" at an accuracy is how many fewer labels a way needs than the
random draw does, by straight lines between rounds.

wrong: a tenth of the labels becomes that of another class, drawn at random; precision and recall of
what `doubts` calls wrong, and of as many labels drawn at random.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

import semivideo
from semivideo import api
from semivideo.analysis.groups import Trained
from semivideo.base.randomness import keys
from semivideo.cli.console import note, run_plainly, show
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.models.weights import load_network
from semivideo.run import feature_runs
from semivideo.run.labeling.doubting import Rule, label_doubts
from semivideo.run.labeling.unseen import unseen_scores

TESTED: dict[str, tuple[str, ...]] = {"utd-mhad": ("s2", "s4", "s6", "s8")}
"""Groups that are held out; of other data sets about three tenths, the same for all draws."""
WAYS: dict[str, dict[str, Any]] = {
    "random": {"baseline": "random"},
    "mixture": {},
    "unsure": {"weights": {"disagree": 0, "typical": 0, "new": 0}},
    "typical+new": {"weights": {"unsure": 0, "disagree": 0}},
}
app = typer.Typer(add_completion=False)


def first_split(manifest: Manifest, *, name: str, labels: int, seed: int) -> Split:
    """A few labels of each class, and the held-out groups."""
    groups = TESTED.get(name, ())
    if not groups:
        drawn = semivideo.split(manifest, labels_per_class=1, test_fraction=0.3, seed=0)
        rows = manifest.rows_of(drawn.test).tolist()
        groups = tuple(sorted({str(manifest.groups[row]) for row in rows}))
    return semivideo.split(
        manifest, labels_per_class=labels, test_groups=groups, seed=seed, allow_fewer=True
    )


def trained_on(features: Path, split: Split, out: Path, *, recipe: str, steps: int) -> Trained:
    """A head, in seconds."""
    seed = {"engine.seed": split.seed}
    semivideo.train(
        features, recipe=recipe, split=split, steps=steps, settings=seed, out=out, estimate=False
    )
    return Trained.read(out)


def top1(trained: Trained) -> float:
    """Accuracy on the held-out groups, by cached weak views."""
    head, card = load_network(trained.run.model)
    views = feature_runs.feature_views(trained.settings, trained.manifest, trained.split)
    return feature_runs.scored(head, card, views, trained.manifest, trained.split).top1


def answered(split: Split, ids: Sequence[str], *, round_: int) -> Split:
    """The split with the answers of a round."""
    left = tuple(id for id in split.unlabeled if id not in set(ids))
    name = f"{split.name}-round{round_}"
    return replace(split, name=name, labeled=(*split.labeled, *ids), unlabeled=left)


@app.command()
def labels(
    features: Path,
    name: Annotated[str, typer.Option()],
    start: Annotated[int, typer.Option(help="Labels a class at first.")] = 1,
    step: Annotated[int, typer.Option(help="Labels asked for in a round.")] = 27,
    rounds: int = 4,
    draws: int = 5,
    recipe: str = "features-supervised",
    steps: int = 400,
    ways: str = ",".join(WAYS),
    out: Annotated[Path | None, typer.Option(help="JSON of the curves.")] = None,
) -> None:
    """Accuracy over labels, way by way."""
    manifest = api.as_manifest(features)
    curves: dict[str, list[list[float]]] = {way: [] for way in ways.split(",")}
    counts: list[int] = []
    for seed in range(draws):
        first = first_split(manifest, name=name, labels=start, seed=seed)
        for way, found in curves.items():
            split, curve = first, []
            counts = []
            with tempfile.TemporaryDirectory() as folder:
                for number in range(rounds + 1):
                    run = Path(folder) / str(number)
                    trained = trained_on(features, split, run, recipe=recipe, steps=steps)
                    curve.append(top1(trained))
                    counts.append(len(split.labeled))
                    if number < rounds:
                        asked = api.suggest(run, count=step, seed=seed, **WAYS[way])
                        split = answered(split, [each.id for each in asked], round_=number)
            found.append(curve)
            note(f"draw {seed}, {way}: {' '.join(f'{100 * share:.1f}' for share in curve)}")
    show(_curve_table(counts, curves))
    if out is not None:
        out.write_text(json.dumps({"counts": counts, "curves": curves}, indent=1))


def _curve_table(counts: list[int], curves: dict[str, list[list[float]]]) -> Table:
    """Mean and deviation over draws, and the labels saved."""
    table = Table("way of asking", *(f"{n} labels" for n in counts), "labels saved at its last")
    base = np.mean(curves["random"], axis=0)
    for way, found in curves.items():
        mean, deviation = np.mean(found, axis=0), np.std(found, axis=0, ddof=min(1, len(found) - 1))
        saved = [
            labels_needed(counts, base, goal) - n for n, goal in zip(counts, mean, strict=True)
        ]
        words = "; ".join(f"{each:+.0f}" for each in saved[1:])
        cells = (f"{100 * m:.1f} +- {100 * d:.1f}" for m, d in zip(mean, deviation, strict=True))
        table.add_row(way, *cells, words)
    return table


def labels_needed(counts: Sequence[int], accuracy: Any, goal: float) -> float:
    """Labels at which a curve first reaches an accuracy; the last step goes on as a line."""
    for n in range(1, len(counts)):
        if accuracy[n] >= goal or n == len(counts) - 1:
            slope = (accuracy[n] - accuracy[n - 1]) / (counts[n] - counts[n - 1])
            if slope <= 0:
                return float(counts[n])
            return float(counts[n - 1] + (goal - accuracy[n - 1]) / slope)
    return float(counts[-1])


@app.command()
def wrong(
    features: Path,
    name: Annotated[str, typer.Option()],
    labels: Annotated[int, typer.Option(help="Labels a class; 0 for all.")] = 8,
    share: Annotated[float, typer.Option(help="Of wrong labels.")] = 0.1,
    draws: int = 5,
    recipe: str = "features-supervised",
    steps: int = 400,
    folds: int = 5,
) -> None:
    """Precision and recall of planted wrong labels."""
    manifest = api.as_manifest(features)
    numbers = ("planted", "rule", "doubted", "precision %", "recall %", "estimated %")
    table = Table("draw", "labels", *numbers)
    found: dict[Rule, list[tuple[float, float]]] = {"chance": [], "confident": []}
    for seed in range(draws):
        amount = labels or 10**6
        split = first_split(manifest, name=name, labels=amount, seed=seed)
        planted, changed = _planted(manifest, split, share=share, seed=seed)
        with tempfile.TemporaryDirectory() as folder:
            trained = trained_on_wrong(changed, split, Path(folder) / "run", recipe, steps)
            unseen = unseen_scores(trained, folds)
        for rule, rows in found.items():
            doubts, estimated = label_doubts(trained, unseen, rule=rule)
            doubted = {each.id for each in doubts}
            right = len(doubted & planted)
            rows.append((right / max(len(doubted), 1), right / len(planted)))
            words = (str(seed), str(len(unseen.ids)), str(len(planted)), rule, str(len(doubted)))
            table.add_row(*words, *(f"{100 * each:.1f}" for each in (*rows[-1], estimated)))
    for rule, rows in found.items():
        mean = (f"{100 * each:.1f}" for each in np.mean(rows, axis=0))
        table.add_row("mean", "", "", rule, "", *mean, "")
    show(table)


def trained_on_wrong(
    manifest: Manifest, split: Split, out: Path, recipe: str, steps: int
) -> Trained:
    """A run whose manifest has the planted labels."""
    semivideo.train(
        manifest, recipe=recipe, split=split, steps=steps, out=out, estimate=False, seed=split.seed
    )
    return Trained.read(out)


def _planted(
    manifest: Manifest, split: Split, *, share: float, seed: int
) -> tuple[set[str], Manifest]:
    """Some labelled videos, and the manifest in which they are of another class."""
    ids = list(split.labeled)
    order = keys(ids, seed, "planted").argsort()
    chosen = [ids[n] for n in order[: round(share * len(ids))].tolist()]
    rng = np.random.default_rng(seed)
    labels, names = list(manifest.labels), manifest.classes
    for row in manifest.rows_of(chosen).tolist():
        others = [each for each in names if each != labels[row]]
        labels[row] = others[int(rng.integers(len(others)))]
    place = manifest.table.column_names.index("label")
    field = manifest.table.schema.field("label")
    table = manifest.table.set_column(place, field, [labels])
    return set(chosen), Manifest(table, root=manifest.root, features=manifest.features)


if __name__ == "__main__":
    raise SystemExit(run_plainly(lambda: app(standalone_mode=False)))
