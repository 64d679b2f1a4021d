"""How far exported networks are from their runs, how large their files are, and what a view takes.

    python benchmarks/parity.py RUN [RUN ...] [--count 20] [--videos DIR]

Each run is exported in every format and precision to a folder that is thrown away, and compared on
real videos as `semivideo export` does. Seconds a view are those of the exported network and of the
run's own, one view at a time, one after the other on the same views, the best of `--rounds`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from semivideo import api
from semivideo.cli.console import note, run_plainly, show
from semivideo.evaluation.protocols import crop_side
from semivideo.export.network_files import FORMATS
from semivideo.run.prediction import load

HEAD: tuple[str, ...] = ("run", "format", "weights", "MB", "network alone", "same class")
HEAD += ("with preprocess.py", "same class", "s a view", "s in the run")
app = typer.Typer(add_completion=False)


def best_seconds(call: Callable[[], object], *, rounds: int) -> float:
    """Least time of some calls, after one to warm up."""
    call()
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return min(times)


def rows(run: Path, *, videos: list[Path] | None, count: int, rounds: int) -> list[list[str]]:
    """A line of the table for each format and precision."""
    recognizer, found = load(run), []
    card = recognizer.card
    side = crop_side(card.evaluation, card.views)
    shape = (1, 3, card.network.num_frames, side, side)
    views = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    clip = torch.from_numpy(views)

    def ours() -> object:
        with torch.no_grad():
            return recognizer.network(clip)

    own = best_seconds(ours, rounds=rounds)
    for name, kind in FORMATS.items():
        for precision in kind.precisions:
            with tempfile.TemporaryDirectory() as place:
                out = Path(place) / "m"
                made = api.export(
                    run, out=out, format=name, precision=precision, videos=videos, count=count
                )
                network, parity = kind.open(out), made.parity
                seconds = best_seconds(partial(network, views), rounds=rounds)
            num = parity.num_videos
            numbers = [f"{made.num_bytes / 1e6:.2f}", f"{parity.network:.1e}"]
            numbers += [f"{parity.network_top1} of {num}", f"{parity.whole or 0:.1e}"]
            numbers += [f"{parity.whole_top1} of {num}", f"{seconds:.3f}", f"{own:.3f}"]
            found.append([run.name, name, precision, *numbers])
            note(" ".join(found[-1]))
    return found


@app.command()
def main(
    runs: list[Path],
    videos: Annotated[list[Path] | None, typer.Option(help="To compare on.")] = None,
    count: Annotated[int, typer.Option(help="Videos that are compared.")] = 20,
    rounds: Annotated[int, typer.Option(help="Of timing.")] = 5,
) -> None:
    """Print the table."""
    table = [row for run in runs for row in rows(run, videos=videos, count=count, rounds=rounds)]
    show(f"| {' | '.join(HEAD)} |", f"|{'---|' * 3}{'--:|' * (len(HEAD) - 3)}")
    show(*(f"| {' | '.join(row)} |" for row in table))


if __name__ == "__main__":
    raise SystemExit(run_plainly(lambda: app(standalone_mode=False)))
