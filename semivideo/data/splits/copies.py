"""Copies of one video on the two sides of a split; ``fingerprint`` says what counts as a copy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import permutations, product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from semivideo.base.errors import DataError
from semivideo.base.faults import about_file
from semivideo.base.machine.threads import num_cores
from semivideo.base.progress import Progress
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.segments import overlap
from semivideo.data.splits import fingerprint

Pairs = list[tuple[int, int]]
_Given = TypeVar("_Given")
_Result = TypeVar("_Result")

_KEPT_PICTURES = 256  # videos, of at most 600 kB each


@dataclass(frozen=True, slots=True)
class Copies:
    """Pairs of rows (test, training), ascending.

    Attributes:
        identical: Files with the same bytes.
        near: Files with other bytes that show the same take.
        unreadable: Rows whose frames cannot be read, with the reason.
    """

    identical: Pairs
    near: Pairs
    unreadable: list[tuple[int, str]]


def copies_across(
    manifest: Manifest,
    test: Sequence[int],
    train: Sequence[int],
    *,
    progress: Progress | None = None,
) -> Copies:
    """Find the test videos that are also training videos.

    Every video is decoded once, at eight places; pairs with near fingerprints are looked at again.
    Segments of one file are no copies of each other; those of copies of a file are if they overlap.

    Args:
        manifest: The videos.
        test: Rows of one side; missing and unusable files are passed over.
        train: Rows of the other side.
        progress: Called with (what, done, in all, "").
    """
    test, train = ([row for row in rows if _is_there(manifest, row)] for rows in (test, train))
    identical = _identical(manifest, test, train)
    words: dict[int, fingerprint.Words] = {}
    unreadable: list[tuple[int, str]] = []
    rows = [*test, *train]
    for row, found in zip(
        rows, _each(partial(_words, manifest), rows, "hash frames", progress), strict=True
    ):
        if isinstance(found, str):
            unreadable.append((row, found))
        else:
            words[row] = found
    test, train = ([row for row in side if row in words] for side in (test, train))
    pairs = fingerprint.near_pairs(*(_stacked(words, side) for side in (test, train)))
    paths = manifest.table["path"]
    near = {
        (test[one], train[other])
        for one, other in pairs
        if paths[test[one]].as_py() != paths[train[other]].as_py()
    }.difference(identical)
    copies, broken = _seen_twice(manifest, sorted(near), progress)
    return Copies(identical, copies, sorted([*unreadable, *broken]))


def _is_there(manifest: Manifest, row: int) -> bool:
    return bool(manifest.usable[row]) and os.access(manifest.absolute(row), os.R_OK)


def _identical(manifest: Manifest, test: Sequence[int], train: Sequence[int]) -> Pairs:
    """Pairs of videos in files with the same bytes that have frames in common."""
    sides: list[dict[str, list[int]]] = [{}, {}]  # path to rows
    for side, rows in zip(sides, (test, train), strict=True):
        for row in rows:
            side.setdefault(manifest.table["path"][row].as_py(), []).append(row)
    paths = sorted({*sides[0], *sides[1]})
    pairs: Pairs = []
    for group in fingerprint.same_bytes([manifest.root / path for path in paths]):
        same = [paths[place] for place in group]
        for one, other in permutations(same, 2):
            pairs += [
                (ours, theirs)
                for ours, theirs in product(sides[0].get(one, ()), sides[1].get(other, ()))
                if overlap(manifest[ours], manifest[theirs])
            ]
    return sorted(pairs)


def _words(manifest: Manifest, row: int) -> fingerprint.Words | str:
    """Fingerprint of a row, or why there is none."""
    try:
        with about_file(manifest.absolute(row)):
            return fingerprint.fingerprint(manifest.absolute(row), manifest[row])
    except DataError as error:
        return str(error)


def _stacked(words: dict[int, fingerprint.Words], rows: Sequence[int]) -> fingerprint.Words:
    none = np.zeros((0, fingerprint.NUM_FRAMES, 2), dtype=np.uint64)
    return np.stack([words[row] for row in rows]) if rows else none


def _seen_twice(
    manifest: Manifest, pairs: Pairs, progress: Progress | None
) -> tuple[Pairs, set[tuple[int, str]]]:
    """The pairs that are copies by a look at all their frames, and rows that break in it."""

    @lru_cache(maxsize=_KEPT_PICTURES)
    def pictures(row: int) -> NDArray[np.uint8] | str:
        try:
            with about_file(manifest.absolute(row)):
                return fingerprint.pictures(manifest.absolute(row), manifest[row])
        except DataError as error:
            return str(error)

    def look(pair: tuple[int, int]) -> bool | list[tuple[int, str]]:
        one, other = map(pictures, pair)
        if isinstance(one, str) or isinstance(other, str):
            both = zip(pair, (one, other), strict=True)
            return [(row, why) for row, why in both if isinstance(why, str)]
        return fingerprint.is_copy(one, other)

    copies: Pairs = []
    broken: set[tuple[int, str]] = set()
    for pair, seen in zip(pairs, _each(look, pairs, "compare frames", progress), strict=True):
        if isinstance(seen, list):
            broken.update(seen)
        elif seen:
            copies.append(pair)
    return copies, broken


def _each(
    function: Callable[[_Given], _Result],
    items: Sequence[_Given],
    what: str,
    progress: Progress | None,
) -> Iterator[_Result]:
    """Apply a function in threads; decoding leaves Python's lock."""
    with ThreadPoolExecutor(num_cores()) as pool:
        for done, result in enumerate(pool.map(function, items), start=1):
            if progress is not None:
                progress(what, done, len(items), "")
            yield result
