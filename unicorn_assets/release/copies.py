"""Whether the further formats of a release say what its Parquet tables say, row by row, as `verify` goes through."""

import json
import tarfile
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.halves import Halves
from unicorn_assets.release import llava, unicorn_authors, webdataset
from unicorn_assets.release.rows import index_part


class MismatchError(Exception):
    """A copy does not say what the table says; names file and row."""


@dataclass(frozen=True)
class Part:
    """Some rows of a table's shard.

    Args:
        first: number of the first row in the shard.
        ids: (rows,) of `S20`.
        records: the rows without their vectors.
        vectors: (rows, dimension).
        places: (rows,) the row of each vector in the shard's file of vectors.
    """

    first: int
    ids: NDArray[np.bytes_]
    records: list[dict[str, Any]]
    vectors: Halves
    places: NDArray[np.int64]


class Copy(Protocol):
    """The rows of one table in another format. Each method raises MismatchError where they differ."""

    path: Path
    """The file that is looked at."""

    def begin(self, shard: str) -> None:
        """The rows of that shard follow."""

    def compare(self, part: Part) -> None:
        """The next rows."""

    def finish(self) -> None:
        """The shard is through."""

    def end(self) -> None:
        """All shards are through."""


def opened(folder: Path, table: str, formats: Collection[str], stack: ExitStack) -> list[Copy]:
    """The copies of a table that stand and can be read; the others are named by their hash.

    Args:
        folder: the release.
        table: the table, with its side of the split.
        formats: what the release carries.
        stack: closes them.
    """
    side, _, name = table.rpartition("/")
    base = folder / side
    found: list[Copy] = []
    if "llava" in formats:
        path, index = base / llava.FOLDER / f"{name}.json", base / llava.FOLDER / llava.index_name(name)
        if path.is_file():
            found.append(_Json(path, index if index.is_file() else None, stack))
    if "unicorn_authors" in formats:
        path = base / unicorn_authors.FOLDER / unicorn_authors.RECORDS[name]
        if path.is_file():
            found.append(_Json(path, None, stack))
    if "webdataset" in formats:
        found.append(_Tars(base / webdataset.FOLDER / name, stack))
    return found


class _Json:
    """A LLaVA file, one record a line, and its index."""

    def __init__(self, path: Path, index: Path | None, stack: ExitStack) -> None:
        self.path, self._index_path = path, index
        self._file = stack.enter_context(path.open("rb"))
        self._head = self._file.readline()
        self._at, self._number, self._shard = len(self._head), 0, -1
        self._index: Any = None

    def begin(self, shard: str) -> None:
        self._shard += 1
        self._name, self._places = shard, list[tuple[int, int]]()
        self._ids, self._vectors = list[NDArray[np.bytes_]](), list[NDArray[np.int64]]()

    def compare(self, part: Part) -> None:
        self._ids.append(part.ids)
        self._vectors.append(part.places)
        for row, expected in enumerate(part.records, start=part.first):
            line = self._file.readline()
            record = line.rstrip(b"\n").removesuffix(b",")
            try:
                found = json.loads(record)
            except ValueError:
                found = None
            if self._head != b"[\n" or found != {key: expected[key] for key in llava.RECORD}:
                raise MismatchError(
                    f"{self.path}, record {self._number} is not row {row} (id {expected['id']}) of {self._name} in "
                    "the Parquet table."
                )
            self._places.append((self._at, len(record)))
            self._at, self._number = self._at + len(line), self._number + 1

    def finish(self) -> None:
        if self._index_path is None:
            return
        try:
            self._index = self._index or pa.ipc.open_file(pa.memory_map(str(self._index_path)))
            if self._shard >= self._index.num_record_batches or self._index.schema != llava.INDEX:
                raise MismatchError(f"{self._index_path} is no index with a part for {self._name}.")
            found = index_part(self._index, self._shard, self._index_path)
        except LakeError as error:
            raise MismatchError(error.what) from None
        except (OSError, ValueError, pa.ArrowException) as error:
            reason = (str(error).splitlines() or ["it is empty"])[0]
            raise MismatchError(f"{self._index_path} cannot be read as Arrow ({reason}).") from None
        expected = {
            "id": np.concatenate([np.empty(0, found.ids.dtype), *self._ids]),
            "start": np.array([start for start, _ in self._places], np.uint64),
            "bytes": np.array([size for _, size in self._places], np.uint32),
            "vector": np.concatenate([np.empty(0, np.int64), *self._vectors]),
        }
        said = {"id": found.ids, "start": found.start, "bytes": found.bytes, "vector": found.vector}
        for column, values in expected.items():
            if len(values) != len(said[column]):
                raise MismatchError(
                    f"{self._index_path} has {len(said[column]):,} rows of {self._name}; the table has {len(values):,}."
                )
            wrong = np.flatnonzero(said[column] != values)
            if wrong.size:
                row, is_now = wrong[0], said[column][wrong[0]]
                raise MismatchError(
                    f"{self._index_path}, row {row} of {self._name}: {column} is {is_now}, not {values[row]}."
                )

    def end(self) -> None:
        rest = self._file.readline(), self._file.readline()
        whole = (self._head == b"[\n" and rest == (b"]\n", b"")) or (self._head == b"[]\n" and rest[0] == b"")
        if not whole:
            raise MismatchError(f"{self.path} does not end after its record {self._number - 1}, the last of the table.")


class _Tars:
    """The tar files of a table, two members a row."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._tar: tarfile.TarFile | None = None
        stack.callback(self._close)

    def _close(self) -> None:
        if self._tar is not None:
            self._tar.close()
            self._tar = None

    def begin(self, shard: str) -> None:
        self.path = self._folder / f"{shard}.tar"
        if self.path.is_file():
            try:
                self._tar = tarfile.open(self.path, "r:")  # noqa: SIM115 - closed by _close
            except tarfile.TarError as error:
                raise MismatchError(f"{self.path} cannot be read as tar ({error}).") from None

    def compare(self, part: Part) -> None:
        for row, (record, vector) in enumerate(zip(part.records, part.vectors, strict=True), start=part.first):
            members = (
                (webdataset.ROW, json.dumps(record, ensure_ascii=False).encode()),
                (webdataset.VECTOR, webdataset.npy(vector)),
            )
            for ending, content in members:
                name = f"{record['id']}.{ending}"
                if self._next() != (name, content):
                    raise MismatchError(
                        f"{self.path}, member {name} of row {row} is missing or not what the table says."
                    )

    def _next(self) -> tuple[str, bytes] | None:
        if self._tar is None:
            return None
        try:
            member = self._tar.next()
            content = None if member is None or not member.isreg() else self._tar.extractfile(member)
            if member is None or content is None:
                return None
            self._tar.members = []  # type: ignore[attr-defined] # it would remember every one
            return member.name, content.read()
        except tarfile.TarError:
            return None

    def finish(self) -> None:
        surplus = self._next()
        self._close()
        if surplus is not None:
            raise MismatchError(f"{self.path} goes on with {surplus[0]}, which the table does not have.")

    def end(self) -> None:
        return
