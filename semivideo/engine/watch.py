"""Says in plain words that a training is collapsing, and which setting to change.

It reads nothing but the lines of ``metrics.jsonl``, so a resumed run comes to the same verdicts.
"""

from __future__ import annotations

import logging
from typing import Any

_LOG = logging.getLogger("semivideo")

LONG = 0.1
"""Share of the training that a state must last before it is reported."""
LONG_NOTHING = 0.3
"""The same for "nothing" kept, which is how every training begins and a supervised warm-up goes."""
MIN_LINES = 3
"""And at least this many lines."""
NOTHING_KEPT = 0.001
"""Share of pseudo-labels kept below which "nothing" is kept."""
EVERYTHING_KEPT = 0.95
"""Share above which "everything" is kept; late in training that can be right, early it cannot."""
EARLY = 0.5
"""Share of the training that is early."""
ENOUGH_KEPT = 0.05
"""Share kept below which the classes of the few kept labels say nothing."""

_MORE_CAREFULLY = (
    "raise method.threshold or method.supervised_warmup, or lower engine.learning_rate"
)


class CollapseWatch:
    """Follows the share of pseudo-labels kept and their largest class, per network.

    Args:
        num_steps: Length of the training.
        num_classes: K.

    Attributes:
        warnings: The sentences so far; each fault of each network is reported once.
    """

    def __init__(self, *, num_steps: int, num_classes: int) -> None:
        self.warnings: list[str] = []
        self._num_steps = num_steps
        # With two classes nine tenths for one may be the truth.
        self._one_class = 0.9 if num_classes > 2 else 0.98
        self._lasting: dict[tuple[str, str], tuple[int, int]] = {}  # (since step, lines)
        self._reported: set[tuple[str, str]] = set()
        self._last_step = 0

    def look(self, line: dict[str, Any], *, is_new: bool = True) -> None:
        """Take in one line of the metrics.

        Args:
            line: As written by ``MetricsLog``; lines without pseudo-labels are passed over.
            is_new: False for a line written before a restart, whose warning was given then.
        """
        if "evaluation" in line:
            return
        for network, kept in line.get("kept", {}).items():
            for fault, sentence in self._faults(network, kept, line=line).items():
                self._note((network, fault), sentence, step=line["step"], is_new=is_new)
        self._last_step = line["step"]

    def _faults(self, network: str, kept: float, *, line: dict[str, Any]) -> dict[str, str]:
        """Map each kind of fault to its sentence if the line shows it, else to an empty one."""
        nothing = everything = one_class = ""
        if kept < NOTHING_KEPT:
            nothing = (
                f"{network} keeps none of its pseudo-labels; lower method.threshold or raise "
                "method.supervised_warmup"
            )
        if kept > EVERYTHING_KEPT and line["step"] <= EARLY * self._num_steps:
            everything = (
                f"{network} keeps {kept:.0%} of its pseudo-labels this early, when many must be "
                f"wrong; {_MORE_CAREFULLY}"
            )
        share = line.get("top_class_share", {}).get(network, 0.0)
        if kept >= ENOUGH_KEPT and share > self._one_class:
            one_class = (
                f"{network} gives {share:.0%} of the pseudo-labels it keeps to one class (number "
                f"{line['top_class'][network]}): training has collapsed unless the videos are like "
                f"that; {_MORE_CAREFULLY}"
            )
        return {"nothing": nothing, "everything": everything, "one class": one_class}

    def _note(self, fault: tuple[str, str], sentence: str, *, step: int, is_new: bool) -> None:
        """Count how long a fault lasts, and report it once it has lasted long."""
        if not sentence:
            self._lasting.pop(fault, None)
            return
        since, lines = self._lasting.get(fault, (self._last_step, 0))
        self._lasting[fault] = (since, lines + 1)
        share = LONG_NOTHING if fault[1] == "nothing" else LONG
        is_long = lines + 1 >= MIN_LINES and step - since >= share * self._num_steps
        if is_long and fault not in self._reported:
            self._reported.add(fault)
            self.warnings.append(f"steps {since} to {step}: {sentence}")
            if is_new:
                _LOG.warning(self.warnings[-1])
