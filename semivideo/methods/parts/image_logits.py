"""What an image classifier says of each video, in a file: made once, read by every run.

The file is an .npz with two arrays: ``ids``, text (V,), the videos as the manifest names them; and
``logits``, numbers (V, K), the classifier's on one frame of each (log-probabilities do as well).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semivideo.base.checked import opened_npz
from semivideo.base.errors import DataError
from semivideo.base.files import replacing

Logits = NDArray[np.floating]


def write_image_logits(path: Path, ids: Sequence[str], logits_VK: Logits) -> None:
    """Write the file.

    Args:
        path: Ends in .npz.
        ids: V names of videos.
        logits_VK: (V, K).

    Raises:
        DataError: The name does not end in .npz, by which readers know the file.
        WriteError: The disk is full or the folder cannot be written to.
    """
    if path.suffix != ".npz":
        raise DataError(f"image logits go to a file that ends in .npz, got {path}", path=str(path))
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, ids=np.array(ids), logits=logits_VK)


def read_image_logits(path: Path, ids: Sequence[str]) -> Logits:
    """Read the rows of the given videos.

    Args:
        path: The file; rows of other videos are passed over.
        ids: The videos wanted.

    Returns:
        (len(ids), K), float16 or float32 as in the file, anything else as float32.

    Raises:
        DataError: No such file, not such a file, or a video without a row of finite numbers.
    """
    names, logits_VK = _arrays(path)
    row = {name: number for number, name in enumerate(names.tolist())}
    missing = [id for id in ids if id not in row]
    if missing:
        raise DataError(
            f"{path} has no logits of {missing[0]!r}{_others(missing)}; make it again for all "
            "videos of the manifest, those of the test among them",
            path=str(path),
        )
    chosen = logits_VK[[row[id] for id in ids]]
    broken = [ids[number] for number in np.flatnonzero(~np.isfinite(chosen).all(axis=1)).tolist()]
    if broken:
        raise DataError(
            f"{path} has logits of {broken[0]!r} that are not finite{_others(broken)}; make it "
            "again with a classifier in float32",
            path=str(path),
        )
    return chosen


def _arrays(path: Path) -> tuple[NDArray[np.str_], Logits]:
    """The two arrays, of the right kinds and shapes."""
    wanted = "it must be an .npz with ids, text (V,), and logits, numbers (V, K)"
    try:
        with opened_npz(path) as arrays:
            names, logits = arrays["ids"], arrays["logits"]
    except FileNotFoundError:
        raise DataError(
            f"there is no file of image logits at {path}; make one with "
            "semivideo.evaluation.cache_image_logits",
            path=str(path),
        ) from None
    except Exception as error:  # a file can hold anything, and so go wrong anywhere
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{path} cannot be read as image logits ({why}); {wanted}", path=str(path)
        ) from None
    is_fine = names.dtype.kind == "U" and names.ndim == 1 and logits.dtype.kind in "fiu"
    if not is_fine or logits.ndim != 2 or len(logits) != len(names):
        raise DataError(
            f"{path} has ids of {names.dtype} {names.shape} and logits of {logits.dtype} "
            f"{logits.shape}; {wanted}",
            path=str(path),
        )
    return names, logits if logits.dtype in (np.float16, np.float32) else logits.astype(np.float32)


def _others(videos: list[str]) -> str:
    """How many there are more than the first one."""
    return f" and of {len(videos) - 1} more" if len(videos) > 1 else ""
