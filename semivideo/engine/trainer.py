"""One training: its state, and each thing the loop does to it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from semivideo.base.errors import CheckpointError, TrainingError
from semivideo.base.randomness import key
from semivideo.base.records import Batch, StepResult
from semivideo.engine.accumulation import in_parts, joined
from semivideo.engine.checkpoint import Checkpoint, Checkpoints
from semivideo.engine.execution import begin_step, set_execution
from semivideo.engine.log import MetricsLog
from semivideo.engine.optim import learning_rate, load_optimizer, make_optimizer, set_learning_rate
from semivideo.engine.precise_bn import recompute_batch_statistics
from semivideo.engine.pseudo_log import PseudoLabelLog
from semivideo.engine.rounds import Rounds
from semivideo.engine.runtime import Runtime
from semivideo.engine.watch import CollapseWatch
from semivideo.methods.base import Method
from semivideo.methods.parts.ema import WeightAverage
from semivideo.models.tuning import merge
from semivideo.runfolder import RunFolder
from semivideo.settings import EngineSettings
from semivideo.transforms.labeled_mix import with_soft_labels

_LOG = logging.getLogger("semivideo")

Batches = Callable[[int], Iterable[Batch]]
"""Maps the number of a step to the stream of batches from that step on."""
UnlabeledPass = Callable[[], Iterable[Batch]]
"""Starts one pass over the unlabelled videos, always the same batches."""
Evaluate = Callable[[nn.Module], dict[str, float]]
"""Maps a network in evaluation mode to named scores."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how to train, and what the run must match to be resumed.

    Attributes:
        num_steps: Length of the training.
        settings: Optimiser and intervals; ``steps`` and ``epochs`` are not read here.
        split_hash: Digest of the split.
        settings_hash: Digest of all settings, see ``checkpoint.settings_hash``.
        ids: Of the videos, for what is told of them; none where they are told by their numbers.
    """

    num_steps: int
    settings: EngineSettings
    split_hash: str
    settings_hash: str
    ids: Sequence[str] = ()


def timed(batches: Batches, steps: range) -> Generator[tuple[Batch, float], None, None]:
    """Yield the batch of each step with the seconds it was waited for."""
    if not steps:
        return
    iterator = iter(batches(steps.start))
    try:
        for step in steps:
            before = time.perf_counter()
            batch = next(iterator, None)
            if batch is None or batch.step != step:
                raise RuntimeError(f"the training stream has no batch for step {step}")
            yield batch, time.perf_counter() - before
    finally:
        if hasattr(iterator, "close"):
            iterator.close()  # a generator may hold worker processes


class Training:
    """The state of a training and what is done to it."""

    def __init__(self, method: Method, *, plan: Plan, run: RunFolder, runtime: Runtime) -> None:
        settings = plan.settings
        num_classes = method.deployed.num_classes
        self.rounds = Rounds(num_steps=plan.num_steps, num_rounds=method.num_rounds)
        runtime.place(method, channels_last=settings.channels_last)
        set_execution(method, settings, device=runtime.device)
        self.method, self.plan, self.run, self.runtime = method, plan, run, runtime
        self.optimizer = make_optimizer(method, settings)
        self.average = self._new_average()
        self.stepper = runtime.prepare(method)
        self.checkpoints = Checkpoints(run, keep=settings.keep_checkpoints)
        self.metrics = MetricsLog(
            run, runtime, num_classes=num_classes, tensorboard=settings.tensorboard
        )
        self.pseudo_labels = PseudoLabelLog(run, runtime)
        self.watch = CollapseWatch(num_steps=plan.num_steps, num_classes=num_classes)
        self.skipped: dict[int, str] = {}
        self.saved_step: int | None = None
        self.saved_at = time.monotonic()

    def is_due(self, done: int, every: int | None) -> bool:
        """Whether something done every so many steps, and at the end, is due."""
        return every is not None and (done % every == 0 or done == self.plan.num_steps)

    def resume(self) -> int:
        """Take over the last checkpoint, if there is one, and return the number of steps done."""
        plan = self.plan
        self.stepper.train()
        found = self.checkpoints.latest(
            split_hash=plan.split_hash, settings_hash=plan.settings_hash
        )
        log_state = {"window": {}, "seconds": 0.0, "waited": 0.0}
        if found is not None:
            self.saved_step = found.step
            self._load(found.state)
            log_state = found.state["metrics"]
        done = 0 if found is None else found.step
        for line in self.metrics.restore(done, log_state):
            self.watch.look(line, is_new=False)
        self.pseudo_labels.restore(done)
        return done

    def start_round(self, step: int, unlabeled_pass: UnlabeledPass | None) -> None:
        """If a round other than the first begins with this step, begin it.

        A checkpoint of this moment was written before, so that a resumed run comes here again.
        """
        now = self.rounds.at(step)
        if now.number == 0 or step != now.start:
            return
        if unlabeled_pass is None:
            raise RuntimeError(f"a method of {self.rounds.num_rounds} rounds needs unlabeled_pass")
        self.runtime.seed(key(self.plan.settings.seed, "round", now.number, self.runtime.rank))
        with self.runtime.autocast():
            self.method.start_round(self._moved(unlabeled_pass()))
        self.optimizer.state.clear()  # momentum
        self.average = self._new_average()
        self.stepper.train()

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, whose schedule is that of its round."""
        now = self.rounds.at(step)
        return learning_rate(step - now.start, now.num_steps, self.plan.settings)

    def learn(self, batch: Batch, *, waited: float) -> None:
        """Do one step."""
        settings, step = self.plan.settings, batch.step
        now = self.rounds.at(step)
        batch = replace(batch, progress=(step - now.start) / now.num_steps)
        self.runtime.seed(key(settings.seed, "step", step, self.runtime.rank))  # dropout
        set_learning_rate(self.optimizer, self.rate(step))
        self.optimizer.zero_grad()
        result = self._with_gradient(batch)
        self.runtime.step(self.optimizer, self.method.parameters(), clip=settings.clip_gradient)
        self.method.after_step()
        if self.average is not None:
            self.average.update()
        self.metrics.add(batch, result, waited=waited)
        self.pseudo_labels.add(step, result.pseudo)
        self._note_skipped(batch)

    def as_set(self, batch: Batch) -> Batch:
        """Return the batch with what the run's settings say of its labels and its computation."""
        settings, num_classes = self.plan.settings, self.method.deployed.num_classes
        labeled = with_soft_labels(
            batch.labeled, settings, num_classes=num_classes, step=batch.step
        )
        return replace(batch, labeled=labeled, weak_graph=settings.weak_graph)

    def write_line(self, done: int) -> None:
        """Log the steps since the last line."""
        self._check_losses(done)
        self.watch.look(self.metrics.line(done, learning_rate=self.rate(done - 1)))
        self.pseudo_labels.collect()

    def evaluate(self, done: int, evaluate: Evaluate) -> None:
        """Log a quick evaluation of the network that would be deployed now."""
        network = self.method.deployed if self.average is None else self.average.network
        with self.metrics.paused():
            if self.runtime.is_main:
                with torch.no_grad(), self.runtime.autocast():
                    self.metrics.evaluation(done, evaluate(network.eval()))
            self.runtime.wait_for_all()
        self.stepper.train()

    def save(self, done: int) -> None:
        """Write a checkpoint; a state that is not finite never gets there."""
        self._check_losses(done)
        self._check_weights(done)
        skipped = self.runtime.gather_mapping(self.skipped)
        self.pseudo_labels.save(done)
        with self.metrics.paused():
            state = {
                "method": self.method.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": self.average and self.average.state_dict(),
                "runtime": self.runtime.state_dict(),
                "metrics": self.metrics.state_dict(),
                "skipped": skipped,
            }
            if self.runtime.is_main:
                plan = self.plan
                self.checkpoints.save(Checkpoint(done, plan.split_hash, plan.settings_hash, state))
            self.runtime.wait_for_all()
        self.saved_step, self.saved_at = done, time.monotonic()

    def deploy(self, batches: Batches) -> None:
        """Turn the method's deployed network into the final one."""
        settings, num_steps = self.plan.settings, self.plan.num_steps
        if self.average is not None:
            self.method.deployed.load_state_dict(self.average.network.state_dict())
        if settings.precise_bn:
            start = max(0, num_steps - settings.precise_bn)
            steps = timed(batches, range(start, num_steps))
            last_steps = (
                self.as_set(part)
                for batch, _ in steps
                for part in in_parts(batch, settings.accumulate)
            )
            recompute_batch_statistics(self.method, last_steps, runtime=self.runtime)
            self._check_weights(num_steps)
        merge(self.method.deployed)
        self.method.eval()
        self.pseudo_labels.merge()

    def summary(self) -> dict[str, Any]:
        """Write and return what the training came to."""
        self.metrics.tick()
        skipped = self.runtime.gather_mapping(self.skipped)
        summary = {
            "steps": self.plan.num_steps,
            "seconds": round(self.metrics.seconds, 2),
            "waiting": round(self.metrics.waited / max(self.metrics.seconds, 1e-9), 4),
            "peak_memory_mb": round(self.runtime.peak_memory_mb(), 1),
            "device": self.runtime.device.type,
            "machine": self.runtime.machine(),
            "precision": self.runtime.precision,
            "processes": self.runtime.world_size,
            "skipped_videos": {self._name(row): skipped[row] for row in sorted(skipped)},
            "warnings": self.watch.warnings,
            "last": self.metrics.last,
        }
        if self.runtime.is_main:
            self.run.write_json(self.run.summary_file, summary)
        self.runtime.wait_for_all()
        return summary

    def _name(self, row: int) -> str:
        """What a video is called in the summary."""
        return self.plan.ids[row] if self.plan.ids else str(row)

    def _with_gradient(self, batch: Batch) -> StepResult:
        """Compute the step, in parts if so set, and leave the gradient in the parameters."""
        results = []
        parts = in_parts(batch, self.plan.settings.accumulate)
        for number, part in enumerate(parts, start=1):
            begin_step(self.plan.settings)
            with self.runtime.averaged(self.stepper, now=number == len(parts)):
                with self.runtime.autocast():
                    result = self.stepper(self.as_set(part))
                self.runtime.backward(result.loss / len(parts))
            results.append(replace(result, loss=result.loss.detach()))
        return joined(results)

    def _load(self, state: dict[str, Any]) -> None:
        """Take over the state of a checkpoint."""
        try:
            self.method.load_state_dict(state["method"])
            load_optimizer(self.optimizer, state["optimizer"])
            if self.average is not None:
                self.average.load_state_dict(state["average"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"the checkpoint in {self.run.checkpoints} does not fit these networks "
                f"({str(error).splitlines()[0]}); resume with the code and settings it was made "
                "with or start a new run"
            ) from error
        self.runtime.load_state_dict(state["runtime"])
        self.skipped = {int(row): reason for row, reason in state["skipped"].items()}

    def _new_average(self) -> WeightAverage | None:
        """An average that starts at the present weights, if one is wanted."""
        decay = self.plan.settings.ema
        return None if decay is None else WeightAverage(self.method.deployed, decay=decay)

    def _moved(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches on this process's device; their broken videos are noted."""
        for batch in batches:
            self._note_skipped(batch)
            yield batch.to(self.runtime.device)

    def _note_skipped(self, batch: Batch) -> None:
        """Warn once of each video that cannot be read."""
        for row, reason in batch.skipped.items():
            if row not in self.skipped:
                self.skipped[row] = reason
                _LOG.warning("skipping a video in training: %s", reason)

    def _check_losses(self, done: int) -> None:
        """Stop if a loss since the last line is not finite."""
        losses = self.metrics.losses()
        for step, loss in enumerate(losses, start=done - len(losses) + 1):
            if not math.isfinite(loss):
                raise self._not_finite(f"the loss is {loss} in step {step}")

    def _check_weights(self, done: int) -> None:
        """Stop if a weight, or a statistic, is not finite: the next loss would show it too late."""
        for kind, tensors in (
            ("weight", list(self.method.parameters())),
            ("statistic of a batch", [b for b in self.method.buffers() if b.is_floating_point()]),
        ):
            finite = [tensor.detach().isfinite().all() for tensor in tensors]
            if finite and not torch.stack(finite).all():
                raise self._not_finite(f"a {kind} is not finite after step {done}")

    def _not_finite(self, what: str) -> TrainingError:
        """The error that stops the training."""
        kept = (
            "no checkpoint was written yet"
            if self.saved_step is None
            else f"the checkpoint of step {self.saved_step} in {self.run.path} is kept"
        )
        return TrainingError(
            f"{what}; {kept}; start a new run with a lower engine.learning_rate (it was "
            f"{self.plan.settings.learning_rate:g}) or with engine.clip_gradient"
        )
