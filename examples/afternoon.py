"""An afternoon with few labels, from label files of two tools to events in a third one.

    python examples/afternoon.py ../shared/data/jhmdb --out afternoon

DATA is J-HMDB as this project keeps it: DATA/videos/CLASS/CLIP.mp4, and DATA/clips.csv with path,
label and source (the film that a clip is from). The truth of clips.csv plays the person who labels:
a few clips in a Label Studio file, as many in a BORIS file, later those that `suggest` asks for.
Clips of other films are for testing. At the end a film of known events is made of these, events are
found in it, and go to ELAN and back. Each step prints what it came to and the seconds it took.
"""

import argparse
import csv
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from semivideo import api
from semivideo.analysis.groups import Trained
from semivideo.data.video.decode import iterate_frames
from semivideo.data.video.encode import encode
from semivideo.events.formats import read_labels
from semivideo.run.finished import Run
from semivideo.run.labeling.answers import Answer, Answers
from semivideo.run.labeling.long_video import Sliding, compared

FILM_RATE, FILM_SIZE = 5, (160, 120)  # frames a second; width and height
Truth = dict[str, str]
"""File name to class."""


def copy_clips(
    data: Path, out: Path, *, classes: int, clips: int, tested: int
) -> tuple[Truth, Truth]:
    """Copy clips of each class, to learn from and to test, under names that tell the film alone."""
    with (data / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["label"] for row in rows})[:classes]
    films = sorted({row["source"] for row in rows})
    shown: dict[str, set[str]] = {film: set() for film in films}
    for row in rows:
        shown[row["source"]].add(row["label"])
    learned, tests = Truth(), Truth()
    for number, name in enumerate(names):
        own = [row for row in rows if row["label"] == name and len(shown[row["source"]]) == 1]
        of_class = sorted({row["source"] for row in own})
        for side, sources, most in (
            (learned, of_class[::2], clips),
            (tests, of_class[1::2], tested),
        ):
            for place, row in enumerate([r for r in own if r["source"] in sources][:most]):
                file_name = f"film{films.index(row['source']):03}_{number:02}{place:02}.mp4"
                folder = out / "clips" if side is learned else out / "test" / name
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(data / "videos" / row["path"], folder / file_name)
                side[file_name] = name
    return learned, tests


def label_files(truth: Truth, out: Path, *, labels: int) -> list[Path]:
    """Write first labels of each class, half as a Label Studio file and half as one of BORIS."""
    chosen: dict[str, list[str]] = {name: [] for name in truth.values()}
    for file, name in truth.items():
        films = {each.partition("_")[0] for each in chosen[name]}
        if len(chosen[name]) < labels and file.partition("_")[0] not in films:
            chosen[name].append(file)
    lines = {"whole.csv": ["path,label"], "times.csv": ["path,label,start,end"]}
    for name, files in chosen.items():
        for number, file in enumerate(files):
            if number % 2 == 0:
                lines["whole.csv"].append(f"{file},{name}")
            else:
                lines["times.csv"].append(f"{file},{name},0,")  # to its end
    made = []
    for source, to, target in (
        ("whole.csv", "label-studio", "project.json"),
        ("times.csv", "boris", "events.tsv"),
    ):
        (out / source).write_text("\n".join(lines[source]) + "\n")
        made.append(out / target)
        api.convert_labels([out / source], to=to, out=made[-1], videos=out / "clips")
    return made


def answer(run: Run, asked: list[str], truth: Truth) -> None:
    """Answer what a run asks, as `semivideo review` would write it down."""
    given = tuple(Answer(id, "label", (truth[id.partition("#")[0]],)) for id in asked)
    Answers(run.folder.answers, given).write(Trained.read(run.path))


