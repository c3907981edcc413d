"""The compacted answers of a complete shard: one zstd Parquet file sorted by id and key, written once, then only read.

Equal answers give equal bytes, in whatever order they came. Pages carry checksums, and so does the list of keys, so
that no damaged answer is used.
"""

import zlib
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unicorn_assets.engines.base import Answer, Model, Request
from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import explained, publish, sync_folder, temporary

Row = Mapping[str, Any]
"""One stored answer: who was asked what, how, and what came back. The columns of SCHEMA by name."""

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("task", pa.string(), nullable=False),
        pa.field("prompt_version", pa.string(), nullable=False),
        # What comes from outside may hold surrogates, which no string column takes: UTF-8 with them in it.
        pa.field("engine", pa.binary(), nullable=False),
        pa.field("model", pa.binary(), nullable=False),
        pa.field("revision", pa.binary(), nullable=False),
        pa.field("temperature", pa.float64(), nullable=False),
        pa.field("top_p", pa.float64(), nullable=False),
        pa.field("max_tokens", pa.int64(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("text", pa.binary(), nullable=False),
        pa.field("finish_reason", pa.binary(), nullable=False),
        pa.field("prompt_tokens", pa.int64(), nullable=False),
        pa.field("completion_tokens", pa.int64(), nullable=False),
        pa.field("reported_model", pa.binary(), nullable=False),
    ]
)
BINARY = [field.name for field in SCHEMA if pa.types.is_binary(field.type)]
ANSWER = ["text", "finish_reason", "prompt_tokens", "completion_tokens", "reported_model"]
ALL_DIFFERENT = {"id", "key", "seed", "text"}

GROUP_ROWS = 1024
GROUP_BYTES = 8 << 20
"""A row group ends after so many rows or so many bytes of text, whichever comes first: a group is read as a whole."""

CACHED_GROUPS = 4

_KEYS_CHECKSUM = b"unicorn.keys.crc32"


def order(sample: str, key: str) -> bytes:
    """What answers are sorted by: bytes that compare as (id, key) do."""
    return sample.encode("utf-8") + b"\0" + bytes.fromhex(key)


def row_of(key: str, request: Request, model: Model, answer: Answer) -> Row:
    """What is stored of an answer."""
    return {
        "id": request.id,
        "key": key,
        "task": request.task,
        "prompt_version": request.prompt_version,
        "engine": model.engine,
        "model": model.name,
        "revision": model.revision,
        "temperature": request.sampling.temperature,
        "top_p": request.sampling.top_p,
        "max_tokens": request.sampling.max_tokens,
        "seed": request.sampling.seed,
        "text": answer.text,
        "finish_reason": answer.finish_reason,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "reported_model": answer.reported_model,
    }


def answer_of(row: Row) -> Answer:
    """The answer in a row."""
    return Answer(**{name: row[name] for name in ANSWER})


def write(path: Path, rows: Iterable[Row]) -> None:
    """Writes `rows`, sorted by `order`, as the file `path`: whole or not at all, and durable when this returns.

    Raises:
        LakeError: it cannot be written; what stood there still does.
    """
    draft = temporary(path)
    with explained(path):
        try:
            with pq.ParquetWriter(
                draft,
                SCHEMA,
                compression="zstd",
                compression_level=3,
                use_dictionary=[name for name in SCHEMA.names if name not in ALL_DIFFERENT],
                write_statistics=["id"],
                write_page_checksum=True,
            ) as writer:
                checksum = 0
                for group in groups(rows):
                    writer.write_table(pa.Table.from_pylist(group, schema=SCHEMA))
                    checksum = _checksum([row["key"] for row in group], checksum)
                writer.add_key_value_metadata({_KEYS_CHECKSUM: str(checksum)})
            publish(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent)


def groups(rows: Iterable[Row]) -> Iterator[list[dict[str, Any]]]:
    """Rows as they stand in the file's row groups: encoded, and so many at a time."""
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        group.append({**row, **{name: row[name].encode("utf-8", "surrogatepass") for name in BINARY}})
        size += len(group[-1]["text"])
        if len(group) == GROUP_ROWS or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _checksum(keys: list[str], before: int) -> int:
    return zlib.crc32("".join(keys).encode(), before)


class Compacted:
    """Reads a file of compacted answers by row number; quick where neighbours are read one after the other.

    Raises:
        LakeError: the file is cut short, damaged or something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._cache: OrderedDict[int, list[Answer]] = OrderedDict()
        with self._checked():
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
            self._keys_checksum = (self._file.metadata.metadata or {}).get(_KEYS_CHECKSUM)
            if self._keys_checksum is None or not self._file.schema_arrow.equals(SCHEMA):
                self._file.close()
                raise pa.ArrowInvalid("it does not look like stored answers")
        metadata = self._file.metadata
        sizes = (metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
        self._starts: array[int] = array("q", accumulate(sizes, initial=0))

    @contextmanager
    def _checked(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, pa.ArrowException) as error:  # broken names in the footer are a ValueError
            raise LakeError(
                f"The stored answers in {self.path} cannot be read ({str(error).splitlines()[0]}).",
                "restore the file from a backup, or delete it: its answers are asked for again, at their price.",
            ) from error

    def __len__(self) -> int:
        return self._starts[-1]

    def keys(self) -> Iterator[str]:
        """The keys of all rows, in order; fails at the end where they are not those that were written."""
        checksum = 0
        for group in range(len(self._starts) - 1):
            keys = self._read(group, ["key"])["key"].to_pylist()
            checksum = _checksum(keys, checksum)
            yield from keys
        with self._checked():
            if self._keys_checksum != str(checksum).encode():
                raise pa.ArrowInvalid("its keys are damaged")

    def samples(self) -> Iterator[tuple[str, str]]:
        """The sample and the key of each row, in order."""
        for group in range(len(self._starts) - 1):
            found = self._read(group, ["id", "key"])
            yield from zip(found["id"].to_pylist(), found["key"].to_pylist(), strict=True)

    def rows(self) -> Iterator[Row]:
        """All rows in order, one row group in memory."""
        for group in range(len(self._starts) - 1):
            yield from decoded(self._read(group, SCHEMA.names))

    def tokens(self) -> Iterator[Row]:
        """The token counts of all rows, in order."""
        for group in range(len(self._starts) - 1):
            yield from self._read(group, ["prompt_tokens", "completion_tokens"]).to_pylist()

    def answer(self, number: int) -> Answer:
        """The answer in row `number`, counted from 0."""
        group = bisect_right(self._starts, number) - 1
        cached = self._cache.get(group)
        if cached is None:
            cached = self._cache[group] = [answer_of(row) for row in decoded(self._read(group, ANSWER))]
            if len(self._cache) > CACHED_GROUPS:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(group)
        return cached[number - self._starts[group]]

    def _read(self, group: int, columns: list[str]) -> pa.Table:
        with self._checked():
            return self._file.read_row_group(group, columns=columns, use_threads=False)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def decoded(table: pa.Table) -> Iterator[Row]:
    """The rows of a table with columns of SCHEMA."""
    columns = {
        name: [value.decode("utf-8", "surrogatepass") for value in column.to_pylist()]
        if name in BINARY
        else column.to_pylist()
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))
