"""Boxes around people, from a file that any detector's output can be written to.

JSON, ``{"id of a video": [[left, top, right, bottom, score], ...], ...}``, or Parquet with columns
``video, left, top, right, bottom, score`` and one row a box. Boxes of all frames stand together;
coordinates are shares of the displayed width and height, in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from semivideo.base.checked import opened_parquet, read_json
from semivideo.base.errors import DataError

_COLUMNS = ("left", "top", "right", "bottom", "score")


def human_boxes(path: Path, videos: Sequence[str], *, min_score: float) -> NDArray[np.float64]:
    """Read one box for each video: the smallest around all its people in all frames.

    Args:
        path: ``.json`` or ``.parquet``, as above; other videos in it are ignored.
        videos: Ids of V videos.
        min_score: Boxes of a lower score are ignored, in [0, 1].

    Returns:
        float64 (V, 4), (top, left, height, width) as shares; zeros for a video without a box.

    Raises:
        DataError: The file cannot be read, a box is not in its form, or no video has one.
    """
    ids, boxes_M5 = _boxes(path)
    start, end, score = boxes_M5[:, :2], boxes_M5[:, 2:4], boxes_M5[:, 4]
    is_right = (boxes_M5 >= 0).all(axis=1) & (boxes_M5 <= 1).all(axis=1)
    is_right &= (start < end).all(axis=1)
    if not is_right.all():
        wrong = int((~is_right).argmax())
        raise DataError(
            f"{path.name} gives {ids[wrong]!r} the box {boxes_M5[wrong].tolist()}; write left, "
            "top, right, bottom as shares of width and height in [0, 1], and the score in [0, 1]",
            path=str(path),
        )
    row = {id: index for index, id in enumerate(videos)}
    video = np.array([row.get(id, -1) for id in ids], dtype=np.int64)
    is_used = (video >= 0) & (score >= min_score)
    if not is_used.any():
        raise DataError(
            f"{path.name} has no box of score >= {min_score:g} for any of the {len(videos)} videos "
            f"(it names {', '.join(map(repr, ids[:1])) or 'none'}, a video here is "
            f"{videos[0]!r}); write ids as in the manifest or lower method.min_score",
            path=str(path),
        )
    low, high = np.ones((len(videos), 2)), np.zeros((len(videos), 2))
    np.minimum.at(low, video[is_used], start[is_used, ::-1])
    np.maximum.at(high, video[is_used], end[is_used, ::-1])
    has_box = (high > 0).all(axis=1, keepdims=True)
    return np.where(has_box, np.concatenate([low, high - low], axis=1), 0.0)


def _boxes(path: Path) -> tuple[list[str], NDArray[np.float64]]:
    """Ids (M,) and boxes (M, 5), left, top, right, bottom, score."""
    try:
        if path.suffix == ".parquet":
            with opened_parquet(path) as file:
                table = file.read(["video", *_COLUMNS])
            columns = [table[name].to_numpy().astype(np.float64) for name in _COLUMNS]
            return table["video"].to_pylist(), np.stack(columns, axis=1)
        content = read_json(path)
        ids = [id for id, boxes in content.items() for _ in boxes]
        rows = [box for boxes in content.values() for box in boxes]
        return ids, np.array(rows, dtype=np.float64).reshape(len(rows), 5)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, pa.ArrowException) as error:
        raise DataError(
            f"cannot read human boxes from {path}: {error}; write JSON, "
            '{"video id": [[left, top, right, bottom, score], ...]}, or Parquet with the columns '
            f"video, {', '.join(_COLUMNS)}",
            path=str(path),
        ) from None
