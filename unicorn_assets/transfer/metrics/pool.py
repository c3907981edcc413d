"""A sample of rows that stream by: those whose numbers have the smallest hashes, so that it is the same each time."""

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.transfer.rows import Doubles

Keys = NDArray[np.uint64]


class Pool:
    """At most `size` of the rows, drawn by a hash of each row's number. Two streams of pairs give a sample of pairs.

    Args:
        size: rows to keep, so size * dimension * 8 bytes of memory.
        dimension: length of a row.
    """

    def __init__(self, size: int, dimension: int) -> None:
        self.seen = 0
        self._keys: Keys = np.empty(0, np.uint64)
        self._rows = np.empty((size, dimension))

    @property
    def sampled(self) -> bool:
        """Whether rows were left out."""
        return self.seen > len(self._rows)

    def add(self, rows: Doubles) -> None:
        """Takes in rows (n, dimension) that were found fit for use."""
        new = keys(self.seen, len(rows))
        self.seen += len(rows)
        held = len(self._keys)
        joined = np.concatenate([self._keys, new])
        kept = _smallest(joined, len(self._rows))
        chosen = np.flatnonzero(kept[held:])
        # The slots of those who leave, then the ones that nobody has had yet.
        slots = np.concatenate([np.flatnonzero(~kept[:held]), np.arange(held, len(self._rows))])[: len(chosen)]
        self._keys = np.concatenate([self._keys, np.empty(max(0, int(kept.sum()) - held), np.uint64)])
        self._keys[slots] = new[chosen]
        self._rows[slots] = rows[chosen]

    def rows(self) -> Doubles:
        """The sample, (at most size, dimension), by the hash of the number: a random order, the same each time."""
        return self._rows[np.argsort(self._keys)]


def keys(first: int, count: int) -> Keys:
    """Hashes of the row numbers from `first` on: SplitMix64, which gives no two numbers the same hash."""
    state = np.arange(first, first + count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def _smallest(every: Keys, size: int) -> NDArray[np.bool_]:
    kept = np.ones(len(every), np.bool_)
    if len(every) > size:
        kept[np.argpartition(every, size)[size:]] = False
    return kept
