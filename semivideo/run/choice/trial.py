"""What a step takes, memory and time, learned from a training that is never begun.

On a CPU a step that does not fit makes the system kill the program, so it must not be tried.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from semivideo import models
from semivideo.base.devices import is_out_of_memory
from semivideo.base.errors import TrainingError, option
from semivideo.base.records import Batch, LabeledClips
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.clips.loader import Streams, training_loader
from semivideo.engine.runtime import Runtime
from semivideo.engine.trainer import Plan, Training
from semivideo.models import NETWORKS, tuning
from semivideo.run import build
from semivideo.runfolder import RunFolder
from semivideo.settings import DataSettings, NetworkSettings, Settings

_LOG = logging.getLogger("semivideo")
USUAL_STEPS = 1000
"""Length of the run that a trial belongs to, where its own is not known or short."""
_MOST_TRIED, _TRYING = 6, 4.0
"""Steps that are timed at most, and the seconds after which no other one begins."""
_STREAMS = ("labeled", "unlabeled")
_FEW = {"labeled_batch": 2, "unlabeled_batch": 2}  # one alone may be too few for batch statistics
_PROC, _CGROUP = Path("/proc"), Path("/sys/fs/cgroup")


def set_up(settings: Settings, manifest: Manifest, *, num_steps: int = USUAL_STEPS) -> Training:
    """Make a training as ``semivideo train`` does, of a run folder that is never made.

    Args:
        settings: Of the run.
        manifest: The videos.
        num_steps: Of the run.
    """
    torch.manual_seed(settings.engine.seed)
    method = build.method_of(settings, manifest)
    method.prepare(manifest.ids)
    engine = settings.engine.model_copy(update={"tensorboard": False})
    training = Training(
        method,
        plan=Plan(num_steps, engine, split_hash="", settings_hash=""),
        run=RunFolder(Path("trial")),
        runtime=Runtime(precision=engine.precision),
    )
    training.stepper.train()
    return training


def few_clips(
    training: Training, manifest: Manifest, streams: Streams, settings: Settings
) -> Batch:
    """Read two labelled clips and two unlabelled ones, if the method wants any.

    Args:
        training: Says which clips.
        manifest: The videos.
        streams: Those to learn from.
        settings: Of the run.

    Raises:
        DataError: None of eight videos can be read.
    """
    data = settings.data.model_copy(update={**_FEW, "workers": 0})
    reader = ClipReader(manifest, training.method.clips, settings=data)
    loader = training_loader(reader, streams, seed=settings.engine.seed, num_steps=1)
    return next(iter(loader))


def with_clips(batch: Batch, number: int, *, stream: str) -> Batch:
    """The batch with another number of clips of one stream, which are repeated as often as needed.

    Args:
        batch: Has clips of that stream.
        number: Wanted, >= 1.
        stream: "labeled" or "unlabeled".
    """
    return replace(batch, **{stream: _repeated(getattr(batch, stream), number)})


def step_seconds(training: Training, batch: Batch, settings: Settings) -> float:
    """Return how long a whole step takes, without reading: the median of those after the first.

    There are two where a step takes seconds, and a few more where it is short: the first ones of a
    process still ask for memory that later ones find.

    Args:
        training: Is trained on.
        batch: A few clips.
        settings: Say how many there are in a step.
    """
    whole = with_clips(batch, settings.data.labeled_batch, stream="labeled")
    if batch.unlabeled is not None:
        whole = with_clips(whole, settings.data.unlabeled_batch, stream="unlabeled")
    # From the middle of the run: by then warm-ups have ended, in which some methods do less.
    whole = replace(whole, step=training.plan.num_steps // 2)
    seconds: list[float] = []
    while len(seconds) < 2 or (len(seconds) < _MOST_TRIED and sum(seconds) < _TRYING):
        before = time.perf_counter()
        training.learn(whole.to(training.runtime.device), waited=0.0)
        if training.runtime.device.type != "cpu":
            torch.accelerator.synchronize()
        seconds.append(time.perf_counter() - before)
    return statistics.median(seconds[1:])


def free_memory_gb() -> float | None:
    """Return the memory that nobody uses, of this container if it has less; None if unknown."""
    info = _PROC / "meminfo"
    if not info.is_file():
        return None
    lines = dict(line.split(":", 1) for line in info.read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) / 1e6
    limit, used = _CGROUP / "memory.max", _CGROUP / "memory.current"
    if limit.is_file() and used.is_file() and (most := limit.read_text().strip()).isdigit():
        free = min(free, (int(most) - int(used.read_text())) / 1e9)
    return free


def free_on_device_gb(runtime: Runtime) -> float | None:
    """Return the memory that is free where a step computes; None if unknown."""
    if runtime.device.type == "cuda":
        return torch.cuda.mem_get_info(runtime.device)[0] / 1e9
    return free_memory_gb() if runtime.device.type == "cpu" else None


@contextmanager
def sentence_for_memory(settings: Settings) -> Iterator[None]:
    """A step that runs out of memory ends in a sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise _does_not_fit(settings, "does not fit in memory") from None


