"""The tables of a release: rows with their vector as Parquet, in the shards of the lake."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import explained
from unicorn_assets.lake.halves import Halves
from unicorn_assets.lake.shards import BATCH_ROWS, open_parquet

CONVERSATIONS = pa.list_(pa.struct([pa.field("from", pa.string()), pa.field("value", pa.string())]))

COLUMNS = {
    "pretrain": pa.schema([("id", pa.string()), ("caption", pa.string()), ("conversations", CONVERSATIONS)]),
    "instruction": pa.schema(
        [("id", pa.string()), ("task", pa.string()), ("caption", pa.string()), ("conversations", CONVERSATIONS)]
    ),
}
"""Columns of each table, without `image_embedding`, which stands last."""

EMBEDDINGS = "embeddings"
"""Folder of the vectors of both tables and all splits, each once."""

SOURCES = {"pretrain": "pretrain_dataset", "instruction": "instruction_dataset"}
"""The stage that each table is made of."""

# Captions hardly repeat and vectors never do: a dictionary of them doubles the time to write and trebles it to read.
_DICTIONARY = ["task", "conversations.list.element.from"]


class TableWriter:
    """Writes one table of one shard, BATCH_ROWS rows a group, so that the bytes depend on the rows alone.

    Rows are held back until a group is full, however they come.

    The vector is a fixed-size list of float16, as the lake has it. Read without anything extra by datasets 5.2
    (`List(Value('float16'))`), Polars 2.1 (`Array(Float16)`) and DuckDB 2.0 (shown as FLOAT[]), value for value;
    float32 would double the size in memory and say nothing more. The byte-stream split that packs floats better is not
    used: DuckDB cannot read it for float16.

    Args:
        path: the file.
        table: name of the table.
        dimension: length of a vector.

    Raises:
        LakeError: the file cannot be written.
    """

    def __init__(self, path: Path, table: str, dimension: int) -> None:
        self._schema = COLUMNS[table].append(pa.field("image_embedding", pa.list_(pa.float16(), dimension)))
        self._path = path
        self._held: list[pa.Table] = []
        with explained(path):
            self._sink = pa.OSFile(str(path), "wb")
            self._writer = pq.ParquetWriter(
                self._sink, self._schema, compression="zstd", compression_level=3, use_dictionary=_DICTIONARY
            )

    def write(self, batch: pa.RecordBatch, vectors: Halves) -> None:
        """Appends rows with the table's columns and their vectors, (rows, dimension).

        Raises:
            LakeError: the file cannot be written.
        """
        embedding = pa.FixedSizeListArray.from_arrays(
            pa.array(vectors.reshape(-1), pa.float16()), type=self._schema.field("image_embedding").type
        )
        self._held.append(pa.table([*batch.columns, embedding], schema=self._schema))
        held = sum(table.num_rows for table in self._held)
        if held >= BATCH_ROWS:
            rows = pa.concat_tables(self._held)
            full = held - held % BATCH_ROWS
            self._flush(rows.slice(0, full))
            self._held = [rows.slice(full)] if full < held else []

    def _flush(self, rows: pa.Table) -> None:
        with explained(self._path):
            self._writer.write_table(rows, row_group_size=BATCH_ROWS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A writer that was given a path would leave it open where its own close fails, as on a full disk.
        with explained(self._path), self._sink:
            if kind is None and self._held:
                self._flush(pa.concat_tables(self._held))
            self._writer.close()


def batches(path: Path, columns: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Rows of a Parquet file with exactly these columns, BATCH_ROWS at a time, whatever else the file has.

    Raises:
        LakeError: the file cannot be read, or a column is missing or of another type.
    """
    with open_parquet(path) as parquet:
        found = parquet.schema_arrow
        for column in columns:
            if column.name not in found.names or found.field(column.name).type != column.type:
                raise LakeError(
                    f"{path} has no column {column.name!r} of type {column.type}.",
                    "materialize its shard again; finished answers are kept, so it is quick.",
                )
        for batch in parquet.iter_batches(BATCH_ROWS, columns=columns.names):
            yield batch.select(columns.names)


def example(batch: pa.RecordBatch, vectors: Halves) -> dict[str, Any]:
    """The first row, its vector shortened to four numbers, for the card."""
    row: dict[str, Any] = batch.slice(0, 1).to_pylist()[0]
    return row | {"image_embedding": [*(round(float(value), 4) for value in vectors[0, :4]), "…"]}
