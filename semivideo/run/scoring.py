"""A trained network on held-out videos, its scores kept in the run folder."""

from __future__ import annotations

from pathlib import Path

from semivideo.base.errors import DataError
from semivideo.base.progress import Progress
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.evaluation import Evaluation
from semivideo.evaluation import evaluate as evaluate_videos
from semivideo.run.finished import Run
from semivideo.run.prediction import load
from semivideo.run.videos import Videos, as_manifest
from semivideo.runfolder import RunFolder
from semivideo.settings import Decoder


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
        progress: See ``semivideo.api``.

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
