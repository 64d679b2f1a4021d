"""Puppets that act: poses as functions of time, and a drawing of them.

Lengths are in body heights, angles in radians from straight down, positive away from the body.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

Limb = tuple[float, float]

TORSO, NECK, ARM, THIGH, SHIN = 0.30, 0.14, 0.18, 0.24, 0.23


@dataclass(frozen=True, slots=True)
class Pose:
    """A body at one moment.

    Attributes:
        arms: Angle of upper arm and forearm of the first and the second arm, in radians from
            straight down, positive away from the body.
        legs: Angle of thigh and shin, alike.
        turn: Rotation of the whole body in radians.
        rise: Height of the lowest joint over the ground, in body heights.
        prop: "ball" or "crate" and its place relative to the point on the ground, or None. The
            crate is held between the hands wherever they are.
    """

    arms: tuple[Limb, Limb]
    legs: tuple[Limb, Limb] = ((0.12, 0.05), (0.12, 0.05))
    turn: float = 0.0
    rise: float = 0.0
    prop: tuple[str, float, float] | None = None


def _swell(phase: float) -> float:
    """Return 0 at whole phases and 1 at half ones, smoothly."""
    return float(0.5 - 0.5 * np.cos(2 * np.pi * phase))


def _cartwheel(phase: float, size: float) -> Pose:
    return Pose(((2.5, 2.6),) * 2, ((0.45 * size, 0.45 * size),) * 2, turn=2 * np.pi * phase)


def _dribble(phase: float, size: float) -> Pose:
    height = abs(np.cos(np.pi * phase)) * 0.42 * size
    return Pose(((0.7, 0.8 + 1.2 * height), (0.3, 0.2)), prop=("ball", 0.34, 0.07 + height))


def _jumping_jack(phase: float, size: float) -> Pose:
    open_ = _swell(phase)
    arm, leg = 0.2 + 2.5 * open_ * size, 0.08 + 0.5 * open_ * size
    return Pose(((arm, arm),) * 2, ((leg, leg),) * 2, rise=0.1 * _swell(2 * phase))


def _kick(phase: float, size: float) -> Pose:
    high = _swell(phase) * size
    return Pose(((0.7, 1.0),) * 2, ((0.1 + 1.5 * high, 1.6 * high - 0.4), (0.1, 0.05)))


def _carry(height: float, *, holding: bool) -> Pose:
    """Return both hands at ``height`` in [0, 1] between knees and overhead, close to the body."""
    arm, bent = (0.35 + 2.5 * height, -0.4 - 2.9 * height), 0.5 * (1 - height)
    prop = ("crate", 0.0, 0.0) if holding else None
    return Pose((arm, arm), ((0.2 + bent, 0.1 - bent),) * 2, prop=prop)


def _lift(phase: float, size: float) -> Pose:
    moment = phase % 1.0
    if moment < 0.75:
        return _carry(min(moment / 0.65, 1.0) * min(size, 1.0), holding=True)
    return _carry(4 * (1 - moment), holding=False)


def _lower(phase: float, size: float) -> Pose:
    return _lift(-phase, size)


def _squat(phase: float, size: float) -> Pose:
    deep = _swell(phase) * size
    arm = 0.3 + 1.2 * deep
    return Pose(((arm, arm),) * 2, ((0.15 + 1.15 * deep, 0.05 - 0.45 * deep),) * 2)


def _wave(phase: float, size: float) -> Pose:
    swing = 0.8 * size * np.sin(2 * np.pi * phase)
    return Pose(((2.3, 2.7 + swing), (0.3, 0.2)))


ACTIONS: dict[str, Callable[[float, float], Pose]] = {
    "cartwheel": _cartwheel,
    "dribble": _dribble,
    "jumping_jack": _jumping_jack,
    "kick": _kick,
    "lift": _lift,
    "lower": _lower,
    "squat": _squat,
    "wave": _wave,
}
"""Class name to its motion: a pose as a function of the phase in cycles and of the amplitude."""


@dataclass(frozen=True, slots=True)
class Build:
    """How an actor looks.

    Attributes:
        height: Body height in pixels.
        side: 1, or -1 for the mirror image.
        girth: Width of shoulders and hips relative to a slim body.
        thickness: Of the limbs, in body heights.
        colors: RGB of skin, shirt, trousers and prop.
    """

    height: float
    side: int
    girth: float
    thickness: float
    colors: tuple[tuple[int, int, int], ...]


def draw(frame: np.ndarray, pose: Pose, *, build: Build, ground: np.ndarray) -> None:
    """Draw a body into a frame, its lowest joint ``pose.rise`` above the ground.

    Args:
        frame: uint8 (H, W, 3), changed in place.
        pose: What the body does.
        build: What the body looks like.
        ground: (x, y) in pixels of the point on the ground.
    """
    bones = _skeleton(pose, girth=build.girth)
    lowest = min(float(point[1]) for point in itertools.chain(*bones))
    scale = np.array([build.side, -1.0]) * build.height

    def place(point: np.ndarray) -> tuple[int, int]:
        return pixels(ground + scale * (point - np.array([0, lowest - pose.rise])))

    skin, shirt, trousers, prop = build.colors
    width = max(2, round(build.thickness * build.height))
    widths = (2 * width,) + (width,) * 8
    colors = (shirt,) + (trousers,) * 4 + (skin,) * 4
    for (start, end), color, thick in zip(bones[:9], colors, widths, strict=True):
        cv2.line(frame, place(start), place(end), color, thick, cv2.LINE_AA, 4)
    head = int(16 * 0.085 * build.height)
    cv2.circle(frame, place(bones[9][1]), head, skin, -1, cv2.LINE_AA, 4)
    if pose.prop and pose.prop[0] == "ball":
        center = pixels(ground + scale * np.array(pose.prop[1:]))
        cv2.circle(frame, center, int(16 * 0.085 * build.height), prop, -1, cv2.LINE_AA, 4)
    elif pose.prop:
        x, y = place((bones[6][1] + bones[8][1]) / 2)
        half = int(16 * 0.14 * build.height)
        box = (x - half, y - half), (x + half, y + half)
        cv2.rectangle(frame, *box, prop, -1, cv2.LINE_AA, 4)


def pixels(point: np.ndarray) -> tuple[int, int]:
    """Return a point in sixteenths of a pixel, as OpenCV's ``shift=4`` takes it."""
    return int(16 * point[0]), int(16 * point[1])


def _skeleton(pose: Pose, *, girth: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return ten bones: torso, two legs and two arms of two bones each, neck; hips at (0, 0)."""
    cos, sin = np.cos(pose.turn), np.sin(pose.turn)
    rotation = np.array([[cos, sin], [-sin, cos]])
    top = np.array([0.0, TORSO])
    bones = [(np.zeros(2), top)]
    limbs = [*((leg, np.zeros(2), 0.06, THIGH, SHIN) for leg in pose.legs)]
    limbs += [(arm, top, 0.1, ARM, ARM) for arm in pose.arms]
    for number, ((upper, lower), root, out, first, second) in enumerate(limbs):
        side = 1 - 2 * (number % 2)
        joint = root + np.array([side * out * girth, 0])
        bend = joint + first * np.array([side * np.sin(upper), -np.cos(upper)])
        tip = bend + second * np.array([side * np.sin(lower), -np.cos(lower)])
        bones += [(joint, bend), (bend, tip)]
    bones += [(top, top + np.array([0, NECK]))]
    return [(rotation @ start, rotation @ end) for start, end in bones]
