"""Where each key of an answer store stands, in 72 bytes a key at most; a dict of as many would take about 200."""

from array import array
from collections.abc import Iterator

_HALF = (1 << 64) - 1


class KeyIndex:
    """Maps keys of 128 bits to non-zero locations. Nothing is ever taken out.

    Open addressing with linear probing. Keys are hashes already, so their upper half says where to look first.
    """

    def __init__(self) -> None:
        self._count = 0
        self._allot(1024)

    def _allot(self, slots: int) -> None:
        self._mask = slots - 1
        self._high = array("Q", bytes(8 * slots))
        self._low = array("Q", bytes(8 * slots))
        self._location = array("q", bytes(8 * slots))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """All keys with their locations, in no order that means anything."""
        for high, low, location in zip(self._high, self._low, self._location, strict=True):
            if location:
                yield high << 64 | low, location

    def get(self, key: int) -> int:
        """The location of a key, 0 where it is not known."""
        return self._location[self._slot(key >> 64, key & _HALF)]

    def add(self, key: int, location: int) -> bool:
        """Notes where a key stands; False where it is known already, which changes nothing."""
        slot = self._slot(key >> 64, key & _HALF)
        if self._location[slot]:
            return False
        self._high[slot], self._low[slot], self._location[slot] = key >> 64, key & _HALF, location
        self._count += 1
        if 3 * self._count > 2 * len(self._location):
            self._grow()
        return True

    def _slot(self, high: int, low: int) -> int:
        slot = high & self._mask
        while self._location[slot] and (self._low[slot] != low or self._high[slot] != high):
            slot = (slot + 1) & self._mask
        return slot

    def _grow(self) -> None:
        old = self._high, self._low, self._location
        self._allot(2 * len(self._location))
        for high, low, location in zip(*old, strict=True):
            if location:
                slot = self._slot(high, low)
                self._high[slot], self._low[slot], self._location[slot] = high, low, location
