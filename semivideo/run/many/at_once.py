"""Several jobs at the same time, each in a process of its own on its share of the cores.

Small networks learn faster side by side, a core each, than one after the other on all cores: at
each of the fifty small layers of a step the threads of one process would wait for each other.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

from semivideo.base.errors import JobError, SemiVideoError
from semivideo.base.faults import logged
from semivideo.base.machine.threads import num_cores
from semivideo.base.progress import Progress

Result = TypeVar("Result")
_PATIENCE = 1.0  # seconds of silence after which it is looked whether a process has ended


def at_once(
    jobs: Mapping[str, Callable[[Progress | None], Result]],
    *,
    progress: Progress | None = None,
    processes: int | None = None,
) -> dict[str, Result]:
    """Do jobs in their order, as many at a time as there are cores, and give their results.

    Args:
        jobs: Name to what is called with a progress: a function of a module, or a ``partial`` of
            one, for it is sent to another process; so is what it returns.
        progress: Told what the jobs tell theirs.
        processes: At a time; None for one a core. With one, everything is done in this process.

    Raises:
        JobError: A job failed or its process ended; the other processes are ended.
    """
    count = min(num_cores(), len(jobs)) if processes is None else processes
    if count <= 1:
        return {name: job(progress) for name, job in jobs.items()}
    context = multiprocessing.get_context("spawn")
    told: multiprocessing.Queue[tuple[str, str, Any]] = context.Queue()
    waiting, at_work = deque(jobs.items()), dict[str, SpawnProcess]()
    results: dict[str, Result] = {}
    try:
        with _share_of_cores(count):
            while len(results) < len(jobs):
                while waiting and len(at_work) < count:
                    name, job = waiting.popleft()
                    at_work[name] = context.Process(target=_do, args=(name, job, told), daemon=True)
                    at_work[name].start()
                name, kind, content = _next(told, at_work)
                if kind == "failed":
                    raise JobError(f"{name}: {content}")
                if kind == "done":
                    results[name] = content
                    at_work.pop(name).join()
                elif progress is not None:
                    progress(*content)
    finally:
        for process in at_work.values():
            process.kill()
            process.join()
    return {name: results[name] for name in jobs}


def _do(
    name: str,
    job: Callable[[Progress | None], Result],
    told: multiprocessing.Queue[tuple[str, str, Any]],
) -> None:
    """Do a job in a process of its own, and tell how it went."""
    if hasattr(os, "setsid"):
        os.setsid()  # Ctrl-C is for the first process, which ends this one

    def progress(description: str, done: int, total: int, extra: str) -> None:
        told.put((name, "progress", (description, done, total, extra)))

    try:
        told.put((name, "done", job(progress)))
    except SemiVideoError as error:
        told.put((name, "failed", str(error)))
    except Exception as error:
        why = f"unexpected {type(error).__name__}: {error}; {logged(error, about=name)}"
        told.put((name, "failed", why))


def _next(
    told: multiprocessing.Queue[tuple[str, str, Any]], at_work: Mapping[str, SpawnProcess]
) -> tuple[str, str, Any]:
    """What is told next.

    Raises:
        JobError: A process has ended without a word, as when the system ends it for its memory.
    """
    while True:
        ended = {name: p.exitcode for name, p in at_work.items() if p.exitcode is not None}
        try:
            return told.get(timeout=_PATIENCE)
        except queue.Empty:
            if ended:
                name, code = next(iter(ended.items()))
                raise JobError(
                    f"{name}: its process ended without a word (exit code {code}); look whether "
                    "memory ran out, and run the command again"
                ) from None


@contextmanager
def _share_of_cores(count: int) -> Iterator[None]:
    """Let processes that are started in the block use so many threads that all have a core."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, num_cores() // count)))
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("OMP_NUM_THREADS", None)
