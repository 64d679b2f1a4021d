"""What is here of the table of encoders, and how fast it is on this machine."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from semivideo.base.errors import MissingExtraError, SemiVideoError
from semivideo.base.progress import Progress
from semivideo.encoders.known import EncoderEntry, all_encoders
from semivideo.encoders.timing import Measured, known_times, measure_once, stamp_of


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the table, with what is known of it here.

    Attributes:
        name: Of the encoder.
        entry: The line.
        is_here: Whether its weights are on this machine.
        measured: What was measured; None where it is not here, cannot be used, or was not wanted.
        fault: Why it cannot be used although it is here, or "".
    """

    name: str
    entry: EncoderEntry
    is_here: bool
    measured: Measured | None = None
    fault: str = ""


def listed(*, measure: bool | None = None, progress: Progress | None = None) -> list[Listed]:
    """Look which encoders are here, and measure those.

    Args:
        measure: Whether to measure: True again, False not at all, None what was not measured yet.
        progress: Called with ("measure", encoders done, in all, name) before and after each.

    Raises:
        DataError: The user's list of encoders is broken.
        WriteError: A measurement cannot be kept.
    """
    entries = all_encoders()
    times = known_times()
    found: dict[str, Listed] = {}
    todo: list[str] = []
    for name, entry in entries.items():
        is_here = entry.is_here
        known = times.get(name) if is_here else None
        if known is not None and known.stamp != stamp_of(entry.place):
            known = None
        found[name] = Listed(name, entry, is_here, known)
        if is_here and (measure or (measure is None and known is None)):
            todo.append(name)
    for number, name in enumerate(todo):
        if progress is not None:
            progress("measure", number, len(todo), name)
        found[name] = _measured(name, entries[name])
    if progress is not None and todo:
        progress("measure", len(todo), len(todo), "")
    return list(found.values())


def _measured(name: str, entry: EncoderEntry) -> Listed:
    """Load an encoder and measure it; what is wrong with it is said and not raised."""
    try:
        encoder = entry.make()
    except MissingExtraError as error:
        return Listed(name, entry, is_here=False, fault=str(error) if entry.place else "")
    except SemiVideoError as error:
        return Listed(name, entry, is_here=True, fault=str(error))
    device = torch.accelerator.current_accelerator(check_available=True) or "cpu"
    stamp = stamp_of(entry.place)
    return Listed(name, entry, is_here=True, measured=measure_once(encoder.to(device), stamp=stamp))
