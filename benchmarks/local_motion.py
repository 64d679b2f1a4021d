"""What local motion adds to features of pictures: probe and wccn on each and on both, draw by draw.

    semivideo features ../shared/data/jhmdb/videos --views 2 --out features/jhmdb
    python benchmarks/local_motion.py features/jhmdb --labels 5 --labels 10 --draws 5

Each draw has labels and test groups of its own (``--test-fraction 0.3``), and a codebook that its
training videos alone have made. Prints top-1 of each classifier on each kind of features, and the
differences to the probe on features of pictures, to the classifier itself there and to the probe on
the same features, with intervals over draws and groups. Descriptors of motion are made once, in
memory: 0.4 MB a video.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from unlabeled_features import _scored, _told, _top1

import semivideo
from semivideo.base.jobs import ALONE
from semivideo.cli.console import progress_bars, run_plainly, show
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.encoders.local_motion import LocalDescriptors, LocalMotion, learn_codebook
from semivideo.evaluation import Evaluation
from semivideo.evaluation.bootstrap import paired_difference
from semivideo.features.extract import Wanted, extract
from semivideo.features.feature_cache import FeatureCache
from semivideo.features.several import codebook_pass
from semivideo.features.several.joining import joined, take

PICTURES, MOTION = "efficientnet_lite0", "local_motion"
CLASSIFIERS = ("probe", "wccn")
Cells = dict[tuple[str, str], list[Evaluation]]


def main(
    features: Annotated[Path, typer.Argument(help="Finished features of efficientnet_lite0.")],
    labels: Annotated[list[int], typer.Option(help="Labels per class; can be repeated.")] = [5],  # noqa: B006
    draws: Annotated[int, typer.Option(min=1, help="Seeds, from 0.")] = 5,
) -> None:
    """Score both classifiers on pictures, motion and both."""
    manifest = FeatureCache.open(features).manifest
    videos = Manifest(manifest.table, root=manifest.root)
    with progress_bars() as progress:
        described = codebook_pass.descriptors(videos, list(range(len(videos))), progress=progress)
    groups = dict(zip(manifest.ids, manifest.groups, strict=True))
    for number in labels:
        found: Cells = {}
        for seed in range(draws):
            split = semivideo.split(videos, labels_per_class=number, test_fraction=0.3, seed=seed)
            with tempfile.TemporaryDirectory() as folder:
                _draw(found, videos, split, (features, Path(folder)), described, seed=seed)
        show(f"{number} labels a class")
        for (kind, name), made in found.items():
            top1 = np.array([100 * _top1(each) for each in made])
            line = (
                f"{kind:36} {name:6} {top1.mean():5.1f} +- {top1.std(ddof=min(1, draws - 1)):.1f}"
            )
            for plain in dict.fromkeys([(PICTURES, "probe"), (PICTURES, name), (kind, "probe")]):
                if plain != (kind, name):
                    told = paired_difference(made, found[plain], groups=groups, own_tests=True)
                    line += f"   {_told(told)} on {plain[0]}".replace("probe", plain[1])
            show(line)


def _draw(
    found: Cells,
    videos: Manifest,
    split: Split,
    folders: tuple[Path, Path],
    described: dict[str, LocalDescriptors],
    *,
    seed: int,
) -> None:
    """Score a draw on all kinds of features."""
    pictures, folder = folders
    training = videos.rows_of([*split.labeled, *split.unlabeled])
    part = Manifest(videos.table.take(np.sort(training)), root=videos.root)
    sample = [part.ids[row] for row in codebook_pass.drawn(part)]
    codebook = learn_codebook([described[id] for id in sample if id in described])
    motion = extract(
        videos,
        folder / MOTION,
        encoder=LocalMotion(codebook, known=described),
        wanted=Wanted(num_views=2),
        part=ALONE,
    )
    (folder / MOTION / "codebook.safetensors").write_bytes(codebook.content)
    take([pictures, motion.folder], folder / "both", [PICTURES, MOTION])
    both = joined(videos, folder / "both", [PICTURES, MOTION])
    for kind, cache in ((PICTURES, pictures), (MOTION, motion.folder), ("both", both.folder)):
        for name in CLASSIFIERS:
            made = _scored(name, FeatureCache.open(cache).manifest, split, cache, seed=seed)
            found.setdefault((kind, name), []).append(made)


if __name__ == "__main__":
    run_plainly(lambda: typer.run(main))
