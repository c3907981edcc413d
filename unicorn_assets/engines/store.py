"""The answer store: every finished answer of one stage and shard, on disk before it counts as done.

Two files hold it. PATH.journal takes each answer as it comes; once the shard is complete, `compact` moves them all into
PATH.parquet. Answers are found by `Request.key`, so nothing that decides an answer can change without a new one.
"""

import heapq
import json
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from itertools import chain
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from unicorn_assets.engines import compacted
from unicorn_assets.engines.base import Answer, Model, Request
from unicorn_assets.engines.compacted import Compacted, Row
from unicorn_assets.engines.journal import Journal
from unicorn_assets.engines.key_index import KeyIndex
from unicorn_assets.lake.files import clear_leftovers, explained, sync_folder
from unicorn_assets.lake.locks import locked

WAIT_SECONDS = 5.0
"""How long an opener waits for whoever has the store open."""

# Raw surrogates, not escapes: two of them in a row would come back from escapes as another character.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _make_folder(folder: Path) -> None:
    """Makes a folder whose name, and that of every folder made above it, outlives a power cut."""
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in new:
        sync_folder(one.parent)


class AnswerReader:
    """Reads a store as it stands now, taking no lock: for tracing, beside a living writer too.

    Args:
        path: the store's path without an ending. A store that is not there is an empty one.

    Attributes:
        recovered_bytes: length of a torn last record, left by a kill or a power cut, found when the store was opened.
        damage: stretches of the journal that could not be read then; what stands around them is kept.

    Raises:
        LakeError: a file of the store is damaged as a whole; names it and the cure. Where only some records of the
            journal are damaged, those are left out, which the log and `damage` say.
    """

    _writable = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self._load()
        self.recovered_bytes = self._journal.recovered_bytes
        self.damage = self._journal.damage

    def _load(self) -> None:
        """Opens both files and notes where each answer stands: row n as -1 - n, a journal's offset n as 1 + n."""
        index = self._index = KeyIndex()
        # The journal first: a living writer removes it only after its answers stand in the Parquet file.
        self._journal = Journal(
            self._file("journal"),
            lambda key, offset: index.add(int.from_bytes(key, "big"), 1 + offset),
            writable=self._writable,
        )
        self._compacted: Compacted | None = None
        try:
            if self._file("parquet").exists():
                self._compacted = Compacted(self._file("parquet"))
                for number, key in enumerate(self._compacted.keys()):
                    index.add(int(key, 16), -1 - number)
        except BaseException:
            self._release()
            raise

    def _file(self, ending: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{ending}")

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, key: str) -> bool:
        return self._index.get(int(key, 16)) != 0

    def get(self, key: str) -> Answer | None:
        """The answer to the request with that key, None if there is none.

        Raises:
            LakeError: it is there, but can no longer be read.
        """
        location = self._index.get(int(key, 16))
        if location > 0:
            return compacted.answer_of(self._journal_row(location))
        if location < 0 and self._compacted is not None:
            return self._compacted.answer(-1 - location)
        return None

    def count(self, samples: Collection[str]) -> int:
        """How many of the answers are for one of these samples.

        Raises:
            LakeError: an answer can no longer be read.
        """
        found = sum(self._journal_row(location)["id"] in samples for _, location in self._index if location > 0)
        for sample, key in self._compacted.samples() if self._compacted is not None else ():
            # A kill during `compact` leaves an answer in both files; it was counted above.
            found += sample in samples and self._index.get(int(key, 16)) < 0
        return found

    @property
    def journal_end(self) -> int:
        """Where the next answer will stand in the journal."""
        return self._journal.end

    def journalled(self, since: int) -> Iterator[Row]:
        """The answers that stand in the journal from the offset `since` on, as they were stored, in no order.

        Raises:
            LakeError: one is there, but can no longer be read.
        """
        return (self._journal_row(location) for _, location in self._index if location > since)

    def usage(self) -> tuple[int, int, int]:
        """Number of answers that an engine with tokens gave, tokens read for them, and tokens written."""
        found = [
            (row["prompt_tokens"], row["completion_tokens"])
            for row in chain(self.journalled(0), self._compacted.tokens() if self._compacted is not None else ())
            if row["prompt_tokens"] or row["completion_tokens"]
        ]
        return len(found), sum(prompt for prompt, _ in found), sum(completion for _, completion in found)

    def _journal_row(self, location: int) -> Row:
        row: dict[str, Any] = json.loads(self._journal.read(location - 1).payload.decode("utf-8", "surrogatepass"))
        return row

    def rows(self) -> Iterator[Row]:
        """All that is stored, sorted by id and key: what was compacted is sorted, and the journal's is merged in.

        Raises:
            LakeError: some of it can no longer be read.
        """
        merged = heapq.merge(self._compacted_rows(), self._journal_rows(), key=itemgetter(0))
        return (row for _, row in merged)

    def _compacted_rows(self) -> Iterator[tuple[bytes, Row]]:
        for row in self._compacted.rows() if self._compacted is not None else ():
            # A kill during `compact` leaves an answer in both files; the index then points at the journal.
            if self._index.get(int(row["key"], 16)) < 0:
                yield compacted.order(row["id"], row["key"]), row

    def _journal_rows(self) -> Iterator[tuple[bytes, Row]]:
        entries: list[bytes] = []
        for _, location in self._index:
            if location > 0:
                row = self._journal_row(location)
                entries.append(compacted.order(row["id"], row["key"]) + location.to_bytes(8, "big"))
        entries.sort()
        for entry in entries:
            yield entry[:-8], self._journal_row(int.from_bytes(entry[-8:], "big"))

    def _release(self) -> None:
        try:
            self._journal.close()
        finally:
            if self._compacted is not None:
                self._compacted.close()

    def close(self) -> None:
        """Closes the store's files."""
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AnswerStore(AnswerReader):
    """The answers of one stage and shard, held by one process at a time and used from one thread.

    Args:
        path: the store's path without an ending; its folder is made if missing.
        wait_seconds: how long to wait for another process that has the store open.

    Raises:
        BusyError: another process still has the store open after that time.
        LakeError: the store cannot be opened; names the file and the cure.
    """

    _writable = True

    def __init__(self, path: Path, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self.path = path
        with ExitStack() as stack:
            with explained(path):
                _make_folder(path.parent)
                stack.enter_context(
                    locked(self._file("lock"), what=f"the answer store {path}", wait_seconds=wait_seconds)
                )
                clear_leftovers(path.parent, self._file("parquet").name)
            super().__init__(path)
            self._lock = stack.pop_all()

    def put(self, key: str, request: Request, model: Model, answer: Answer) -> None:
        """Stores an answer. When this returns, kill -9 cannot undo it, and within a second neither can a power cut.

        A key that is there already keeps its first answer.

        Raises:
            LakeError: it cannot be stored; all earlier answers are kept and stay readable.
        """
        if key in self:
            return
        payload = _encode(compacted.row_of(key, request, model, answer)).encode("utf-8", "surrogatepass")
        number = int(key, 16)
        self._index.add(number, 1 + self._journal.append(number.to_bytes(16, "big"), payload))

    def sync(self) -> None:
        """Makes all answers safe from a power cut, now.

        Raises:
            LakeError: the system refuses.
        """
        self._journal.sync()

    def compact(self) -> None:
        """Moves the journal's answers into the Parquet file; for a shard that is complete. A kill costs nothing.

        Raises:
            LakeError: the Parquet file cannot be written; the store stays as it was.
        """
        if all(location < 0 for _, location in self._index):
            return
        compacted.write(self._file("parquet"), self.rows())
        try:
            self._journal.remove()
        finally:
            if self._compacted is not None:
                self._compacted.close()
            self._load()

    def close(self) -> None:
        """Makes all answers durable, closes the files and lets the next process in.

        Raises:
            LakeError: the answers cannot be made durable.
        """
        with self._lock:
            self._release()


def size(path: Path) -> int:
    """Bytes that a store takes on disk; 0 where there is none."""
    return sum(file.stat().st_size for file in _files(path) if file.is_file())


def drop(path: Path) -> None:
    """Removes a store for good. A kill in between leaves a part of it that is as good as before.

    Raises:
        BusyError: somebody has it open.
        LakeError: it cannot be removed.
    """
    lock = path.with_name(f"{path.name}.lock")
    with locked(lock, what=f"the answer store {path}", wait_seconds=0), explained(path):
        for file in _files(path):
            file.unlink(missing_ok=True)


def _files(path: Path) -> list[Path]:
    return [path.with_name(f"{path.name}.{ending}") for ending in ("journal", "parquet")]