def check_memory(training: Training, batch: Batch, settings: Settings) -> None:
    """Refuse a step that cannot fit in the memory that is free.

    What is far too large is found by counting, before a few of its clips fill the memory.

    Args:
        training: Takes some forward passes.
        batch: A few clips.
        settings: Of the run; ``engine.check_memory`` off does nothing.

    Raises:
        TrainingError: It needs more than there is.
    """
    free = free_on_device_gb(training.runtime)
    if free is None or not settings.engine.check_memory:
        return
    least = counted_gb(settings, training.runtime)
    if least <= free:
        try:
            with sentence_for_memory(settings):
                parts = settings.engine.accumulate
                least = step_memory(training, batch).least_gb(
                    settings.data, training.runtime, parts=parts
                )
        except TrainingError:
            raise
        except (RuntimeError, ValueError) as error:  # a user's method that wants other batches
            _LOG.warning("memory is not checked, for a step of few clips fails: %s", error)
    if least > free:
        words = f"needs at least {least:.3g} GB of memory, and {free:.3g} GB are free"
        raise _does_not_fit(settings, words)


def counted_gb(settings: Settings, runtime: Runtime) -> float:
    """Count what the networks of this package keep in a step; it takes no memory and no video.

    Args:
        settings: Of the run.
        runtime: Its precision, and its processes if each has a GPU of its own.

    Returns:
        Less than a step needs; 0.0 where that cannot be counted, as for a user's network.
    """
    cls, data, engine = build.method_class(settings.method.name), settings.data, settings.engine
    networks = build.network_settings(settings, cls).values()
    is_plain = engine.weak_graph and not engine.checkpoint_activations and engine.accumulate == 1
    is_plain = is_plain and all(tuning.is_plain(network) for network in networks)
    if not is_plain or any(network.name not in NETWORKS for network in networks):
        return 0.0
    clips = data.labeled_batch * cls.passes.labeled
    clips += data.unlabeled_batch * cls.passes.unlabeled if cls.uses_unlabeled else 0
    share = runtime.world_size if runtime.device.type == "cuda" else 1
    bytes_per_clip = sum(_kept_by_clip(network, settings.views.crop_size) for network in networks)
    halved = 1 if runtime.precision == "fp32" else 2
    return clips * bytes_per_clip / share / halved / 1e9


def _kept_by_clip(network: NetworkSettings, side: int) -> float:
    """Bytes that one more clip makes a network keep for the backward, in fp32."""
    kept = []
    with torch.device("meta"):
        made = models.create(network.name, 2, **network.options).train()
        for number in (2, 3):  # one alone may be too few for batch statistics
            sizes: dict[int, int] = {}

            def pack(tensor: Tensor, sizes: dict[int, int] = sizes) -> Tensor:
                sizes[tensor.untyped_storage()._cdata] = tensor.untyped_storage().nbytes()
                return tensor

            with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
                result = made(torch.empty(number, 3, network.num_frames, side, side))
            del result  # it keeps what was counted alive until here
            kept.append(sum(sizes.values()))
    return kept[1] - kept[0]


@dataclass(frozen=True)
class StepMemory:
    """What the forward passes of a step keep for the backward, which is the least a step needs.

    Attributes:
        clips: Clips of each stream that were measured.
        base_gb: What they keep, weights included.
        per_clip_gb: What one more clip of each stream keeps.
    """

    clips: Mapping[str, int]
    base_gb: float
    per_clip_gb: Mapping[str, float]

    def least_gb(
        self, data: DataSettings, runtime: Runtime | None = None, *, parts: int = 1
    ) -> float:
        """Return what a step with the batches of these settings needs at least.

        Args:
            data: Says how many clips.
            runtime: Its processes share a batch, each with a GPU of its own; None for one process.
            parts: That are computed one after the other, ``engine.accumulate``.
        """
        share = runtime.world_size if runtime and runtime.device.type == "cuda" else 1
        share *= parts
        least = self.base_gb
        for stream, more in self.per_clip_gb.items():
            wanted = getattr(data, f"{stream}_batch") / share
            least += more * (wanted - self.clips[stream])
        return least


def step_memory(training: Training, batch: Batch) -> StepMemory:
    """Measure forward passes of few clips: what they keep grows evenly with the clips.

    Args:
        training: Takes the passes.
        batch: A few clips of each stream that the method uses.
    """
    base, clips, per_clip = kept_gb(training, batch), {}, {}
    for stream in _STREAMS:
        if (given := getattr(batch, stream)) is not None:
            clips[stream] = len(given)
            more = kept_gb(training, with_clips(batch, len(given) + 1, stream=stream))
            per_clip[stream] = more - base
    return StepMemory(clips, base, per_clip)


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
    insist = option("settings", {"engine.check_memory": False})
    return TrainingError(
        f"a step of {data.labeled_batch} labelled and {data.unlabeled_batch} unlabelled clips "
        f"{words}; lower data.unlabeled_batch, data.labeled_batch or views.crop_size, start from a "
        f"small recipe such as {option('recipe', 'small-cmpl')}, or insist with {insist}"
    )


def _repeated(clips: Any, number: int) -> Any:
    """As many of the clips, over and over."""
    index = torch.arange(number) % len(clips)
    changed = {name: frames[index] for name, frames in clips.frames.items()}
    fields = {"size": clips.size[index], "video": clips.video[index], "draw": clips.draw[index]}
    if isinstance(clips, LabeledClips):
        fields["label"] = clips.label[index]
    return replace(clips, frames=changed, **fields)
