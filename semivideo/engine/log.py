"""What a training tells while it runs: ``metrics.jsonl`` and TensorBoard.

Values stay on the device until a line is due, so that logging makes the processor wait for the
accelerator once a line and not once a step. A line reads::

    {"step": 40, "loss": 1.9, "terms": {"L_s": 1.7, "L_u": 0.2}, "learning_rate": 0.1,
     "kept": {"primary": 0.3}, "confidence": {"primary": 0.8},
     "top_class": {"primary": 5}, "top_class_share": {"primary": 0.2},
     "clips_per_second": 160.0, "waiting": 0.02}

``step`` is the number of steps done; everything is averaged over the steps since the last line;
``top_class`` is the most frequent class among kept labels; ``waiting`` is the share of time spent
waiting for data. Quick evaluations stand on lines of their own: {"step": 40, "evaluation": {...}}.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from semivideo.base.records import Batch, StepResult
from semivideo.engine.runtime import Runtime
from semivideo.runfolder import RunFolder

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

TIMES = ("clips_per_second", "waiting")
"""Keys of a line that differ between two equal runs."""


class MetricsLog:
    """Averages values over steps and writes them line by line.

    Args:
        run: The folder to write to.
        runtime: Its processes are averaged over; the main one writes.
        num_classes: K, for the classes of the pseudo-labels.
        tensorboard: Whether to write for TensorBoard too, where it is installed.

    Attributes:
        last: The last line, or an empty dictionary.
        seconds: Time spent training, in seconds, those before a restart included.
        waited: How much of it was spent waiting for data.
    """

    def __init__(
        self, run: RunFolder, runtime: Runtime, *, num_classes: int, tensorboard: bool
    ) -> None:
        self.last: dict[str, Any] = {}
        self.seconds = 0.0
        self.waited = 0.0
        self._run = run
        self._runtime = runtime
        self._num_classes = num_classes
        self._window: dict[str, list[Tensor]] = {}
        self._clips = 0
        self._at_last_line = (self.seconds, self.waited)
        self._resumed_at = time.perf_counter()
        is_there = find_spec("tensorboard") is not None
        self._with_tensorboard = tensorboard and is_there and runtime.is_main
        self._writer: SummaryWriter | None = None

    def add(self, batch: Batch, result: StepResult, *, waited: float) -> None:
        """Take in one step; nothing is read from the device.

        Args:
            batch: What the step saw.
            result: What it gave.
            waited: Seconds it waited for the batch.
        """
        values = {"loss": result.loss.detach()}
        values |= {f"terms/{name}": term for name, term in result.terms.items()}
        for given in result.pseudo:
            kept = given.kept.float()
            counts_K = torch.zeros(self._num_classes, device=kept.device)
            values[f"kept/{given.network}"] = kept.mean()
            values[f"confidence/{given.network}"] = given.confidence.mean()
            values[f"classes/{given.network}"] = counts_K.index_add(0, given.label, kept)
        for name, value in values.items():
            self._window.setdefault(name, []).append(value.float())
        self._clips += len(batch.labeled) + (len(batch.unlabeled) if batch.unlabeled else 0)
        self.waited += waited

    def losses(self) -> list[float]:
        """Return the loss of each step since the last line, averaged over the processes."""
        losses = self._window.get("loss", [])
        values: list[float] = self._runtime.mean(torch.stack(losses)).tolist() if losses else []
        return values

    def line(self, step: int, *, learning_rate: float) -> dict[str, Any]:
        """Write one line about the steps since the last one.

        Args:
            step: Number of steps done.
            learning_rate: Of the last step.
        """
        line: dict[str, Any] = {"step": step, "loss": 0.0, "terms": {}}
        line["learning_rate"] = learning_rate
        for name, values in self._window.items():
            mean = self._runtime.mean(torch.stack(values).double().mean(dim=0))
            _put(line, *name.partition("/")[::2], mean)
        line |= self._times()
        self._window.clear()
        self.last = line
        self._write(line)
        return line

    def evaluation(self, step: int, scores: dict[str, float]) -> None:
        """Write the scores of a quick evaluation after ``step`` steps."""
        self._write({"step": step, "evaluation": scores})

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock, for what is not training: evaluating, saving."""
        self.tick()
        yield
        self._resumed_at = time.perf_counter()

    def tick(self) -> None:
        """Bring ``seconds`` up to date."""
        now = time.perf_counter()
        self.seconds += now - self._resumed_at
        self._resumed_at = now

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs to write the same lines; the same in all processes."""
        window = {n: self._runtime.mean(torch.stack(rows)) for n, rows in self._window.items()}
        return {"window": window, "seconds": self.seconds, "waited": self.waited}

    def restore(self, step: int, state: dict[str, Any]) -> list[dict[str, Any]]:
        """Go back to the log as it was after ``step`` steps; later lines are dropped.

        Args:
            step: 0 or the step of a checkpoint.
            state: As given by ``state_dict``, or empty at step 0.

        Returns:
            The lines that stay.
        """
        lines = [line for line in self._run.metrics() if line["step"] <= step]
        if self._runtime.is_main and self._run.metrics_file.exists():
            self._run.write_metrics(lines)
        self._runtime.wait_for_all()
        on_device = {name: rows.to(self._runtime.device) for name, rows in state["window"].items()}
        self._window = {name: list(rows.unbind()) for name, rows in on_device.items()}
        self.seconds, self.waited = state["seconds"], state["waited"]
        self._at_last_line = (self.seconds, self.waited)
        self._resumed_at = time.perf_counter()
        self.last = next((line for line in reversed(lines) if "loss" in line), {})
        return lines

    def close(self) -> None:
        """Finish TensorBoard's file."""
        if self._writer is not None:
            self._writer.close()

    def _times(self) -> dict[str, float]:
        """Speed and share of waiting since the last line."""
        self.tick()
        seconds = max(self.seconds - self._at_last_line[0], 1e-9)
        waited = self.waited - self._at_last_line[1]
        clips = self._clips * self._runtime.world_size
        self._clips, self._at_last_line = 0, (self.seconds, self.waited)
        return {
            "clips_per_second": round(clips / seconds, 2),
            "waiting": round(min(waited / seconds, 1.0), 4),
        }

    def _write(self, line: dict[str, Any]) -> None:
        """Add a line to the file, and its numbers to TensorBoard."""
        if not self._runtime.is_main:
            return
        self._run.append_metrics(line)
        if not self._with_tensorboard:
            return
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            # Events of steps that are done once more after a restart are hidden.
            self._writer = SummaryWriter(str(self._run.tensorboard), purge_step=line["step"])
        for name, value in line.items():
            scalars = value if isinstance(value, dict) else {"": value}
            for part, scalar in scalars.items():
                self._writer.add_scalar(f"{name}/{part}".rstrip("/"), scalar, line["step"])


def _put(line: dict[str, Any], group: str, name: str, mean: Tensor) -> None:
    """Put an averaged value where it belongs in a line."""
    if group == "classes":
        count, top = mean.max(dim=0)
        if count > 0:
            line.setdefault("top_class", {})[name] = int(top)
            line.setdefault("top_class_share", {})[name] = float(count / mean.sum())
    elif name:
        line.setdefault(group, {})[name] = mean.item()
    else:
        line[group] = mean.item()
