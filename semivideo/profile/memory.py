"""Whether a step fits in memory, before it is tried: on a CPU the system would kill the program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from semivideo.base.errors import TrainingError
from semivideo.base.records import Batch
from semivideo.data.clips.loader import training_loader
from semivideo.engine.batch_size import is_out_of_memory
from semivideo.engine.trainer import Training
from semivideo.profile.machine import free_memory_gb
from semivideo.profile.reading import Source
from semivideo.profile.step import with_clips
from semivideo.settings import Settings

_FEW = {"labeled": 2, "unlabeled": 1}  # clips; one alone may be too few for batch statistics


@contextmanager
def sentence_for_memory(settings: Settings) -> Iterator[None]:
    """A step that runs out of memory ends in a sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise _does_not_fit(settings, "does not fit in memory") from None


def check_memory(training: Training, source: Source, settings: Settings) -> None:
    """Refuse a step that cannot fit in the memory of a CPU's machine.

    Args:
        training: Takes some forward passes.
        source: The videos.
        settings: Of the run.

    Raises:
        TrainingError: It needs more than there is.
    """
    free = free_memory_gb()
    if training.runtime.device.type != "cpu" or free is None:
        return
    few = {f"{stream}_batch": number for stream, number in _FEW.items()}
    data = source.settings.model_copy(update={**few, "workers": 0})
    reader = source.with_settings(data).reader()
    loader = training_loader(reader, source.streams, seed=source.seed, num_steps=1)
    wanted = {stream: getattr(settings.data, f"{stream}_batch") for stream in _FEW}
    least = least_gb(training, next(iter(loader)), wanted)
    if least > free:
        words = f"needs at least {least:.3g} GB of memory, and {free:.3g} GB are free"
        raise _does_not_fit(settings, words)


def least_gb(training: Training, batch: Batch, wanted: Mapping[str, int]) -> float:
    """Return what a step needs at least, from forward passes of few clips.

    What a forward pass keeps for the backward grows evenly with the clips of each stream.

    Args:
        training: Takes the passes.
        batch: Few clips.
        wanted: Clips of each stream, "labeled" and "unlabeled", in the step.
    """
    least = base = kept_gb(training, batch)
    for stream, number in wanted.items():
        if (clips := getattr(batch, stream)) is not None:
            more = kept_gb(training, with_clips(batch, len(clips) + 1, stream=stream))
            least += (more - base) * (number - len(clips))
    return least


def kept_gb(training: Training, batch: Batch) -> float:
    """Return what a forward pass keeps for the backward, weights included."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        with training.runtime.autocast():
            there = training.as_set(replace(batch, progress=0.5)).to(training.runtime.device)
            result = training.stepper(there)
        del result  # it keeps what was counted alive until here, so that no address comes twice
    return sum(kept.values()) / 1e9


def _does_not_fit(settings: Settings, words: str) -> TrainingError:
    data = settings.data
    return TrainingError(
        f"a step of {data.labeled_batch} labelled and {data.unlabeled_batch} unlabelled clips "
        f"{words}; lower data.unlabeled_batch, data.labeled_batch or views.crop_size, or start "
        "from a small recipe such as --recipe small-cmpl"
    )
