"""Two processes of one training, for tests that compare them with a single one.

They are started anew, not forked: the copy of a process with threads may wait for them forever.
"""

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
import torch.distributed as dist

ROOT = Path(__file__).resolve().parent.parent


def run_two(command: Sequence[str], folder: Path, *arguments: str, seconds: int = 120) -> None:
    """Run Python with a command, rank, folder and further arguments, once for each rank.

    Args:
        command: What Python gets first: a script, or "-c" and code.
        folder: Where the two meet, and where what they print goes.
        arguments: For both, after the folder.
        seconds: After which they hang.

    Raises:
        AssertionError: One failed; with the end of what both printed.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"}
    outputs = [folder / f"printed-{rank}" for rank in range(2)]
    with ExitStack() as stack:
        processes = []
        for rank, output in enumerate(outputs):
            to = stack.enter_context(output.open("w"))
            line = [sys.executable, *command, str(rank), str(folder), *arguments]
            process = subprocess.Popen(line, stdout=to, stderr=subprocess.STDOUT, env=environment)
            stack.callback(process.kill)
            processes.append(process)
        codes = [process.wait(seconds) for process in processes]
    printed = "\n".join(f"{output.name}:\n{output.read_text()[-3000:]}" for output in outputs)
    assert codes == [0, 0], f"exit codes {codes}\n{printed}"


def work_as_one_of_two(work: Callable[[int, Path], None]) -> None:
    """Join the other process, work with rank and folder, and leave when both are done.

    They leave without taking the group down: about one run in some hundreds aborted in that, after
    its last exchange, where one side closes what the other's threads still watch. The results are
    on the disk by then, and how a process ends is not what is tested.
    """
    rank, folder = int(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "Grad strides do not match")  # a matter of speed
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    work(rank, folder)
    (folder / f"done-{rank}").touch()
    while not (folder / f"done-{1 - rank}").exists():
        time.sleep(0.01)
    sys.stdout.flush()
    os._exit(0)
