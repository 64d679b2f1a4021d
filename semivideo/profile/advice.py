"""Plain sentences on what to do; each follows from measured figures, and only if it would help."""

from __future__ import annotations

from collections.abc import Iterator

from semivideo.profile.measured import Report, Variant

_WORTH_IT = 1.05  # times as fast
_SLOWER = 1.15  # times as long because of reading; less is noise
_WAITING = 0.05
_BUSY = 0.15  # of the processors
_MANY_VIEWS = 0.25  # of a step


def advice(report: Report) -> list[str]:
    """Return the sentences, the most urgent first."""
    rules = (_others, _broken, _data, _engine, _views, _batch, _time)
    return [sentence for rule in rules for sentence in rule(report)]


def _others(report: Report) -> Iterator[str]:
    """Whether the machine was busy with something else."""
    if report.others is not None and report.others > _BUSY * report.cores:
        yield (
            f"Other programs kept {report.others:.1f} of the {report.cores} processors busy "
            "meanwhile, and all figures are of what they left: measure again when they are quiet."
        )


def _broken(report: Report) -> Iterator[str]:
    """Files that cannot be read."""
    if number := report.videos.unreadable:
        yield f"{number} files cannot be read at all: `semivideo scan` names them."
    if skipped := report.videos.skipped:
        first = next(iter(skipped.values()))
        yield f"{len(skipped)} of the videos drawn broke, and others stood in. The first: {first}."


def _data(report: Report) -> Iterator[str]:
    """Whether data slow the step down, and what helps."""
    loop, needed = report.loop, report.workers_needed
    ratio = report.batch_seconds / report.step.seconds
    took = f"one process makes a batch in {ratio:.2g} x the time of a step"
    if report.slowdown < _SLOWER:
        kept = "frames are kept in memory, and " if report.videos.are_kept else ""
        enough = "" if needed > max(1, loop.workers) else f": {_workers(needed)} would do"
        yield f"Reading does not slow training down: {kept}{took}{enough}."
        return
    shared = "" if loop.waiting > _WAITING else ", for both share the processors"
    yield (
        f"Reading slows training down: beside its loader ({_workers(loop.workers)}) a step takes "
        f"{report.slowdown:.2g} x as long as without and waits {loop.waiting:.0%} of it{shared}; "
        f"{took}."
    )
    yield _remedy(report)


def _remedy(report: Report) -> str:
    """What makes data faster here."""
    videos, needed = report.videos, report.workers_needed
    free = report.free_memory_gb
    if videos.are_kept:
        if report.setup["decoder"] == "hardware":  # its processes cannot share the memory
            return (
                "Frames are in memory already; with --set data.decoder=software "
                f"--set data.workers={needed} makes batches beside the step."
            )
        if report.loop.workers == 0:
            return (
                f"Frames are in memory already; --set data.workers={needed} makes batches beside "
                "the step."
            )
        return (
            "Frames are in memory, and workers have to hand them on: compare with "
            "--set data.workers=0."
        )
    if free is not None and videos.frames_gb < free / 2:
        limit = round(1.1 * videos.frames_gb + 0.1, 1)
        return (
            f"All frames take about {videos.frames_gb:.2g} GB, and {free:.0f} GB of memory are "
            f"free: --set data.memory_gb={limit:g} decodes each video once."
        )
    if report.loop.workers < needed <= report.cores // 2:
        return f"--set data.workers={needed} makes batches fast enough."
    if report.used.source == "files":
        return (
            "Prepare a cache once and train from it: semivideo prepare VIDEOS --out CACHE "
            f"(from the files, {_workers(needed)} would have to run on processors of their own; "
            f"there are {report.cores})."
        )
    return f"It would take {_workers(needed)} on processors of their own."


def _engine(report: Report) -> Iterator[str]:
    """Precision and memory format, where they were compared."""
    by_kind = {(v.precision, v.channels_last): v for v in report.variants}
    present = next((v for v in report.variants if v.is_present), None)
    if present is None:
        return
    best = min(report.variants, key=lambda v: v.seconds)
    if present.seconds / best.seconds > _WORTH_IT:
        yield (
            f"{_called(best)} is {present.seconds / best.seconds:.2f} x as fast here as the "
            f"present {_called(present)} (measured): --set engine.precision={best.precision} "
            f"--set engine.channels_last={str(best.channels_last).lower()}."
        )
        return
    other = by_kind.get(("fp32" if present.precision != "fp32" else "bf16", present.channels_last))
    if other is not None:
        yield (
            f"{_called(present)} is right here: {other.seconds / present.seconds:.2f} x as fast as "
            f"{other.precision} (measured)."
        )


def _views(report: Report) -> Iterator[str]:
    """Views that take a good part of the step."""
    parts, total = report.step.parts, sum(report.step.parts.values())
    views = {name: seconds for name, seconds in parts.items() if "view" in name}
    share = sum(views.values()) / total
    if share > _MANY_VIEWS:
        largest = max(views, key=lambda name: views[name])
        yield (
            f"Views take {share:.0%} of the step, the {largest} {views[largest] / total:.0%}: "
            "fewer views.randaugment_ops or a smaller data.short_side make them cheaper."
        )


def _batch(report: Report) -> Iterator[str]:
    """The largest batch, where it was looked for."""
    if (largest := report.largest) is None:
        return
    now = largest.present
    more = " or more" if largest.value == largest.limit else ""
    yield (
        f"{largest.setting} = {largest.value}{more} fits in memory, {largest.value / now:.2g} x "
        f"the present {now}; a larger batch wants another engine.learning_rate."
    )


def _time(report: Report) -> Iterator[str]:
    """How long it all takes."""
    words = f"The training of {report.run_steps} steps takes about {in_words(report.run_seconds)}"
    if number := report.videos.test:
        seconds = in_words(report.evaluation_seconds)
        words += f", the evaluation of {number} held-out videos {seconds}"
    yield f"{words}."


def in_words(seconds: float) -> str:
    """Return a duration with its unit.

    >>> in_words(0.0123), in_words(42), in_words(600), in_words(9000), in_words(400000)
    ('12 ms', '42 s', '10 min', '2.5 h', '4.6 days')
    """
    for unit, length, most in (("ms", 1e-3, 1000), ("s", 1, 99), ("min", 60, 99), ("h", 3600, 72)):
        if seconds < most * length:
            return f"{_short(seconds / length)} {unit}"
    return f"{_short(seconds / 86400)} days"


def _short(value: float) -> str:
    """Two digits, and all of those before the point."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _workers(number: int) -> str:
    """So many loader processes, in words."""
    return "no worker" if number == 0 else f"{number} worker{'s' * (number > 1)}"


def _called(variant: Variant) -> str:
    """A precision and memory format in words."""
    return f"{variant.precision} {'with' if variant.channels_last else 'without'} channels_last"
