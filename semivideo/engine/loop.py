"""The loop: a method, a stream of batches and a run folder in, a trained network out.

Step i is a function of the state before it and of (seed, i) alone, so a run that is killed and
resumed ends with the weights and the logs of a run that was not.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from semivideo.base.progress import Progress
from semivideo.engine.prefetch import delivered
from semivideo.engine.runtime import Runtime
from semivideo.engine.signals import StopSignals
from semivideo.engine.trainer import (
    Batches,
    Evaluate,
    Plan,
    Training,
    UnlabeledPass,
    timed,
)
from semivideo.methods.base import Method
from semivideo.models.contract import Network
from semivideo.runfolder import RunFolder


@dataclass(frozen=True, slots=True)
class Feed:
    """What a training reads.

    Attributes:
        batches: The training stream; a function of the step, so that it can start anywhere.
        unlabeled_pass: What a method of several rounds chooses from before each but the first.
    """

    batches: Batches
    unlabeled_pass: UnlabeledPass | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a training gives.

    Attributes:
        network: The network to deploy, in evaluation mode; averages are applied.
        summary: What ``summary.json`` says.
    """

    network: Network
    summary: dict[str, Any]


def fit(
    method: Method,
    *,
    feed: Feed,
    plan: Plan,
    run: RunFolder,
    runtime: Runtime,
    evaluate: Evaluate | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """Train a method, from the last checkpoint of the run folder if there is one.

    Args:
        method: Trained in place.
        feed: The training stream and, for a method of several rounds, a pass over the videos.
        plan: Length, optimiser, intervals and identity of the run.
        run: Takes metrics, pseudo-labels, checkpoints and the summary.
        runtime: Device, precision and processes.
        evaluate: Quick evaluation for the log, every ``evaluate_every`` steps.
        progress: Called with ("train", steps done, steps in all, a remark) before the first and
            after every step; the remark has the last loss, share kept and share of time waiting.

    Raises:
        ConfigError: The method asks for more rounds than there are steps.
        TrainingError: The loss is not finite; the last good checkpoint is kept.
        WriteError: The run folder cannot be written.
        CheckpointError: Its checkpoint does not fit.
        Stopped: Ctrl-C or SIGTERM came; the state after the step that was at work is saved.
    """
    training = Training(method, plan=plan, run=run, runtime=runtime)
    done = training.resume()
    stream = delivered(timed(feed.batches, range(done, plan.num_steps)), runtime.device)
    try:
        if progress is not None:
            progress("train", done, plan.num_steps, _remark(training.metrics.last))
        with StopSignals() as signals:
            for batch, waited in stream:
                training.start_round(batch.step, feed.unlabeled_pass)
                training.learn(batch, waited=waited)
                done += 1
                if training.is_due(done, plan.settings.log_every):
                    training.write_line(done)
                if evaluate is not None and training.is_due(done, plan.settings.evaluate_every):
                    training.evaluate(done, evaluate)
                is_stopped = _keep_state(training, done, is_asked_to_stop=signals.came)
                if progress is not None:
                    progress("train", done, plan.num_steps, _remark(training.metrics.last))
                if is_stopped:
                    raise signals.stopped()
        training.deploy(feed.batches)
        return Fitted(method.deployed, training.summary())
    finally:
        stream.close()
        training.metrics.close()


def _keep_state(training: Training, done: int, *, is_asked_to_stop: bool) -> bool:
    """Write a checkpoint if one is due by steps, by the clock, at the end or before a stop.

    Returns:
        Whether to stop now, the same in all processes.
    """
    settings, runtime = training.plan.settings, training.runtime
    every, is_last = settings.checkpoint_every, done == training.plan.num_steps
    seconds = time.monotonic() - training.saved_at
    is_late = every is None and seconds > 60 * settings.checkpoint_minutes
    # Several processes agree where they write a line and wait for each other anyway.
    if runtime.world_size == 1 or training.is_due(done, settings.log_every):
        is_late, is_stopped = runtime.anybody(is_late, is_asked_to_stop)
    else:
        is_late = is_stopped = False
    if is_late or is_stopped or is_last or training.is_due(done, every):
        training.save(done)
    return is_stopped


def _remark(line: dict[str, Any]) -> str:
    """Loss, share kept and share of time spent waiting, of a line of the metrics; "" at first."""
    words = [f"loss {line['loss']:.2f}"] if "loss" in line else []
    words += [f"kept {share:.0%}" for share in list(line.get("kept", {}).values())[:1]]
    words += [f"waiting {line['waiting']:.0%}"] if "waiting" in line else []
    return "  ".join(words)
