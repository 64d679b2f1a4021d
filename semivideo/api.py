"""The functions: scan, prepare, split, train, evaluate, predict, load. The commands call the same.

``progress`` is a callable ``(description, done, total, extra)`` that draws a bar, or None.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semivideo.data.manifest import Manifest
from semivideo.data.published import listed_split, published
from semivideo.data.splits import Split, check_split, draw_split, practical_split
from semivideo.errors import ConfigError, DataError
from semivideo.evaluation import Evaluation
from semivideo.evaluation import evaluate as evaluate_videos
from semivideo.methods import Method
from semivideo.prediction import load, predict, predictions
from semivideo.progress import Progress
from semivideo.recipes.cost import warn_if_slow
from semivideo.recipes.resolve import resolve_settings
from semivideo.run import Run
from semivideo.runfolder import RunFolder
from semivideo.settings import Decoder, Settings
from semivideo.training import begin, proceed
from semivideo.videos import Videos, as_manifest, prepare, scan

__all__ = [
    "Progress",
    "Videos",
    "as_manifest",
    "chosen_split",
    "evaluate",
    "load",
    "predict",
    "predictions",
    "prepare",
    "scan",
    "split",
    "train",
]


def split(
    videos: Videos,
    *,
    labels_per_class: int | None = None,
    labeled_fraction: float | None = None,
    seed: int = 0,
    test_groups: Sequence[str] = (),
    test_fraction: float | None = None,
    allow_fewer: bool = False,
    protocol: str | None = None,
    lists: str | Path | None = None,
    allow_missing: bool = False,
    out: str | Path | None = None,
) -> Split:
    """Draw which labels the learner may see and which videos are held out, or read it off lists.

    Args:
        videos: A manifest, its file, or anything ``scan`` takes.
        labels_per_class: Labelled videos of each class, >= 1; this or ``labeled_fraction``.
        labeled_fraction: Share of the training videos that is labelled, in (0, 1].
        seed: Of the drawing, >= 0.
        test_groups: Groups held out for testing.
        test_fraction: Share of the videos held out, in (0, 1), whole groups at a time.
        allow_fewer: Take all of a class that has fewer than ``labels_per_class``.
        protocol: A name of ``data.published.PROTOCOLS`` instead of all above but the seed.
        lists: Folder of the protocol's lists.
        allow_missing: Leave out videos of the lists that are not there.
        out: Where to write the split (JSON); a file with another content is never replaced.

    Raises:
        SplitError: The videos do not allow what is asked for.
    """
    if (protocol is None) != (lists is None):
        missing = "lists" if lists is None else "protocol"
        raise ConfigError(f"protocol and lists go together, and {missing!r} is not given")
    if protocol is not None and lists is not None:
        if labels_per_class or labeled_fraction or test_groups or test_fraction:
            raise ConfigError(
                f"protocol {protocol!r} says which videos are labelled and which are for testing; "
                "leave out labels_per_class, labeled_fraction, test_groups and test_fraction"
            )
        listed = published(protocol, lists=Path(lists), seed=seed)
        drawn = listed_split(as_manifest(videos), listed, allow_missing=allow_missing)
    else:
        drawn = draw_split(
            as_manifest(videos),
            labels_per_class=labels_per_class,
            labeled_fraction=labeled_fraction,
            seed=seed,
            test_groups=test_groups,
            test_fraction=test_fraction,
            allow_fewer=allow_fewer,
        )
    if out is not None:
        drawn.write(Path(out))
    return drawn


def train(
    videos: Videos | None = None,
    *,
    method: str | type[Method] | None = None,
    split: str | Path | Split | None = None,
    labels_per_class: int | None = None,
    recipe: str | None = None,
    steps: int | None = None,
    seed: int | None = None,
    settings: dict[str, Any] | Settings | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train a recogniser and leave a run folder.

    Without ``split`` and ``labels_per_class`` every label there is may be used.

    Args:
        videos: A manifest, its file, or anything ``scan`` takes.
        method: A name of ``METHODS``, ``module:Class`` or a class; None takes the recipe's.
        split: A split or its file.
        labels_per_class: Draw a split with that many labels, seeded by ``seed``.
        recipe: A name of ``RECIPES`` to start from.
        steps: Iterations; None takes the recipe's.
        seed: Of everything random.
        settings: Dotted keys to change, e.g. ``{"method.threshold": 0.8}``, or whole settings.
        out: The run folder; must not exist or be empty.
        resume: A run folder to continue instead; everything else then comes from it.
        progress: See the module.

    Raises:
        SemiVideoError: Anything that cannot be used, before training starts where possible.
    """
    if resume is not None:
        given = {"videos": videos, "method": method, "split": split, "recipe": recipe, "out": out}
        extra = [name for name, value in given.items() if value is not None]
        if extra:
            raise ConfigError(
                f"resume takes everything from the run folder; leave out {extra[0]!r}"
            )
        return Run(proceed(RunFolder.open(resume), progress=progress))
    if videos is None or out is None:
        missing = "videos" if videos is None else "out"
        raise ConfigError(
            f"train needs {missing!r}: the videos to learn from and a folder for the run"
        )
    if split is not None and labels_per_class is not None:
        raise ConfigError("both are given of split and labels_per_class; give one of them")
    resolved = resolve_settings(
        recipe=recipe, method=method, steps=steps, seed=seed, settings=settings
    )
    warn_if_slow(resolved)
    run = begin(
        out,
        resolved,
        manifest=lambda: as_manifest(videos, progress=progress),
        split=lambda manifest: chosen_split(manifest, split, labels_per_class, seed or 0),
    )
    return Run(proceed(run, progress=progress))


def evaluate(
    run: str | Path | Run,
    *,
    protocol: str | None = None,
    videos: Videos | None = None,
    decoder: Decoder = "software",
    progress: Progress | None = None,
) -> Evaluation:
    """Score held-out videos with the trained network, and keep the scores in the run folder.

    Args:
        run: The run or its folder.
        protocol: Clips x crops, e.g. "10x3"; None takes the run's.
        videos: Other labelled videos to score; None takes the test videos of the run's split.
        decoder: Who decodes the files, see ``load``.
        progress: See the module.

    Raises:
        CheckpointError: The run has no trained network yet.
        DataError: There is nothing to score.
    """
    folder = run.folder if isinstance(run, Run) else RunFolder.open(run)
    recognizer = load(folder.path, decoder=decoder)
    if videos is None:
        manifest, ids = Manifest.read(folder.manifest_file), Split.read(folder.split_file).test
        if not ids:
            raise DataError(
                f"the split of {folder.path} holds out no videos; name some with --videos, or "
                "train with a split that has a test side"
            )
        target = folder.evaluation_file
    else:
        manifest, ids = as_manifest(videos, progress=progress), None
        name = manifest.root.name
        target = folder.evaluation_file.with_stem(f"{folder.evaluation_file.stem}-{name}")
    found = evaluate_videos(recognizer, manifest, ids, protocol=protocol, progress=progress)
    found.write(target)
    return found


def chosen_split(
    manifest: Manifest, given: str | Path | Split | None, labels_per_class: int | None, seed: int
) -> Split:
    """Return the split that ``train`` is asked for."""
    if labels_per_class is not None:
        return draw_split(manifest, labels_per_class=labels_per_class, seed=seed)
    if given is None:
        return practical_split(manifest)
    found = given if isinstance(given, Split) else Split.read(Path(given))
    check_split(found, manifest)
    return found
