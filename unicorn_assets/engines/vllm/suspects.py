"""Which row kills the server: those in flight when it died are asked again in ever smaller groups. Pure.

With n rows in flight and k deaths allowed, the groups shrink so that a row is alone at its k-th death: a row that kills
is found with k deaths, and its neighbours cost about n^(1/(k-1)) groups one after the other.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from unicorn_assets.engines.base import Request


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with the number of server deaths at which it was in flight."""

    request: Request
    deaths: int = 0


class Suspects:
    """Rows that were in flight when the server died, until each is answered or set aside.

    Args:
        allowed: a row is set aside when the server has died so many times with it in flight, the last time with
            nothing else.
    """

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._groups: deque[list[Asked]] = deque()

    def __len__(self) -> int:
        """Number of rows under suspicion."""
        return sum(map(len, self._groups))

    def next_group(self) -> list[Asked]:
        """The rows to ask together, and nothing beside them; they are no longer held here."""
        return self._groups.popleft()

    def back(self, unasked: Iterable[Asked]) -> None:
        """Takes back rows of a group that were not in flight, as one group, to be asked first."""
        if group := list(unasked):
            self._groups.appendleft(group)

    def died(self, flying: Iterable[Asked], *, alone: bool) -> list[Asked]:
        """The server died with these rows in flight; they are to be asked again, in groups, before all others.

        Args:
            flying: the rows.
            alone: whether it is certain that the server had no other rows.

        Returns:
            The rows that are set aside: none, or the one that was in flight.
        """
        again = [Asked(one.request, one.deaths + 1) for one in flying]
        if alone and len(again) == 1 and again[0].deaths >= self._allowed:
            return again
        size = self.size(again)
        groups = [again[start : start + size] for start in range(0, len(again), size)]
        self._groups.extendleft(reversed(groups))
        return []

    def size(self, rows: list[Asked]) -> int:
        """How many of these rows go together next: all after no death, one from the last but one death on."""
        deaths = max((one.deaths for one in rows), default=0)
        left = self._allowed - 1 - deaths
        if left <= 0:
            return 1
        return math.ceil(math.pow(len(rows), left / (left + 1)))
