"""The LLaVA files of a release: one JSON array each, streamed, one record a line, with an index by row.

Records are those of the paper's code: `id`, `caption`, `conversations`. They have no `image` key, since there is no
image; the vector of the same id stands in for it. The index says where each record lies in its file and where its
vector lies among the vectors of its shard, so that any row is found without reading the others.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from unicorn_assets.lake.files import explained

FOLDER = "llava"
RECORD = ("id", "caption", "conversations")

INDEX = pa.schema([("id", pa.string()), ("start", pa.uint64()), ("bytes", pa.uint32()), ("vector", pa.uint32())])
"""Columns of an index: first byte and length of the record's line, without what divides it from the next, and the row
of its vector in the shard's file of vectors. A record batch is a shard."""

Place = tuple[int, int]
"""First byte and length of a record in its file."""


def index_name(table: str) -> str:
    """Name of the index of a table's JSON file."""
    return f"{table}.index.arrow"


class ArrayWriter:
    """Writes records as one JSON array to `path`.

    Raises:
        LakeError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with explained(path):
            self._file = path.open("wb")
        self._separator = b"[\n"
        self._end = 0

    def write(self, records: Iterable[Mapping[str, Any]]) -> list[Place]:
        """Appends records; returns where each stands.

        Raises:
            LakeError: the file cannot be written.
        """
        places = []
        with explained(self._path):
            for record in records:
                line = json.dumps(record, ensure_ascii=False).encode()
                start = self._end + len(self._separator)
                self._file.write(self._separator + line)
                self._separator, self._end = b",\n", start + len(line)
                places.append((start, len(line)))
        return places

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with explained(self._path), self._file:
            if kind is None:
                self._file.write(b"[]\n" if self._end == 0 else b"\n]\n")


class IndexWriter:
    """Writes the index of a JSON file, columns INDEX, a shard at a time.

    Raises:
        LakeError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with explained(path):
            self._sink = pa.OSFile(str(path), "wb")
            self._writer: Any = pa.ipc.new_file(self._sink, INDEX)

    def write(self, ids: Sequence[str], places: Sequence[Place], vectors: Sequence[int]) -> None:
        """Appends a shard: its ids in order, where their records stand, and the rows of their vectors.

        Raises:
            LakeError: the file cannot be written.
        """
        columns = [ids, [start for start, _ in places], [size for _, size in places], vectors]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, INDEX, strict=True)]
        with explained(self._path):
            self._writer.write_batch(pa.record_batch(arrays, schema=INDEX))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with explained(self._path), self._sink:
            if kind is None:
                self._writer.close()


def schema() -> dict[str, Any]:
    """The written JSON schema (draft 2020-12) of both files."""
    text = files("unicorn_assets.release").joinpath("llava.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
