"""Rendered video for the demo and the tests: puppets that act.

``render`` writes a small data set of real H.264 files. Its classes differ in what is seen (a ball,
a crate, spread limbs) and in how it moves ("lift" and "lower" are the same pictures in opposite
order), not in left and right: actors are mirrored at random. A group is one scene with one actor;
background, colours, body and camera are shared within a group and differ between groups, so a
held-out group is a new place. Everything else varies from clip to clip: length, size, frame rate,
speed, phase, position, distractors, camera motion, light, noise and compression.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from semivideo.base.errors import ConfigError, nearest
from semivideo.base.progress import Progress
from semivideo.data.synthetic.puppets import ACTIONS, Build, Limb, Pose, draw, pixels
from semivideo.data.video.encode import encode

GROUP_PATTERN = r"(g\d+)_c\d+"
"""Finds the group in the name of a rendered file, such as ``g03`` in ``wave/g03_c01.mp4``."""

FRAME_RATES = (12, 15, 20, 24, 25, 30)
SIZES = ((96, 72), (112, 84), (128, 72), (96, 96), (84, 112))


class _Scene:
    """What the clips of one group share: background, colours and body."""

    def __init__(self, rng: np.random.Generator) -> None:
        # Light on dark or dark on light: the actor stands out, in two ways that look different.
        dark = rng.random() < 0.5
        low, high = ((15, 115), (150, 250)) if dark else ((140, 240), (5, 105))
        self.colors = tuple(tuple(color) for color in rng.integers(*high, size=(4, 3)).tolist())
        self.distractors = rng.integers(*low, size=(4, 3)).tolist()
        self.thickness = rng.uniform(0.055, 0.09)
        self.girth = rng.uniform(0.9, 1.25)
        grain = int(rng.choice([4, 8, 16, 40]))
        coarse = rng.normal(0, 1, (320 // grain + 1, 320 // grain + 1, 3)).astype(np.float32)
        texture = cv2.resize(coarse, (320, 320), interpolation=cv2.INTER_CUBIC)
        if rng.random() < 0.5:
            texture = texture[:, :, :1] * rng.uniform(0.5, 1, 3)
        stripes = np.sin(np.arange(320) / rng.uniform(2, 12)) * rng.choice([0, 1])
        base = rng.uniform(*low, 3)
        self.background = np.clip(
            base + rng.uniform(5, 15) * texture + 9 * stripes[:, None], 0, 255
        ).astype(np.uint8)
        if rng.random() < 0.5:
            self.background = np.ascontiguousarray(self.background.swapaxes(0, 1))


class _Take:
    """One clip: everything that varies within a group, drawn first and then applied."""

    def __init__(self, action: str, scene: _Scene, rng: np.random.Generator) -> None:
        self.action, self.scene, self.rng = ACTIONS[action], scene, rng
        self.width, self.height = SIZES[rng.integers(len(SIZES))]
        self.frame_rate = FRAME_RATES[rng.integers(len(FRAME_RATES))]
        self.num_frames = round(rng.uniform(1.5, 3.0) * self.frame_rate)
        self.crf = int(rng.integers(18, 33))
        self.phase, self.speed = rng.uniform(), rng.uniform(0.8, 1.4)
        self.amplitude, side = rng.uniform(0.75, 1.1), int(rng.choice([-1, 1]))
        body = rng.uniform(0.65, 0.9) * min(self.width, self.height)
        self.build = Build(body, side, scene.girth, scene.thickness, scene.colors)
        self.tilt = rng.normal(0, 0.1)
        spare = (self.width - 0.7 * body) / 2
        self.start = np.array([self.width / 2, self.height - 2.0])
        self.start += rng.uniform(-1, 1) * np.array([spare * 0.6, 0])
        self.start[1] -= rng.uniform(0, self.height - body * 1.05)
        self.drift = rng.normal(0, 0.06, 2) * body * (1, 0.3)
        self.wobble = rng.normal(0, 0.1, (2, 8)), rng.uniform(0.2, 1.2, 8)
        self.pan, self.shake = rng.normal(0, 3, 2), rng.exponential(0.4)
        self.scroll = rng.normal(0, 8, 2)
        self.light = rng.uniform(0.8, 1.15), rng.uniform(0, 0.2), rng.uniform(0.2, 2)
        self.noise = rng.normal(0, rng.uniform(1, 6), (160, 160, 3)).astype(np.int16)
        self.blobs = rng.uniform(0, 1, (int(rng.integers(0, 4)), 6))

    def frames(self) -> Iterator[np.ndarray]:
        """Yield uint8 (H, W, 3) RGB frames."""
        for index in range(self.num_frames):
            seconds = index / self.frame_rate
            camera = self.pan * np.sin(seconds) + self.rng.normal(0, self.shake, 2)
            frame = self._backdrop(seconds, camera)
            ground = self.start + self.drift * seconds + camera
            draw(frame, self._pose(seconds), build=self.build, ground=ground)
            gain, flicker, rate = self.light
            gain *= 1 + flicker * np.sin(2 * np.pi * rate * seconds)
            y, x = self.rng.integers(0, 160 - np.minimum(frame.shape[:2], 159))
            grain = self.noise[y : y + self.height, x : x + self.width]
            yield np.clip(frame * np.float32(gain) + grain, 0, 255).astype(np.uint8)

    def _pose(self, seconds: float) -> Pose:
        """Return the action's pose with the unrest of a living body."""
        pose = self.action(self.phase + self.speed * seconds, self.amplitude)
        (constant, swing), rate = self.wobble
        unrest = iter((constant + swing * np.sin(2 * np.pi * rate * seconds)).tolist())

        def uneasy(limbs: tuple[Limb, Limb], scale: float) -> tuple[Limb, Limb]:
            (a, b), (c, d) = limbs
            e, f, g, h = (scale * next(unrest) for _ in range(4))
            return (a + e, b + f), (c + g, d + h)

        arms, legs = uneasy(pose.arms, 1.0), uneasy(pose.legs, 0.5)
        return Pose(arms, legs, pose.turn + self.tilt, pose.rise, pose.prop)

    def _backdrop(self, seconds: float, camera: np.ndarray) -> np.ndarray:
        """Return the background at this moment with its distractors, uint8 (H, W, 3)."""
        x, y = np.clip(96 - camera - self.scroll * seconds, 0, 192).astype(int)
        frame: np.ndarray = self.scene.background[y : y + self.height, x : x + self.width].copy()
        size = np.array([self.width, self.height])
        for number, (px, py, vx, vy, radius, kind) in enumerate(self.blobs):
            place = np.array([px, py]) + 0.5 * (np.array([vx, vy]) - 0.5) * seconds
            center = pixels(place * size + camera)
            color, reach = self.scene.distractors[number % 4], 3 + 6 * radius
            if kind < 0.5:
                cv2.circle(frame, center, int(16 * reach), color, -1, cv2.LINE_AA, 4)
            else:
                corner = (center[0] + int(16 * reach), center[1] + int(32 * reach))
                cv2.rectangle(frame, center, corner, color, -1, cv2.LINE_AA, 4)
        return frame


