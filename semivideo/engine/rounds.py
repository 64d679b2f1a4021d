"""Rounds: trainings in a row, each with its own learning-rate schedule and momentum.

A run of one round is a plain training. Steps are divided evenly, the last round takes the rest::

    step    0 1 2 | 3 4 5 | 6 7 8 9        10 steps, 3 rounds
    round   0     | 1     | 2
"""

from __future__ import annotations

from typing import NamedTuple

from semivideo.base.errors import ConfigError


class Round(NamedTuple):
    """Some steps in a row.

    Attributes:
        number: From 0.
        start: Its first step.
        num_steps: Its length, >= 1.
    """

    number: int
    start: int
    num_steps: int


class Rounds:
    """How the steps of a run are divided.

    Args:
        num_steps: Length of the run.
        num_rounds: What the method asks for, >= 1.

    Raises:
        ConfigError: There are more rounds than steps.
    """

    def __init__(self, *, num_steps: int, num_rounds: int) -> None:
        if num_rounds > num_steps:
            raise ConfigError(
                f"{num_rounds} rounds need at least one step each, the run has {num_steps}; raise "
                "engine.steps or lower method.rounds"
            )
        self.num_steps, self.num_rounds = num_steps, num_rounds

    def at(self, step: int) -> Round:
        """Return the round of a step, in [0, num_steps).

        >>> Rounds(num_steps=10, num_rounds=3).at(7)
        Round(number=2, start=6, num_steps=4)
        """
        length = self.num_steps // self.num_rounds
        number = min(step // length, self.num_rounds - 1)
        start = number * length
        is_last = number == self.num_rounds - 1
        return Round(number, start, self.num_steps - start if is_last else length)
