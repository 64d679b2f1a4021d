"""Jobs on a Ray cluster: the shards of a cache, and predictions of many files.

Ray finds the cluster (its variable is RAY_ADDRESS; without one it uses this machine). Every machine
needs this package, and sees files and folders at the same paths.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from semivideo.base.errors import (
    ConfigError,
    DataError,
    JobError,
    MissingExtraError,
    SemiVideoError,
)
from semivideo.base.foreign_code import allowing
from semivideo.data.cache.form import CacheForm
from semivideo.data.cache.shards import make_shard
from semivideo.data.catalogue.frame_rates import USUAL_RATES, FrameRates
from semivideo.evaluation.infer import Recognizer
from semivideo.evaluation.prediction_file import Found, as_json, from_json
from semivideo.evaluation.prediction_file import predictions as predicted
from semivideo.settings import Decoder

_FILES_AT_ONCE = 16  # that an actor takes


def make_shards(
    folder: Path, numbers: Sequence[int], told: Callable[[], None], *, threads: int = 1
) -> None:
    """Make shards of a cache, each as one task.

    Args:
        folder: The cache; its ``cache.json`` and its manifest are there.
        numbers: Which shards.
        told: Called once for each video that is done.
        threads: Videos prepared at once in a task, and processors that it takes.

    Raises:
        DataError: Videos are gone, or a shard cannot be written.
        JobError: The job stopped.
        MissingExtraError: Ray is not installed.
    """
    form = CacheForm.read(folder)
    make = partial(_made_shard, folder=folder.resolve(), threads=threads)
    with _ray() as ray:
        shards = ray.data.from_items(list(numbers), override_num_blocks=len(numbers))
        for row in shards.map(make, num_cpus=threads).iter_rows():
            if row["error"]:
                raise DataError(row["error"])
            for _ in form.rows_of(row["shard"]):
                told()


def predictions(
    model: Path,
    files: Sequence[Path],
    *,
    top: int,
    protocol: str | None = None,
    decoder: Decoder = "software",
    rates: FrameRates = USUAL_RATES,
    allow: Sequence[str] = (),
) -> Iterator[Found]:
    """Predict files with actors that load the network once, in the order in which they finish.

    Args:
        model: Folder of the network.
        files: The files.
        top: How many classes to name.
        protocol: Clips x crops; None takes the card's.
        decoder: Who decodes the files.
        rates: Of folders of frames.
        allow: Modules that the network may be imported from.

    Raises:
        ConfigError: The network cannot be used on a machine of the cluster.
        JobError: The job stopped.
        MissingExtraError: Ray is not installed.
    """
    if not files:
        return
    items = [
        {"path": str(path), "absolute": str(path.absolute()), "frame_rate": rates(path)}
        for path in files
    ]
    with _ray() as ray:
        rows = ray.data.from_items(
            items, override_num_blocks=math.ceil(len(items) / _FILES_AT_ONCE)
        )
        gpus, cpus = (int(ray.cluster_resources().get(kind, 0)) for kind in ("GPU", "CPU"))
        found = rows.map(
            _Predictor,
            fn_kwargs={
                "model": model.resolve(),
                "top": top,
                "protocol": protocol,
                "decoder": decoder,
                "allow": tuple(allow),
            },
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=max(1, gpus or cpus)),
            num_cpus=1,
            num_gpus=1 if gpus else 0,
        )
        for row in found.iter_rows():
            if row["error"]:
                raise ConfigError(row["error"])
            yield from_json(json.loads(row["found"]))


def _made_shard(row: dict[str, Any], *, folder: Path, threads: int) -> dict[str, Any]:
    """The task: one shard. Errors travel as sentences."""
    try:
        make_shard(folder, row["item"], threads=threads)
    except SemiVideoError as error:
        return {"shard": row["item"], "error": str(error)}
    return {"shard": row["item"], "error": ""}


class _Predictor:
    """The actor: a network that is loaded for its first file."""

    def __init__(self) -> None:
        self._recognizer: Recognizer | None = None

    def __call__(
        self,
        row: dict[str, Any],
        *,
        model: Path,
        top: int,
        protocol: str | None,
        decoder: Decoder,
        allow: Sequence[str] = (),
    ) -> dict[str, Any]:
        try:
            with allowing(allow):
                self._recognizer = self._recognizer or Recognizer.load(model, decoder=decoder)
            predict = partial(
                self._recognizer.predict,
                top=top,
                protocol=protocol,
                frame_rate=row["frame_rate"],
            )
            (found,) = predicted(predict, [Path(row["absolute"])])
        except SemiVideoError as error:
            return {"found": "", "error": str(error)}
        return {"found": json.dumps(as_json(replace(found, path=row["path"]))), "error": ""}


@contextmanager
def _ray() -> Iterator[Any]:
    """Ray with a cluster, quiet; left as it was found."""
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingExtraError(
            "jobs on a cluster need the package ray: pip install 'semivideo[ray]'"
        ) from None
    is_mine = not ray.is_initialized()
    try:
        if is_mine:
            ray.init(logging_level=logging.ERROR, log_to_driver=False)
            logging.getLogger("ray.data").setLevel(logging.ERROR)
            ray.data.DataContext.get_current().enable_progress_bars = False  # there are ours
        yield ray
    except (ray.exceptions.RayError, ConnectionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise JobError(
            f"the job on the Ray cluster stopped ({type(error).__name__}: {reason}); look at its "
            "machines and RAY_ADDRESS, and run the same command again: what was done is kept"
        ) from None
    finally:
        if is_mine:
            ray.shutdown()