def render(
    folder: Path,
    *,
    videos_per_class: int,
    seed: int,
    classes: Sequence[str] = tuple(ACTIONS),
    num_groups: int = 10,
    workers: int = 2,
    progress: Progress | None = None,
) -> list[Path]:
    """Write ``folder/<class>/gNN_cNN.mp4``: ``videos_per_class`` clips spread over the groups.

    Args:
        folder: Made if it is missing; files of the same names are replaced.
        videos_per_class: Clips of each class, >= 1.
        seed: Equal seeds give equal frames.
        classes: Names from ``ACTIONS``.
        num_groups: Scenes, >= 1; ``GROUP_PATTERN`` reads them from the names.
        workers: Threads; drawing and encoding leave Python's lock.
        progress: Called with ("render", files written, files in all, "") after each file.

    Returns:
        The files, in order of class and clip.

    Raises:
        ConfigError: A class that is not in ``ACTIONS``, or a count below 1.
    """
    for name in classes:
        if name not in ACTIONS:
            raise ConfigError(
                f"no synthetic class {name!r}{nearest(name, ACTIONS)} "
                f"[available: {', '.join(ACTIONS)}]"
            )
    if min(videos_per_class, num_groups) < 1:
        raise ConfigError(
            "videos_per_class and num_groups must be at least 1, "
            f"got {videos_per_class} and {num_groups}"
        )
    scenes = [_Scene(np.random.default_rng((seed, group))) for group in range(num_groups)]

    def write(job: tuple[str, int]) -> Path:
        name, clip = job
        group = clip % num_groups
        rng = np.random.default_rng((seed, group, clip, list(ACTIONS).index(name)))
        take = _Take(name, scenes[group], rng)
        path = folder / name / f"g{group:02d}_c{clip // num_groups:02d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        encode(path, take.frames(), frame_rate=take.frame_rate, options={"crf": str(take.crf)})
        return path

    jobs = list(itertools.product(classes, range(videos_per_class)))
    paths: list[Path] = []
    with ThreadPoolExecutor(workers) as pool:
        for path in pool.map(write, jobs):
            paths.append(path)
            if progress is not None:
                progress("render", len(paths), len(jobs), "")
    return paths
