"""Which part of a job a process does, by its environment."""

from pathlib import Path

import pytest

from semivideo.base.errors import ConfigError
from semivideo.base.jobs import part_file, part_of_job


def array(task, *, first=0, count=4, step=1):
    names = ("ID", "MIN", "COUNT", "STEP")
    values = (task, first, count, step)
    return {f"SLURM_ARRAY_TASK_{n}": str(v) for n, v in zip(names, values, strict=True)}


def task(number, count):
    return {"SLURM_PROCID": str(number), "SLURM_STEP_NUM_TASKS": str(count)}


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({}, (0, 1)),
        ({"RANK": "2", "WORLD_SIZE": "3"}, (2, 3)),
        (task(5, 6), (5, 6)),
        # A batch script is one process, however many tasks its job may start.
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, (0, 1)),
        (array(7, first=5), (2, 4)),
        (array(30, first=10, step=10), (2, 4)),
        (array(7, first=5) | task(1, 3), (7, 12)),
        # torchrun inside of a job knows best.
        ({"RANK": "0", "WORLD_SIZE": "1"} | array(3) | task(1, 2), (0, 1)),
    ],
)
def test_part_of_job__is_read_off_what_started_it(given, part):
    assert part_of_job(given) == part


def test_part_of_job__reads_this_process(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert part_of_job() == (1, 2)


def test_part_of_job__is_a_partition_of_an_array_of_jobs():
    parts = [part_of_job(array(a, first=3) | task(t, 2)) for a in range(3, 7) for t in range(2)]
    assert parts == [(rank, 8) for rank in range(8)]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"RANK": "3", "WORLD_SIZE": "3"}, "RANK=3, WORLD_SIZE=3, which is no part of a job"),
        ({"RANK": "-1", "WORLD_SIZE": "3"}, "RANK=-1, WORLD_SIZE=3"),
        ({"WORLD_SIZE": "3"}, "the environment has no RANK, WORLD_SIZE=3, .* put RANK=0 WORLD_SIZ"),
        ({"RANK": "one", "WORLD_SIZE": "3"}, "RANK=one, WORLD_SIZE=3"),
        (task(2, 0), "SLURM_PROCID=2, SLURM_STEP_NUM_TASKS=0"),
        (array(7, first=1, count=3), "_ID=7, SLURM_ARRAY_TASK_MIN=1, SLURM_ARRAY_TASK_COUNT=3"),
        (array(4, first=1, step=2), "SLURM_ARRAY_TASK_ID=4"),
        (array(4, first=1, step="x"), "SLURM_ARRAY_TASK_STEP=x"),
        ({"SLURM_ARRAY_TASK_ID": "4"}, "_ID=4, no SLURM_ARRAY_TASK_MIN, no SLURM_ARRAY_TASK_COUNT"),
    ],
)
def test_part_of_job__refuses_numbers_that_make_no_sense(given, sentence):
    with pytest.raises(ConfigError, match=sentence):
        part_of_job(given)


def test_part_file__names_sort_in_the_order_of_the_processes():
    parts = [part_file(Path("a.b/found.jsonl"), (rank, 11)).name for rank in range(11)]
    assert parts == sorted(parts)
    assert parts[10] == "found-00010-of-00011.jsonl"
