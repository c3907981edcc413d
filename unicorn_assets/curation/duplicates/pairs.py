"""Pairs of texts as numbers, packed into one word each: they sort, join and count in whole-array operations."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UnicornError

Numbers = NDArray[np.int64]
Packed = NDArray[np.uint64]

MOST = 40_000_000
"""Candidates that are held at once: 320 MB. Their square is what a corpus of one text told over and over costs."""

_SHIFT = np.uint64(32)
_LOWER = np.uint64((1 << 32) - 1)


class TooManyPairsError(UnicornError):
    """More texts are alike than can be compared."""


def packed(first: Numbers, second: Numbers) -> Packed:
    """Each pair as one word, the smaller number in front."""
    lower, upper = np.minimum(first, second), np.maximum(first, second)
    return (lower.astype(np.uint64) << _SHIFT) | upper.astype(np.uint64)


def unpacked(pairs: Packed) -> tuple[Numbers, Numbers]:
    """The smaller and the larger number of each."""
    return (pairs >> _SHIFT).astype(np.int64), (pairs & _LOWER).astype(np.int64)


def united(parts: list[Packed]) -> Packed:
    """All pairs of the parts, each once, sorted.

    Raises:
        TooManyPairsError: there are more than MOST.
    """
    found = distinct(np.concatenate([np.empty(0, np.uint64), *parts]))
    refuse_many(len(found))
    return found


def refuse_many(count: int) -> None:
    """Raises where so many pairs are more than can be held.

    Raises:
        TooManyPairsError: they are.
    """
    if count > MOST:
        raise TooManyPairsError(
            f"More than {MOST:,} pairs of texts look alike, so most texts are told over and over.",
            "look at what the engine writes (`unicorn preview`); or raise `words` or the thresholds in the recipe's "
            "[duplicates] section, or compare less with `captions = false` or `questions = false` there.",
        )


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """Each value once, sorted; on large arrays several times as fast as NumPy's own, which hashes."""
    found = np.sort(values)
    fresh = np.ones(len(found), np.bool_)
    fresh[1:] = found[1:] != found[:-1]
    return found[fresh]


def ragged(begins: Numbers, counts: Numbers) -> Numbers:
    """The places `begin, begin + 1, …`, `count` of them, for each begin, one run behind the other."""
    ends = np.cumsum(counts)
    places: Numbers = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begins - (ends - counts), counts)
    return places


def blocks(counts: Numbers, most: int) -> Iterator[slice]:
    """Neighbouring items whose counts add up to about `most`, one item at least."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + most, side="right")))
        yield slice(start, stop)
        start = stop
