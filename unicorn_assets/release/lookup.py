"""Joins sorted rows to a sorted stream, a part of it in memory at a time."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from unicorn_assets.errors import LakeError

T = TypeVar("T")


class Lookup(Generic[T]):
    """Finds ids in a stream that is read once, forwards; ids are asked for in rising order.

    Args:
        parts: (ids, values of these ids) sorted by id over all parts.
        what: what the stream holds, for the error.
        cure: how to mend an id that is not there.
    """

    def __init__(self, parts: Iterator[tuple[list[str], T]], *, what: str, cure: str) -> None:
        self._parts = parts
        self._what = what
        self._cure = cure
        self._last = ""
        self._positions: dict[str, int] = {}
        self._values: T | None = None

    def find(self, ids: Sequence[str]) -> Iterator[tuple[T, list[int]]]:
        """The values that hold `ids`, with the positions in them; together in the order of `ids`.

        Raises:
            LakeError: an id is not in the stream; names it.
        """
        done = 0
        while done < len(ids):
            upto = bisect_right(ids, self._last, lo=done)
            if upto > done and self._values is not None:
                try:
                    yield self._values, [self._positions[sample] for sample in ids[done:upto]]
                except KeyError as missing:
                    raise self._missing(str(missing.args[0])) from None
                done = upto
            else:
                self._advance(ids[done])

    def _advance(self, wanted: str) -> None:
        part = next((part for part in self._parts if part[0]), None)
        if part is None:
            raise self._missing(wanted)
        names, self._values = part
        self._positions = {name: position for position, name in enumerate(names)}
        self._last = names[-1]

    def _missing(self, sample: str) -> LakeError:
        return LakeError(f"Sample {sample} has no {self._what}.", self._cure)
