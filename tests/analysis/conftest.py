"""Run folders with made-up logs, as the engine and the evaluation write them."""

import csv
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semivideo.base.records import FrameTable, Video
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.evaluation import Evaluation
from semivideo.runfolder import RunFolder
from semivideo.settings import Settings

CLASSES = ["hop", "jog", "run", "sit"]
NUM_VIDEOS = 40


def make_manifest(root) -> Manifest:
    """Video i is of class i mod 4."""
    table = FrameTable(np.arange(9), np.arange(9) == 0, Fraction(1, 25))
    given = ((f"v{i:02d}.mp4", CLASSES[i % len(CLASSES)]) for i in range(NUM_VIDEOS))
    return Manifest.from_videos(
        [Video(id, id, label, None, 32, 32, 25.0, 0, table) for id, label in given], root=root
    )


def make_pseudo_labels(networks, *, steps: int, rng) -> pa.Table:
    """More and more are kept, and more and more of those are right."""
    num = steps * 4 * len(networks)
    step = np.repeat(np.arange(steps), 4 * len(networks))
    video = rng.integers(0, NUM_VIDEOS // 2, num)
    progress = step / steps
    is_right = rng.random(num) < 0.4 + 0.5 * progress
    label = np.where(is_right, video % len(CLASSES), (video + 1) % len(CLASSES))
    kept = rng.random(num) < 0.1 + 0.8 * progress
    network = np.tile(networks, steps * 4)
    confidence = rng.random(num).astype(np.float32)
    columns = {"step": step, "network": network, "video": video, "label": label}
    return pa.table(columns | {"confidence": confidence, "kept": kept})


def make_run(path, method: str, *, final: float = 0.7, steps: int = 200, seed: int = 0):
    rng = np.random.default_rng(seed)
    run = RunFolder.create(path)
    ids = [f"v{i:02d}.mp4" for i in range(NUM_VIDEOS)]
    split = Split("4-per-class", 0, tuple(ids[:4]), tuple(ids[4:20]), tuple(ids[20:]))
    make_manifest(path.parent).write(run.manifest_file)
    split.write(run.split_file)
    settings = Settings.from_mapping({"method": {"name": method}})
    run.write_text(run.settings_file, settings.to_yaml())
    for step in range(20, steps + 1, 20):
        run.append_metrics({"step": step, "loss": 1.0})
        top1 = 0.25 + (final - 0.25) * (step / steps) ** 0.5 + rng.normal(0, 0.01)
        run.append_metrics({"step": step, "evaluation": {"top1": float(top1)}})
    networks = {"supervised": [], "fixmatch": ["primary"]}.get(method, ["auxiliary", "primary"])
    if networks:
        table = make_pseudo_labels(networks, steps=steps, rng=rng)
        pq.write_table(table, run.pseudo_labels_file)
    labels = np.arange(20) % 4
    right = np.arange(20) < round(final * 20)
    scores = np.eye(4, dtype=np.float32)[np.where(right, labels, (labels + 1) % 4)]
    Evaluation("10x3", tuple(CLASSES), tuple(ids[20:]), scores, labels).write(run.evaluation_file)
    return run


@pytest.fixture
def run_of(tmp_path):
    """Makes a run folder: run_of("cmpl", name="a", final=0.7, seed=0)."""
    return lambda method, *, name, **options: make_run(tmp_path / name, method, **options)


def finish(run, *, seed=0, right=None, labels=None, **changes):
    """Give a run a seed and settings, and right test videos and pseudo-labels by hand.

    right: class number to how many of its 5 test videos are right; the others get the next class.
    labels: rows (step, network, video, label, kept). Keys of settings have __ for the dot.
    """
    named = {key.replace("__", "."): value for key, value in changes.items()}
    settings = run.settings().updated({"engine.seed": seed, **named})
    run.write_text(run.settings_file, settings.to_yaml())
    run.write_json(run.summary_file, {"steps": 40, "seconds": 90.0, "peak_memory_mb": 1500.0})
    if labels is not None:
        names = ("step", "network", "video", "label", "kept")
        columns = dict(zip(names, map(list, zip(*labels, strict=True)), strict=True))
        confidence = np.ones(len(labels), np.float32)
        pq.write_table(pa.table(columns | {"confidence": confidence}), run.pseudo_labels_file)
    if right is not None:
        found = Evaluation.read(run.evaluation_file)
        order = np.arange(20) // 4  # test video i is the order[i]-th of its class
        is_right = order < np.array([right[c] for c in found.labels])
        best = np.where(is_right, found.labels, (found.labels + 1) % 4)
        scores = np.eye(4, dtype=np.float32)[best]
        Evaluation("10x3", found.classes, found.ids, scores, found.labels).write(
            run.evaluation_file
        )
    return run.path


@pytest.fixture
def finished_run(run_of):
    """Makes a finished run: finished_run("cmpl", "a", seed=1, right=(5, 0, 2, 3))."""
    return lambda method, name, **options: finish(run_of(method, name=name, steps=40), **options)


@pytest.fixture
def csv_rows():
    """Reads the CSV file beside a figure."""

    def read(out):
        with out.with_suffix(".csv").open(newline="") as file:
            return list(csv.DictReader(file))

    return read
