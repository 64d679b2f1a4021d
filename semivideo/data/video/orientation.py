"""How decoded frames are to be turned and mirrored before anyone looks at them.

A phone films as its sensor lies, and writes down how the picture is to be stood up: a matrix. Of
those that map the frame's rectangle to an upright one there are eight, four of them with a mirror
(front cameras). They are kept as one number, which travels as ``rotation``::

    0  90  180  270             turn so many degrees clockwise
    -90  -180  -270  -360       turn so many degrees clockwise, then mirror left and right

One number, and negative, for three reasons: manifests written before there were mirrors stay what
they are, no reader can take the turn and forget the mirror, and 0 has no negative.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray


def rotation_of(frame: VideoFrame) -> int:
    """Return the orientation that the file states, as above; 0 where it states none.

    The matrix maps a point x to the right, y down of the frame to the screen::

        x' = a x + c y        stored as    a b .
        y' = b x + d y                     c d .

    With a mirror its determinant is negative, and its first column is that of the turn with another
    sign.
    """
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 0
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].astype(float)
    is_mirrored = a * d - b * c < 0
    turn = round(np.degrees(np.arctan2(b, -a if is_mirrored else a)) / 90) * 90 % 360
    return -(turn or 360) if is_mirrored else turn


def is_sideways(rotation: int) -> bool:
    """Whether width and height change places."""
    return abs(rotation) % 180 == 90


def upright(image: NDArray[Any], rotation: int) -> NDArray[Any]:
    """Turn and mirror a frame.

    Args:
        image: (H, W, ...).
        rotation: As above.

    Returns:
        (H, W, ...), or (W, H, ...) where it is sideways; a view.

    >>> frame = np.array([[1, 2], [3, 4]])
    >>> upright(frame, 90).tolist(), upright(frame, -90).tolist(), upright(frame, -360).tolist()
    ([[3, 1], [4, 2]], [[1, 3], [2, 4]], [[2, 1], [4, 3]])
    """
    turned = np.rot90(image, -(abs(rotation) // 90))
    return turned[:, ::-1] if rotation < 0 else turned
