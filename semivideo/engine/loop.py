"""The loop: a method, a stream of batches and a run folder in, a trained network out.

Step i is a function of the state before it and of (seed, i) alone, so a run that is killed and
resumed ends with the weights and the logs of a run that was not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from semivideo.engine.prefetch import delivered
from semivideo.engine.runtime import Runtime
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

StepProgress = Callable[[int, dict[str, Any]], None]
"""Is told the number of steps done and the last line of the metrics (empty at first)."""


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
    batches: Batches,
    plan: Plan,
    run: RunFolder,
    runtime: Runtime,
    unlabeled_pass: UnlabeledPass | None = None,
    evaluate: Evaluate | None = None,
    progress: StepProgress | None = None,
) -> Fitted:
    """Train a method, from the last checkpoint of the run folder if there is one.

    Args:
        method: Trained in place.
        batches: The training stream; a function of the step, so that it can start anywhere.
        plan: Length, optimiser, intervals and identity of the run.
        run: Takes metrics, pseudo-labels, checkpoints and the summary.
        runtime: Device, precision and processes.
        unlabeled_pass: What a method of several rounds chooses from before each but the first.
        evaluate: Quick evaluation for the log, every ``evaluate_every`` steps.
        progress: Called before the first and after every step.

    Raises:
        ConfigError: The method asks for more rounds than there are steps.
        TrainingError: The loss is not finite; the last good checkpoint is kept.
        WriteError: The run folder cannot be written.
        CheckpointError: Its checkpoint does not fit.
    """
    training = Training(method, plan=plan, run=run, runtime=runtime)
    done = training.resume()
    stream = delivered(timed(batches, range(done, plan.num_steps)), runtime.device)
    try:
        if progress is not None:
            progress(done, training.metrics.last)
        for batch, waited in stream:
            training.start_round(batch.step, unlabeled_pass)
            training.learn(batch, waited=waited)
            done += 1
            if training.is_due(done, plan.settings.log_every):
                training.write_line(done)
            if evaluate is not None and training.is_due(done, plan.settings.evaluate_every):
                training.evaluate(done, evaluate)
            if training.is_due(done, plan.settings.checkpoint_every):
                training.save(done)
            if progress is not None:
                progress(done, training.metrics.last)
        training.deploy(batches)
        return Fitted(method.deployed, training.summary())
    finally:
        stream.close()
        training.metrics.close()
