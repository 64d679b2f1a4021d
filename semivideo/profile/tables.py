"""A report for people, as tables of text, and for programs, as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from semivideo.profile.advice import in_words
from semivideo.profile.measured import Report
from semivideo.profile.reading import PARTS


class Sheet(NamedTuple):
    """A table: its title, its columns (the first is text, the others figures) and its rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def headline(report: Report) -> list[str]:
    """Say in lines what was measured, and where."""
    s, videos = report.setup, report.videos
    networks = " and ".join(dict.fromkeys(s["networks"].values()))
    layout = "channels_last" if s["channels_last"] else "contiguous"
    stream = f" + {videos.unlabeled} unlabelled" if report.step.num_unlabeled else ""
    clips = f" + {report.step.num_unlabeled} unlabelled" if report.step.num_unlabeled else ""
    return [
        f"{s['method']} with {networks}, {s['parameters'] / 1e6:.3g} M weights, {s['precision']}, "
        f"{layout}",
        f"a step: {report.step.num_labeled} labelled{clips} clips, short side {s['short_side']}, "
        f"crop {s['crop_size']}",
        f"videos: {videos.labeled} labelled{stream}, {videos.test} held out",
        f"machine: {report.machine}, {report.cores} processors",
    ]


def sheets(report: Report) -> list[Sheet]:
    """Return all tables of the report that have rows."""
    found = [_reading(report), _rivals(report), _step(report), _balance(report), _variants(report)]
    return [sheet for sheet in found if sheet.rows]


def as_markdown(report: Report) -> str:
    """Return everything as Markdown."""
    lines = ["# Benchmark", "", *(f"* {line}" for line in headline(report))]
    for sheet in sheets(report):
        lines += ["", f"## {sheet.title}", "", _line(sheet.columns)]
        lines += [_line(["---", *["--:"] * (len(sheet.columns) - 1)]), *map(_line, sheet.rows)]
    lines += ["", "## Advice", "", *(f"* {sentence}" for sentence in report.advice)]
    return "\n".join(lines) + "\n"


def as_json(report: Report) -> str:
    """Return everything as JSON: what was measured, and what follows from it."""
    content: dict[str, Any] = asdict(report)
    for mapping, reading in zip(content["reading"], report.reading, strict=True):
        mapping |= {
            "seconds": reading.seconds,
            "clips_per_second": 1 / reading.seconds,
            "mb_per_second": reading.bytes_per_clip / reading.seconds / 1e6,
        }
    for mapping in content["rivals"]:
        mapping |= {k: None for k in ("seconds", "ours") if math.isnan(mapping[k])}
    step = report.step
    content["step"] |= {
        "clips_per_second": step.num_clips / step.seconds,
        "gflops": step.gflop / step.seconds,
    }
    content["balance"] = {
        "workers_needed": report.workers_needed,
        "batch_seconds": report.batch_seconds,
        "slowdown": report.slowdown,
        "run_seconds": report.run_seconds,
        "evaluation_seconds": report.evaluation_seconds,
    }
    return json.dumps(content, indent=1) + "\n"


def _reading(report: Report) -> Sheet:
    """Rates of one process, and the shares of its parts."""
    rows = []
    for reading in report.reading:
        shares = [reading.parts.get(part, 0.0) / reading.seconds for part in PARTS.values()]
        rows.append(
            [
                reading.source,
                figure(1 / reading.seconds),
                _ms(reading.seconds),
                *(f"{share:.0%}" for share in shares),
                figure(reading.bytes_per_clip / reading.seconds / 1e6),
            ]
        )
    columns = ["frames from", "clips/s", "ms a clip", *PARTS, "MB/s"]
    return Sheet("Reading, one process", columns, rows)


def _rivals(report: Report) -> Sheet:
    """The same frames by other libraries."""
    rows = []
    for rival in report.rivals:
        if rival.missing:
            rows.append([rival.name, rival.missing, "", "", ""])
            continue
        failed = f"{rival.num_failed} of {rival.num_clips + rival.num_failed}"
        ratio = f"{rival.seconds / rival.ours:.2f} x"
        rows.append([rival.name, _ms(rival.seconds), _ms(rival.ours), ratio, failed])
    columns = ["library", "CPU ms a clip", "SemiVideo, shrunk", "ratio", "not read"]
    return Sheet("The same frames by others, whole", columns, rows)


def _step(report: Report) -> Sheet:
    """Parts of a step, in the order of the step."""
    step, total = report.step, sum(report.step.parts.values())
    order = sorted(step.parts, key=_place)
    rows = [[name, _ms(step.parts[name]), f"{step.parts[name] / total:.0%}"] for name in order]
    whole = "all" if math.isclose(total, step.seconds) else "all, without stops between parts"
    rows.append([whole, _ms(step.seconds), ""])
    return Sheet(f"A step, {step.num_steps} measured", ["part", "ms", "share"], rows)


def _place(part: str) -> int:
    """Where a part stands in the table."""
    return 0 if "copy" in part else 1 if "view" in part else 3 if part == "bookkeeping" else 2


def _balance(report: Report) -> Sheet:
    """What the step takes, what the loader gives, and what comes of it."""
    step, loop, videos, testing = report.step, report.loop, report.videos, report.testing
    gflops = step.gflop / step.seconds
    share = gflops / step.matrix_gflops
    memory = f"{step.peak_memory_gb:.2g} GB"
    memory += f", frames {videos.frames_gb:.2g} GB" if videos.are_kept else ""
    rows = [
        ["a step alone", f"{figure(step.num_clips / step.seconds)} clips/s"],
        ["one loader process", f"{figure(1 / report.used.seconds)} clips/s"],
        ["loader processes needed, there are", f"{report.workers_needed}, {loop.workers}"],
        ["a step with its loader", f"{_ms(loop.seconds)} ms, {loop.waiting:.0%} of it waiting"],
        ["networks, counted", f"{figure(step.gflop)} GFLOP a step"],
        ["that is", f"{figure(gflops)} GFLOP/s, {share:.0%} of a matrix product's"],
        ["peak memory", memory],
        [f"training, {report.run_steps} steps", in_words(report.run_seconds)],
        [f"evaluation {testing.protocol}", f"{in_words(testing.seconds)} a video"],
    ]
    if videos.test:
        rows[-1][1] += f", {videos.test} videos in {in_words(report.evaluation_seconds)}"
    return Sheet("Balance", ["", ""], rows)


def _variants(report: Report) -> Sheet:
    """Precisions and memory formats."""
    present = next((v.seconds for v in report.variants if v.is_present), math.nan)
    rows = [
        [
            f"{v.precision}{', present' * v.is_present}",
            "yes" if v.channels_last else "no",
            _ms(v.seconds),
            f"{present / v.seconds:.2f} x",
        ]
        for v in report.variants
    ]
    return Sheet("Precision", ["precision", "channels_last", "ms a step", "as fast"], rows)


def figure(value: float) -> str:
    """Three digits, and all of those before the point.

    >>> figure(1234.5), figure(12.34), figure(0.001234)
    ('1234', '12.3', '0.00123')
    """
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def _ms(seconds: float) -> str:
    """Milliseconds."""
    return figure(1000 * seconds)


def _line(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"
