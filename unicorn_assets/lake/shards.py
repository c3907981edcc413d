"""Writing and reading one shard: rows, vectors and what was set aside, streamed, sorted by id, whole or not at all."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.vectors import VectorWriter

BATCH_ROWS = 4096
"""Rows of a row group; fixed, so that the bytes depend on the rows alone."""

Outcome = Literal["rejected", "not_selected"]

SET_ASIDE = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("outcome", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("text", pa.string()),
    ]
)


def parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """The one way Parquet is written here: zstd, fixed settings, so that equal rows give equal bytes."""
    return pq.ParquetWriter(path, schema, compression="zstd", compression_level=3, write_statistics=True)


def with_fingerprint(schema: pa.Schema) -> pa.Schema:
    """The columns of a stage as they stand in its files."""
    return schema.append(pa.field("fingerprint", pa.string()))


def write_rows(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """Writes rows, in groups of BATCH_ROWS but for the last, as `ShardWriter` would; returns their number."""
    count = 0
    with parquet_writer(path, schema) as writer:
        for table in tables:
            writer.write_table(table.select(schema.names))
            count += table.num_rows
    return count


@dataclass
class _Rows:
    """Rows on their way to a Parquet file, written in groups of BATCH_ROWS."""

    path: Path
    schema: pa.Schema
    buffer: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0
    writer: pq.ParquetWriter | None = None

    def add(self, row: dict[str, Any]) -> None:
        self.buffer.append(row)
        if len(self.buffer) == BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        if self.writer is None:
            self.writer = parquet_writer(self.path, self.schema)
        if self.buffer:
            self.writer.write_table(pa.Table.from_pylist(self.buffer, schema=self.schema))
            self.count += len(self.buffer)
            self.buffer = []

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class ShardWriter:
    """Collects what becomes of a shard's rows. Nothing has its name before the drafts are published.

    Rows come in the order of their ids. Every row that went in must come out through `row`, `reject` or `skip`.

    Args:
        drafts: where the files are written.
        schema: columns of the rows without `fingerprint`, which is added.
        fingerprint: the stage's fingerprint, carried by every row.
    """

    def __init__(self, drafts: Drafts, schema: pa.Schema, fingerprint: str) -> None:
        self.drafts = drafts
        self._fingerprint = fingerprint
        self._columns = frozenset(schema.names)
        self._rows = _Rows(drafts.add("rows"), with_fingerprint(schema))
        self._aside = _Rows(drafts.add("set_aside"), SET_ASIDE)
        self._vectors: VectorWriter | None = None
        self.rejected: Counter[str] = Counter()
        self.not_selected: Counter[str] = Counter()

    @property
    def rows_out(self) -> int:
        """Rows kept so far."""
        return self._rows.count + len(self._rows.buffer)

    def row(self, **columns: Any) -> None:
        """Keeps a row.

        Raises:
            TypeError: it does not have exactly the columns of the schema; Arrow would drop or leave out in silence.
        """
        if columns.keys() != self._columns:
            raise TypeError(f"a row has the columns {sorted(columns)} instead of {sorted(self._columns)}")
        self._rows.add({**columns, "fingerprint": self._fingerprint})

    def open_vectors(self, dimension: int) -> VectorWriter:
        """Opens the shard's vectors, which come in the order of its rows."""
        self._vectors = VectorWriter(self.drafts.add("vectors"), dimension)
        return self._vectors

    def reject(self, sample: str | None, reason: str, detail: str = "", text: str = "") -> None:
        """Sets a row aside that is not good enough."""
        self.rejected[reason] += 1
        self._set_aside(sample, "rejected", reason, detail, text)

    def skip(self, sample: str, reason: str, detail: str = "") -> None:
        """Sets a row aside that nothing is wrong with, but that was not asked for."""
        self.not_selected[reason] += 1
        self._set_aside(sample, "not_selected", reason, detail, "")

    def _set_aside(self, sample: str | None, outcome: Outcome, reason: str, detail: str, text: str) -> None:
        self._aside.add({"id": sample, "outcome": outcome, "reason": reason, "detail": detail, "text": text})

    def finish(self) -> None:
        """Completes the drafts; they can be read and checked from here on."""
        self._rows.flush()
        self._aside.flush()
        self.close()

    def close(self) -> None:
        """Closes the files that are being written."""
        self._rows.close()
        self._aside.close()
        if self._vectors is not None:
            self._vectors.close()


def open_parquet(path: Path) -> pq.ParquetFile:
    """A Parquet file of the lake.

    Raises:
        LakeError: it is missing, cut short or not Parquet.
    """
    with readable(path):
        return pq.ParquetFile(path)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what pyarrow says of a Parquet file that it cannot read into an error that a person can act on.

    Raises:
        LakeError: the file is missing, cut short or not Parquet.
    """
    try:
        yield
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise LakeError(
            f"{path} cannot be read as Parquet ({str(error).splitlines()[0]}).",
            "materialize its shard again; finished answers are kept, so it is quick.",
        ) from None


def read_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file in order, a batch in memory at a time.

    Args:
        path: the file.
        columns: those wanted; all if None.

    Raises:
        LakeError: it is missing, cut short, not Parquet, or without one of the columns.
    """
    with open_parquet(path) as parquet, readable(path):
        missing = set(columns or ()) - set(parquet.schema_arrow.names)
        if missing:
            raise pa.ArrowInvalid(f"it has no column {min(missing)!r}")
        for batch in parquet.iter_batches(BATCH_ROWS, columns=columns):
            yield from batch.to_pylist()


def first_rows(path: Path, count: int, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The first rows of a Parquet file, reading no more of it than they need.

    Args:
        path: the file.
        count: rows wanted; fewer where the file has fewer.
        columns: those wanted; all if None.

    Raises:
        LakeError: it is missing, cut short or not Parquet.
    """
    with open_parquet(path) as parquet, readable(path):
        batch = next(parquet.iter_batches(count, columns=columns), None)
    return [] if batch is None else batch.to_pylist()
