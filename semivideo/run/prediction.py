"""Trained networks at work: ``load``, and ``predict`` for any number of files.

``progress`` is a callable ``(description, done, total, extra)`` that draws a bar, or None.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from semivideo.base.errors import CheckpointError, DataError
from semivideo.base.foreign_code import allowing
from semivideo.base.jobs import ALONE, part_file, part_of_job
from semivideo.base.places import not_a_run, what_is
from semivideo.base.progress import Progress
from semivideo.data.catalogue.frame_rates import FrameRates
from semivideo.evaluation import Failure, Prediction, Recognizer
from semivideo.evaluation.prediction_file import PredictionFile, video_files
from semivideo.evaluation.prediction_file import predictions as predicted
from semivideo.models.weights import CARD, read_card
from semivideo.run.finished import Run
from semivideo.run.many import cluster
from semivideo.runfolder import RunFolder
from semivideo.settings import Decoder, ModelCard


def load(
    folder: str | Path, *, decoder: Decoder = "software", allow: Sequence[str] = ()
) -> Recognizer:
    """Return a trained network with its preprocessing.

    Nothing of the folder is run, and nothing is imported that it names, unless allowed.

    Args:
        folder: ``RUN/model``, or ``RUN`` itself.
        decoder: Who decodes video files, see ``Recognizer``.
        allow: Modules of your own that may be imported where the folder names their networks.

    Raises:
        CheckpointError: There is no usable network.
    """
    with allowing(allow):
        return Recognizer.load(model_folder(Path(folder)), decoder=decoder)


def card_of(folder: str | Path) -> ModelCard:
    """Return what a trained network says of itself, without its weights.

    Args:
        folder: As for ``load``.

    Raises:
        CheckpointError: There is no usable network.
    """
    return read_card(model_folder(Path(folder)) / CARD)


def predict(
    run: str | Path | Run,
    videos: Sequence[str | Path],
    *,
    top: int = 5,
    protocol: str | None = None,
    out: str | Path | None = None,
    ray: bool = False,
    decoder: Decoder = "software",
    frame_rate: float | None = None,
    allow: Sequence[str] = (),
    progress: Progress | None = None,
) -> list[Prediction]:
    """Name the most probable classes of video files.

    Args:
        run: The run, its folder, or a ``model`` folder.
        videos: Files of any container, length and rotation, or folders of them.
        top: How many classes to name.
        protocol: Clips x crops; None takes the run's.
        out: A .csv, .json or .jsonl file to write to as well, see ``evaluation.prediction_file``.
        ray: Spread the files over a Ray cluster.
        decoder: Who decodes the files, see ``load``.
        frame_rate: Frames a second of folders of frames; None for that of the manifest which names
            them, else 25, which is told.
        allow: As in ``load``.
        progress: See ``semivideo.api``.

    Returns:
        One a file; with ``out``, those of files that it did not have yet and that can be read.

    Raises:
        DataError: A file cannot be read; with ``out`` it costs one line there and no error.
    """
    every = predictions(
        run,
        videos,
        top=top,
        protocol=protocol,
        out=out,
        ray=ray,
        decoder=decoder,
        frame_rate=frame_rate,
        allow=allow,
        progress=progress,
    )
    made = []
    for found in every:
        if isinstance(found, Prediction):
            made.append(found)
        elif out is None:
            raise DataError(found.error, path=found.path)
    return made


def predictions(
    run: str | Path | Run,
    videos: Sequence[str | Path],
    *,
    top: int = 5,
    protocol: str | None = None,
    out: str | Path | None = None,
    ray: bool = False,
    decoder: Decoder = "software",
    frame_rate: float | None = None,
    allow: Sequence[str] = (),
    progress: Progress | None = None,
) -> Iterator[Prediction | Failure]:
    """Give the predictions of files as they are made, and go on past files that cannot be read.

    With ``out`` a job that was stopped goes on where it was, and each of several processes
    (``semivideo.base.jobs``) takes its part of the files and writes a file of its own.

    Args:
        run: As for ``predict``, like the other arguments.
        videos: Predictions come in their order; from a cluster they come in any order.
        top: How many classes to name.
        protocol: Clips x crops.
        out: File to write to.
        ray: Spread the files over a Ray cluster.
        decoder: Who decodes the files, see ``load``.
        frame_rate: Frames a second of folders of frames; None for that of the manifest which names
            them, else 25, which is told.
        allow: As in ``load``.
        progress: See ``semivideo.api``.

    Raises:
        SemiVideoError: There is no usable network, or ``out`` cannot be used.
    """
    path = Path(run.path if isinstance(run, Run) else run)
    allow = (*allow, *(run.allow if isinstance(run, Run) else ()))
    recognizer = load(path, decoder=decoder, allow=allow)
    files, rates = video_files(videos), FrameRates.of(videos, said=frame_rate)
    rates.tell(files)
    part = part_of_job() if out is not None and not ray else ALONE
    files = files[part[0] :: part[1]]
    with ExitStack() as stack:
        table: PredictionFile | None = None
        if out is not None:
            other = decoder if decoder != "software" else None  # its scores differ a little
            shown = None if frame_rate is None else f"{frame_rate:g}/s"
            digest = recognizer.card.weights_sha256[:12]
            model = " ".join(filter(None, [digest, protocol, other, shown]))
            named = min(top, len(recognizer.card.classes))
            table = PredictionFile(part_file(Path(out), part), files, model=model, top=named)
            stack.enter_context(table)
        missing = files if table is None else table.missing
        if ray:
            made = cluster.predictions(
                *(model_folder(path), missing),
                top=top,
                protocol=protocol,
                decoder=decoder,
                rates=rates,
                allow=allow,
            )
        else:
            made = predicted(
                lambda file: recognizer.predict(
                    file, top=top, protocol=protocol, frame_rate=rates(file)
                ),
                missing,
            )
        for done, found in enumerate(made, start=1 + len(files) - len(missing)):
            if table is not None:
                table.add(found)
            if progress is not None:
                progress("predict", done, len(files), "")
            yield found


def model_folder(path: Path) -> Path:
    """Return the folder of the network of a run that has finished.

    Args:
        path: The run folder, or the folder of a network, which is returned as it is.

    Raises:
        CheckpointError: It is neither, or the run has not finished.
    """
    folder = RunFolder(path)
    if what_is(path) == "model":
        return path
    if not folder.settings_file.is_file():
        raise CheckpointError(not_a_run(path))
    if not folder.model.is_dir():
        raise CheckpointError(
            f"{folder.path} holds no trained network yet; finish it with "
            f"{shlex.join(['semivideo', 'train', '--resume', str(folder.path)])}"
        )
    return folder.model
