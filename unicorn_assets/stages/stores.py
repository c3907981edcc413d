"""The answer stores of many shards, opened as they are needed: a whole corpus has more than a process may have open."""

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator, Mapping
from types import TracebackType
from typing import Self

from unicorn_assets.engines.store import AnswerStore
from unicorn_assets.home import Home

MOST = 64
"""Stores that stay open though nothing of theirs is in flight. Each takes up to three of a process's open files."""


class Stores(Mapping[str, AnswerStore]):
    """The stores of a stage by shard, used from one thread.

    Looking one up opens it. Beyond MOST, those that were used longest ago are closed again; never one with a request in
    flight, whose answer must find its place whoever wants the store meanwhile.

    Args:
        home: where they stand.
        stage: whose answers they hold.
        shards: the shards that there are.
        most: how many may stay open; MOST by default.
    """

    def __init__(self, home: Home, stage: str, shards: Collection[str], most: int | None = None) -> None:
        self._home, self._stage, self._most = home, stage, most or MOST
        self._shards = dict.fromkeys(shards)
        self._open: OrderedDict[str, AnswerStore] = OrderedDict()
        self._flying = Counter[str]()

    def __getitem__(self, shard: str) -> AnswerStore:
        """The store of a shard, open until others are needed.

        Raises:
            KeyError: there is no such shard.
            BusyError: another process has it open.
            LakeError: it cannot be opened, or one that is closed for it cannot be made durable.
        """
        if shard not in self._shards:
            raise KeyError(shard)
        if shard not in self._open:
            self._make_room()
            self._open[shard] = AnswerStore(self._home.answers(self._stage, shard))
        self._open.move_to_end(shard)
        return self._open[shard]

    def __iter__(self) -> Iterator[str]:
        return iter(self._shards)

    def __len__(self) -> int:
        return len(self._shards)

    def hold(self, shard: str) -> None:
        """Notes that a request of the shard is in flight."""
        self._flying[shard] += 1

    def landed(self, shard: str) -> None:
        """Notes that it has its answer."""
        self._flying[shard] -= 1

    def sync(self) -> None:
        """Makes all answers safe from a power cut, now; those of stores that are closed are.

        Raises:
            LakeError: the system refuses.
        """
        for store in self._open.values():
            store.sync()

    def close(self) -> None:
        """Makes all answers durable and closes what is open.

        Raises:
            LakeError: some cannot be made durable; the others are.
        """
        failed: Exception | None = None
        while self._open:
            try:
                self._open.popitem()[1].close()
            except Exception as error:
                failed = error
        if failed is not None:
            raise failed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _make_room(self) -> None:
        idle = [shard for shard in self._open if not self._flying[shard]]
        for shard in idle[: max(0, len(self._open) + 1 - self._most)]:
            self._open.pop(shard).close()
