"""Parquet files, one batch of the needed columns at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unicorn_assets.errors import SeedError
from unicorn_assets.recipe import Source
from unicorn_assets.synthesis.seeds.files import opened
from unicorn_assets.synthesis.seeds.rows import Columns, Row, SetAside, choose, row_of

_BATCH = 1024
_BUFFER = 1 << 20


def columns(source: Source) -> Columns:
    """The columns that are taken, by name and type.

    Raises:
        SeedError: the file is no Parquet file, has no such column, or one of another type.
    """
    with _file(source) as file:
        schema = file.schema_arrow
    taken = choose(source, schema.names)
    for column, numbers in ((taken.caption, False), (taken.image_id, True), (taken.topic, True)):
        if column is not None and not _fits(schema.field(column).type, numbers):
            raise SeedError(
                f"The column {column!r} of {source.path} is of type {schema.field(column).type}, not text.",
                f"name another column for the source {source.name!r}, or write this one as strings.",
            )
    return taken


def header(source: Source) -> list[str]:
    """The names of the file's columns.

    Raises:
        SeedError: the file is no Parquet file.
    """
    with _file(source) as file:
        return list(file.schema_arrow.names)


def rows(source: Source, taken: Columns) -> Iterator[Row | SetAside]:
    """Every record, numbered from 1.

    Raises:
        SeedError: the file is damaged; names the row reached.
    """
    places = (taken.caption, taken.image_id, taken.topic)
    names = [name for name in places if name is not None]
    number = 0
    with _file(source) as file:
        batches = file.iter_batches(batch_size=_BATCH, columns=names, use_threads=False)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise _damaged(source, f" after row {number}", error) from None
            if batch is None:
                return
            none = [None] * batch.num_rows
            values = [_values(batch.column(name)) if name is not None else none for name in places]
            for record in zip(*values, strict=True):
                number += 1
                yield row_of(number, *record)


@contextmanager
def _file(source: Source) -> Iterator[pq.ParquetFile]:
    with opened(Path(source.path)) as raw:
        try:
            file = pq.ParquetFile(raw, buffer_size=_BUFFER, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(source, "", error) from None
        with file:
            yield file


def _damaged(source: Source, where: str, error: Exception) -> SeedError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return SeedError(
        f"The seed file {source.path} cannot be read as Parquet{where}: {reason.rstrip('.')}.",
        "copy or download it again, or set the format that it has. Parquet files must not be in gzip or zstd.",
    )


def _fits(kind: pa.DataType, numbers: bool) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = [
        pa.types.is_null,
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_binary,
        pa.types.is_large_binary,
    ]
    if numbers:
        tests += [pa.types.is_integer, pa.types.is_floating]
    return any(test(kind) for test in tests)


def _values(column: pa.Array) -> list[Any]:
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:  # some value is no UTF-8: hand over bytes, so that it is rejected alone
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        return list(column.cast(pa.large_string()).cast(pa.large_binary()).to_pylist())
