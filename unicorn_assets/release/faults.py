"""What can be wrong with a release, and how many rows have it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

COPY = "copy that file again from where the release came from; if it is wrong there too, release again."
AGAIN = "if the file's hash is right the release was made wrong: release again; else copy the file again."


@dataclass(frozen=True)
class Fault:
    """Something wrong with a release.

    Args:
        what: what is wrong, naming the file and, where there is one, the row.
        cure: how to mend it.
    """

    what: str
    cure: str


class Tally:
    """Faults of one file: the first of each kind in full, the others counted."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    def add(self, kind: str, what: str, rows: int = 1) -> None:
        """Counts rows that have a fault of a kind; `what` tells of the first of them, without a full stop."""
        self._first.setdefault(kind, what)
        self._counts[kind] += rows

    def faults(self) -> Iterator[Fault]:
        """One fault a kind."""
        for kind, what in self._first.items():
            more = self._counts[kind] - 1
            yield Fault(what + (f" (and {more:,} more such rows)" if more else "") + ".", AGAIN)