def film(tests: Truth, out: Path, *, minutes: float) -> tuple[Path, Path]:
    """Join test clips to a film of events of 20 to 40 seconds, and write down what happens when."""
    rng, folder = np.random.default_rng(0), out / "test"
    pictures: dict[str, list[Any]] = {name: [] for name in tests.values()}
    for file, name in tests.items():
        for number, image in enumerate(iterate_frames(folder / name / file)):
            if number % (30 // FILM_RATE) == 0:
                pictures[name].append(cv2.resize(image, FILM_SIZE, interpolation=cv2.INTER_AREA))
    events: list[tuple[str, int]] = []
    lines, start = ["path,label,start,end"], 0
    while start < round(60 * minutes * FILM_RATE):
        others = [name for name in pictures if not events or name != events[-1][0]]
        name, length = str(rng.choice(others)), int(rng.integers(20, 41)) * FILM_RATE
        events.append((name, length))
        lines.append(f"film.mp4,{name},{start / FILM_RATE},{(start + length) / FILM_RATE}")
        start += length

    def frames() -> Iterator[Any]:
        for name, length in events:
            yield from (pictures[name][n % len(pictures[name])] for n in range(length))

    encode(out / "film.mp4", frames(), frame_rate=FILM_RATE)
    (out / "film.csv").write_text("\n".join(lines) + "\n")
    return out / "film.mp4", out / "film.csv"


def rows_of(file: Path) -> list[tuple[str | None, int, int]]:
    """Class, start and end of each label, in whole milliseconds."""
    rows = read_labels(file)
    times = [(row.label, row.start_seconds or 0.0, row.end_seconds or 0.0) for row in rows]
    return sorted((label, round(1000 * s), round(1000 * e)) for label, s, e in times)


class Steps:
    """Prints each step with the seconds since the one before."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()

    def __call__(self, words: str) -> None:
        """Print a step that is done."""
        now = time.perf_counter()
        print(f"{now - self.begun:6.1f} s  {words}", flush=True)
        self.begun = now


def loop(
    data: Path,
    out: Path,
    *,
    classes: int,
    clips: int,
    tested: int,
    labels: int,
    asked: int,
    minutes: float,
) -> None:
    """Go round once, and on to the events of a film."""
    step = Steps()
    truth, tests = copy_clips(data, out, classes=classes, clips=clips, tested=tested)
    step(f"{len(truth)} clips to learn from, {len(tests)} of other films to test")
    lists = label_files(truth, out, labels=labels)
    step(f"first labels: {' and '.join(each.name for each in lists)}")
    manifest = api.scan(out / "clips", lists=lists, group_pattern=r"(film\d+)_")
    step(f"scan: {sum(each is not None for each in manifest.labels)} labels of {len(manifest)}")
    api.extract_features(manifest, out=out / "features", views=1, frames=4)
    step("features of every clip, once")
    first = api.train(out / "features", method="probe", out=out / "first", estimate=False)
    before = api.evaluate(first, videos=out / "test").top1
    step(f"first training: {100 * before:.1f} % of the test clips are right")
    page = api.report([first], out=out / "report.html")
    step(f"report: {page.name}, {page.stat().st_size / 1e3:.0f} kB")
    found = api.suggest(first, count=asked)
    step(f"suggest: {', '.join(each.id for each in found[:3])} ...")
    answer(first, [each.id for each in found], truth)
    second = api.train(from_run=first.path, out=out / "second", estimate=False)
    after = api.evaluate(second, videos=out / "test").top1
    step(
        f"{asked} answers, second training: {100 * after:.1f} %, "
        f"{100 * (after - before):+.1f} points"
    )
    video, events = film(tests, out, minutes=minutes)
    step(f"film of {minutes:g} minutes, {len(rows_of(events))} events")
    stages = {"high": 0.4, "low": 0.3, "smooth_seconds": 8.0, "shortest_seconds": 5.0}
    sliding = Sliding(stride_seconds=4.0)
    timeline = api.find_events(
        second, [video], out=out / "events.csv", sliding=sliding, stages=stages
    )
    accuracy = compared(timeline, events).accuracy
    overlaps = accuracy.mean_average_precision.items()
    step(
        f"timeline: {len(timeline[0].events)} events, "
        f"{', '.join(f'mAP at {overlap:g} {100 * mean:.1f} %' for overlap, mean in overlaps)}, "
        f"frame F1 {100 * accuracy.mean_frame_f1:.1f} %"
    )
    api.convert_labels([out / "events.csv"], out=out / "events.eaf", videos=out)
    api.convert_labels([out / "events.eaf"], out=out / "back.csv", videos=out)
    is_equal = rows_of(out / "events.csv") == rows_of(out / "back.csv")
    step(f"events to ELAN and back: {'equal' if is_equal else 'NOT EQUAL'}")
    made = api.export(second, out=out / "model", format="hub-folder", count=5)
    step(f"model for others: largest difference {made.parity.whole or 0:.2g} with OpenCV's frames")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="An afternoon with few labels.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    parser.add_argument("--classes", type=int, default=21, help="the first ones by name")
    parser.add_argument("--clips", type=int, default=20, help="to learn from, of each class")
    parser.add_argument("--tested", type=int, default=10, help="to test, of each class")
    parser.add_argument("--labels", type=int, default=2, help="of each class at first")
    parser.add_argument("--asked", type=int, default=84, help="labels that are asked for")
    parser.add_argument("--minutes", type=float, default=10, help="of the film")
    loop(**vars(parser.parse_args()))
