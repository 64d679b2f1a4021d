"""Evaluation on held-out videos: the next ones are decoded while the network scores one.

A video that cannot be read counts neither as right nor as wrong: it is left out of every figure,
warned about, and listed with its reason in ``Evaluation.skipped``. So a reader sees which videos a
figure is computed from.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from semivideo.base.errors import DataError, nearest
from semivideo.base.progress import Progress
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.video.decode import Image
from semivideo.evaluation.infer import Recognizer
from semivideo.evaluation.metrics import Evaluation, Labels, Scores
from semivideo.evaluation.protocols import protocol_name
from semivideo.events.label_sets import membership, names_in
from semivideo.events.presence import Present, one_of_them
from semivideo.features.several.parts_network import Shown

_LOG = logging.getLogger("semivideo")


def evaluate(
    recognizer: Recognizer,
    manifest: Manifest,
    ids: Iterable[str] | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    protocol: str | None = None,
    progress: Progress | None = None,
    workers: int = 2,
) -> Evaluation:
    """Score test videos and compare with their labels.

    Args:
        recognizer: The network.
        manifest: Where the videos are.
        ids: The test videos; None for all labelled ones of the manifest.
        labels: Id to class name; None takes the manifest's labels.
        protocol: Clips x crops, such as "10x3"; None takes the card's.
        progress: Called after each video.
        workers: Threads that decode ahead; 0 decodes between the forward passes.

    Returns:
        Scores in the order of ``ids``, without those in ``skipped``.

    Raises:
        DataError: There is no readable test video, one has no label, or one of a class that the
            network does not know.
        ConfigError: ``protocol`` is not allowed.
    """
    settings = recognizer.protocol(protocol)
    known = _labels(manifest, labels)
    wanted = list(known if ids is None else ids)
    classes, is_several = recognizer.card.classes, recognizer.card.data.multi_label
    if is_several:
        present = _present(wanted, known, classes=classes)
    else:
        truth = _class_numbers(wanted, known, classes=classes)
    rows = manifest.rows_of(wanted).tolist()
    if not rows:
        raise DataError("there is no test video with a label; name videos that have one")
    read_video = recognizer.shown(manifest)
    skipped: dict[str, str] = {}
    read: list[int] = []
    scores: list[Scores] = []

    def tell() -> None:
        if progress is not None:
            progress("evaluate", len(scores) + len(skipped), len(rows), protocol_name(settings))

    def load(row: int) -> Image | Shown | str:
        try:
            return read_video(row, settings.num_clips)
        except DataError as error:
            return str(error)

    def readable() -> Iterator[Image | Shown]:
        for position, clips in enumerate(_ahead(load, rows, workers=workers)):
            if isinstance(clips, str):
                skipped[wanted[position]] = clips
                _LOG.warning("left out of the evaluation: %s: %s", wanted[position], clips)
                tell()
            else:
                read.append(position)
                yield clips

    for scores_K in recognizer.scores_of_shown(readable(), settings=settings):
        scores.append(scores_K)
        tell()
    if not scores:
        raise DataError(
            f"none of the {len(wanted)} test videos can be read (the first: "
            f"{skipped[wanted[0]]}); are they still where they were scanned?"
        )
    thresholds = recognizer.card.thresholds
    return Evaluation(
        protocol=protocol_name(settings),
        classes=tuple(classes),
        ids=tuple(wanted[position] for position in read),
        scores=np.stack(scores),
        labels=one_of_them(np.stack(scores), present[read]) if is_several else truth[read],
        skipped=skipped,
        decoder=recognizer.decoder,
        present=present[read] if is_several else None,
        thresholds=None if thresholds is None else tuple(thresholds),
    )


def _labels(manifest: Manifest, labels: Mapping[str, str] | None) -> Mapping[str, str]:
    """Id to class name of every video whose class is known."""
    if labels is not None:
        return labels
    pairs = zip(manifest.ids, manifest.labels, strict=True)
    return {id: label for id, label in pairs if label is not None}


def _class_numbers(ids: list[str], labels: Mapping[str, str], *, classes: list[str]) -> Labels:
    """The class of each test video as the network counts them: int64 (V,)."""
    numbers = {name: number for number, name in enumerate(classes)}
    for id in ids:
        if id not in labels:
            raise DataError(
                f"test video {id!r} has no label; give it one in the label file or leave it out"
            )
        if labels[id] not in numbers:
            raise DataError(
                f"class {labels[id]!r} of test video {id!r} is unknown to the network"
                f"{nearest(labels[id], classes)} [its classes: {_shortened(classes)}]; rename the "
                "class or leave its videos out"
            )
    return np.array([numbers[labels[id]] for id in ids], dtype=np.int64)


def _present(ids: list[str], labels: Mapping[str, str], *, classes: list[str]) -> Present:
    """Which classes each test video shows: bool (V, K)."""
    for id in ids:
        if id not in labels:
            raise DataError(
                f"test video {id!r} has no label; give it one in the label file or leave it out"
            )
        if unknown := [name for name in names_in(labels[id]) if name not in classes]:
            raise DataError(
                f"class {unknown[0]!r} of test video {id!r} is unknown to the network"
                f"{nearest(unknown[0], classes)} [its classes: {_shortened(classes)}]; rename the "
                "class or leave its videos out"
            )
    return membership([labels[id] for id in ids], classes)


def _shortened(names: list[str], limit: int = 10) -> str:
    """The first names of a list, and how many there are more."""
    more = f", and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _ahead(
    load: Callable[[int], Image | Shown | str], rows: list[int], *, workers: int
) -> Iterator[Image | Shown | str]:
    """Load rows in order, a few of them ahead of the one that is asked for."""
    if workers == 0:
        yield from map(load, rows)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="semivideo-decode")
    queue: deque[Future[Image | Shown | str]] = deque()
    try:
        for row in rows:
            queue.append(pool.submit(load, row))
            if len(queue) > 2 * workers:  # bounds the decoded clips in memory
                yield queue.popleft().result()
        while queue:
            yield queue.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
