"""Random numbers as a pure function of a key: no generator, no state, nothing to save or resume.

A key is 63 bits made from whatever names a draw (seed, stream, position); ``uniform`` turns keys
into numbers. The same key gives the same numbers on every platform, in every process, in any
order. The mixing function is SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), which passes BigCrush.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, odd: counters spread over all 64 bits
_MULTIPLIER_1 = 0xBF58476D1CE4E5B9
_MULTIPLIER_2 = 0x94D049BB133111EB


def key(*parts: int | str) -> int:
    """Hash integers and strings, in order, to one key.

    Args:
        *parts: What names the draw; 1 and "1" differ, and so do (1, 2) and (2, 1).

    Returns:
        An integer in [0, 2**63), the same on every platform and in every process.

    >>> key(0, "labeled", 7)
    7164308602439500979
    """
    state = 0
    for part in parts:
        state = _mixed_int((state + _GAMMA) ^ _word(part))
    return state >> 1


def keys(names: Iterable[str], *parts: int | str) -> NDArray[np.int64]:
    """Return ``key(*parts, name)`` for each of N names, at once.

    Returns:
        int64 (N,).

    >>> keys(["a", "b"], 0, "labeled").tolist() == [key(0, "labeled", name) for name in "ab"]
    True
    """
    state = 0
    for part in parts:
        state = _mixed_int((state + _GAMMA) ^ _word(part))
    digests = [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names]
    words = np.frombuffer(b"".join(digests), dtype="<u8")
    start = np.uint64((state + _GAMMA) & _MASK)
    return (_mixed_words(words ^ start) >> np.uint64(1)).astype(np.int64)


def place_keys(places: ArrayLike, *parts: int | str) -> NDArray[np.int64]:
    """Return ``key(*parts, place)`` for each of N places, at once.

    Args:
        places: int64 (N,), >= 0.
        *parts: What names the draws.

    Returns:
        int64 (N,).

    >>> place_keys([4, 7], 0, "labeled").tolist() == [key(0, "labeled", n) for n in (4, 7)]
    True
    """
    state = 0
    for part in parts:
        state = _mixed_int((state + _GAMMA) ^ _word(part))
    words = np.asarray(places, dtype=np.int64).view(np.uint64)
    return (_mixed_words(words ^ np.uint64((state + _GAMMA) & _MASK)) >> np.uint64(1)).astype(
        np.int64
    )


def uniform(keys: ArrayLike, *salt: int | str, size: int = 1) -> NDArray[np.float64]:
    """Draw ``size`` uniform numbers for each key.

    Args:
        keys: int64 (N,), one key per row; neighbouring keys give unrelated numbers.
        *salt: Name of the purpose, so that two purposes of one key are independent.
        size: Numbers per key, >= 0.

    Returns:
        float64 (N, size) in [0, 1), a multiple of 2**-53.

    >>> float(uniform([3], "flip")[0, 0]) == float(uniform([9, 3], "flip", size=2)[1, 0])
    True
    """
    counters = np.arange(1, size + 1, dtype=np.uint64) * np.uint64(_GAMMA)
    words = mixed(mixed(keys, *salt)[:, None] + counters)
    shares: NDArray[np.float64] = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return shares


def permutation(num_items: int, *parts: int | str) -> NDArray[np.int64]:
    """Shuffle 0 .. num_items - 1, the order named by ``parts``.

    Returns:
        int64 (num_items,).
    """
    # Any way of sorting gives this order: ``mixed`` is one to one, so no two words are equal.
    words = mixed(np.arange(num_items), "permutation", *parts)
    return np.argsort(words).astype(np.int64)


def mixed(values: ArrayLike, *salt: int | str) -> NDArray[np.uint64]:
    """Hash each value (int64 or uint64, any shape) together with ``salt`` to 64 bits."""
    given = np.asarray(values)
    state = given.astype(np.int64).view(np.uint64) if given.dtype != np.uint64 else given
    return _mixed_words((state + np.uint64(_GAMMA)) ^ np.uint64(key(*salt)))


def _mixed_words(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix uint64 (N,) as ``_mixed_int`` does one integer."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(_MULTIPLIER_1)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(_MULTIPLIER_2)
    return state ^ (state >> np.uint64(31))


def _mixed_int(value: int) -> int:
    """Mix one Python integer."""
    value &= _MASK
    value = ((value ^ (value >> 30)) * _MULTIPLIER_1) & _MASK
    value = ((value ^ (value >> 27)) * _MULTIPLIER_2) & _MASK
    return value ^ (value >> 31)


def _word(part: int | str) -> int:
    """64 bits of one part."""
    return _word_of(part) if isinstance(part, str) else int(part) & _MASK


@lru_cache(maxsize=1024)  # every step asks for the same few
def _word_of(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
