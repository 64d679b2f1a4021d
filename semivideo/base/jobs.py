"""Several processes that do one job: which part of it belongs to this process.

A job, such as preparing a cache, is cut into as many parts as there are processes, and each process
does the part of its own number, without waiting for the others. The number and the count are read
off the environment variables of the program that started the process:

    started by                            number of the process        number of processes
    torchrun                              RANK                         WORLD_SIZE
    srun                                  SLURM_PROCID                 SLURM_STEP_NUM_TASKS
    sbatch --array                        SLURM_ARRAY_TASK_ID - _MIN   SLURM_ARRAY_TASK_COUNT
    sbatch --array, srun in each          array task * tasks + task    both counts multiplied
    anything else                         0                            1

``SLURM_NTASKS`` is set in a batch script too, where one process runs alone, so it says nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from semivideo.base.errors import ConfigError

Part = tuple[int, int]
"""Number of a process, from 0, and the number of processes."""
ALONE: Part = (0, 1)
_TORCHRUN = ("RANK", "WORLD_SIZE")
_STEP = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS")
_ARRAY = tuple(f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "MIN", "COUNT", "STEP"))


def part_of_job(environment: Mapping[str, str] | None = None) -> Part:
    """Return the number of this process, from 0, and the number of processes.

    Args:
        environment: Variables; None takes this process's.

    Raises:
        ConfigError: The variables contradict each other.

    >>> part_of_job({"RANK": "3", "WORLD_SIZE": "8"}), part_of_job({})
    ((3, 8), (0, 1))
    """
    given = os.environ if environment is None else environment
    if set(_TORCHRUN) & set(given):
        return _checked(*_numbers(_TORCHRUN, given), names=_TORCHRUN, given=given)
    number, count = ALONE
    if "SLURM_ARRAY_TASK_ID" in given:
        given = {"SLURM_ARRAY_TASK_STEP": "1", **given}
        task, first, num_tasks, step = _numbers(_ARRAY, given)
        place = (task - first) / max(1, step)  # too large in lists such as --array=1,5,7
        number, count = _checked(place, num_tasks, names=_ARRAY, given=given)
    if "SLURM_STEP_NUM_TASKS" in given:
        task, num_tasks = _checked(*_numbers(_STEP, given), names=_STEP, given=given)
        return number * num_tasks + task, count * num_tasks
    return number, count


def part_file(path: Path, part: Part) -> Path:
    """File that the process of that part writes in the place of the job's file.

    >>> part_file(Path("a/found.csv"), (3, 8)).name, part_file(Path("a/found.csv"), (0, 1)).name
    ('found-00003-of-00008.csv', 'found.csv')
    """
    number, count = part
    return path if count == 1 else path.with_stem(f"{path.stem}-{number:05}-of-{count:05}")


def _numbers(names: tuple[str, ...], given: Mapping[str, str]) -> list[int]:
    try:
        return [int(given[name]) for name in names]
    except (KeyError, ValueError):
        raise _senseless(names, given) from None


def _checked(
    number: float, count: int, *, names: tuple[str, ...], given: Mapping[str, str]
) -> Part:
    if not (0 <= number < count and number == int(number)):
        raise _senseless(names, given)
    return int(number), count


def _senseless(names: tuple[str, ...], given: Mapping[str, str]) -> ConfigError:
    values = ", ".join(f"{name}={given[name]}" if name in given else f"no {name}" for name in names)
    return ConfigError(
        f"the environment has {values}, which is no part of a job; allowed is a process from 0 to "
        "one below their number; to do everything in this process put RANK=0 WORLD_SIZE=1 before "
        "the command"
    )
