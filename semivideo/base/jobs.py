"""Which part of a job this process does, by what started it, and with how many processors.

No process waits for another.

    started by                            process                      of
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

Share = tuple[int, int]
ALONE: Share = (0, 1)
_TORCHRUN = ("RANK", "WORLD_SIZE")
_STEP = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS")
_ARRAY = tuple(f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "MIN", "COUNT", "STEP"))


def process_share(environment: Mapping[str, str] | None = None) -> Share:
    """Return the number of this process, from 0, and the number of processes.

    Args:
        environment: Variables; None takes this process's.

    Raises:
        ConfigError: The variables contradict each other.

    >>> process_share({"RANK": "3", "WORLD_SIZE": "8"}), process_share({})
    ((3, 8), (0, 1))
    """
    given = os.environ if environment is None else environment
    if set(_TORCHRUN) & set(given):
        return _checked(*_numbers(_TORCHRUN, given), names=_TORCHRUN, given=given)
    rank, world_size = ALONE
    if "SLURM_ARRAY_TASK_ID" in given:
        given = {"SLURM_ARRAY_TASK_STEP": "1", **given}
        task, first, count, step = _numbers(_ARRAY, given)
        place = (task - first) / max(1, step)  # too large in lists such as --array=1,5,7
        rank, world_size = _checked(place, count, names=_ARRAY, given=given)
    if "SLURM_STEP_NUM_TASKS" in given:
        task, count = _checked(*_numbers(_STEP, given), names=_STEP, given=given)
        return rank * count + task, world_size * count
    return rank, world_size


def part_of(path: Path, share: Share) -> Path:
    """File that a process writes in the place of a job's file.

    >>> part_of(Path("a/found.csv"), (3, 8)).name, part_of(Path("a/found.csv"), (0, 1)).name
    ('found-00003-of-00008.csv', 'found.csv')
    """
    rank, world_size = share
    return path if world_size == 1 else path.with_stem(f"{path.stem}-{rank:05}-of-{world_size:05}")


def num_cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _numbers(names: tuple[str, ...], given: Mapping[str, str]) -> list[int]:
    try:
        return [int(given[name]) for name in names]
    except (KeyError, ValueError):
        raise _senseless(names, given) from None


def _checked(
    rank: float, world_size: int, *, names: tuple[str, ...], given: Mapping[str, str]
) -> Share:
    if not (0 <= rank < world_size and rank == int(rank)):
        raise _senseless(names, given)
    return int(rank), world_size


def _senseless(names: tuple[str, ...], given: Mapping[str, str]) -> ConfigError:
    values = ", ".join(f"{name}={given[name]}" if name in given else f"no {name}" for name in names)
    return ConfigError(
        f"the environment has {values}, which is no share of a job; allowed is a process from 0 to "
        "one below their number; to do everything in this process put RANK=0 WORLD_SIZE=1 before "
        "the command"
    )
