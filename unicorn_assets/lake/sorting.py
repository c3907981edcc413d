"""Sorting more rows than memory holds, in DuckDB, and cutting what comes out of it into groups of fixed size."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from unicorn_assets.errors import LakeError

MEMORY = "256MB"
THREADS = 2
_BATCH = 10_000


@contextmanager
def workbench(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in `folder`, which is there, for work that does not fit into memory.

    Raises:
        LakeError: DuckDB cannot do it, for want of disk or memory.
    """
    try:
        with duckdb.connect(str(folder / "work.duckdb")) as connection:
            connection.execute(f"SET memory_limit = '{MEMORY}'")
            connection.execute(f"SET threads = {THREADS}")
            connection.execute("SET preserve_insertion_order = false")
            connection.execute("SET temp_directory = ?", [str(folder / "spill")])
            yield connection
    except duckdb.Error as error:
        raise LakeError(
            f"The rows cannot be sorted in {folder}: {str(error).splitlines()[0]}",
            "free some disk space or memory there and run again.",
        ) from error


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Adds rows to a table, which is made if there is none."""
    connection.register("incoming", rows)
    connection.execute(f"CREATE TABLE IF NOT EXISTS {table} AS SELECT * FROM incoming LIMIT 0")
    connection.execute(f"INSERT INTO {table} SELECT * FROM incoming")
    connection.unregister("incoming")


def ordered(
    connection: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema, by: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The rows of a table in batches of `schema`, sorted by the columns `by`."""
    columns, order = (", ".join(f'"{name}"' for name in names) for names in (schema.names, by))
    return batches(connection, f"SELECT {columns} FROM {table} ORDER BY {order}", schema)


def batches(connection: duckdb.DuckDBPyConnection, query: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """What a query finds, in batches of `schema`."""
    for batch in connection.sql(query).to_arrow_reader(_BATCH):
        yield batch.cast(schema)


def row_groups(batches: Iterable[pa.RecordBatch], size: int, by: str | None = None) -> Iterator[pa.Table]:
    """The same rows cut anew, so that a file does not depend on how they came.

    Args:
        batches: the rows.
        size: rows of a group.
        by: a column that they are sorted by; no group has two values of it.

    Yields:
        `size` rows in one piece, or what is left.
    """
    held: list[pa.RecordBatch] = []
    room = size
    for starts, piece in _pieces(batches, by):
        if held and (starts or not room):
            yield pa.Table.from_batches(held).combine_chunks()
            held, room = [], size
        while len(piece) > room:
            yield pa.Table.from_batches([*held, piece[:room]]).combine_chunks()
            held, piece, room = [], piece[room:], size
        held.append(piece)
        room -= len(piece)
    if held:
        yield pa.Table.from_batches(held).combine_chunks()


def _pieces(batches: Iterable[pa.RecordBatch], by: str | None) -> Iterator[tuple[bool, pa.RecordBatch]]:
    """The batches, each cut where the column `by` changes, and whether a piece starts a new value of it."""
    last: object = None
    for batch in filter(len, batches):
        ends = [batch.num_rows]
        if by is not None:
            values = batch[by].to_numpy(zero_copy_only=False)
            ends = [*(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), batch.num_rows]
        start = 0
        for end in ends:
            value = None if by is None else batch[by][start].as_py()
            yield value != last, batch[start:end]
            last, start = value, end
