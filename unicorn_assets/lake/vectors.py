"""Vectors on disk: uncompressed Arrow IPC files with the columns `id` and `embedding`, float16, read memory-mapped.

Why they are not Parquet: pyarrow takes eight times longer to write a fixed-size list of float16 as Parquet, and
hundreds of times longer to read it.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import explained
from unicorn_assets.lake.halves import Halves, finite, narrow
from unicorn_assets.lake.lists import listed, numbers

BATCH_ROWS = 4096
"""Rows of a record batch; fixed, so that the bytes depend on the rows alone and not on how they were handed over."""

UNIT_TOLERANCE = 2e-3
"""Largest distance of a float16 row's norm from 1: its components are off by up to 2^-11 of their size."""

_MAKE_AGAIN = "materialize its shard again; finished answers are kept, so it is quick."


class VectorWriter:
    """Writes vectors to `path` as they come. Plainly: giving the file its final name is the caller's.

    As a context manager it closes the file; where the block fails, the file stays cut short, which no reader takes
    for a whole one.

    Args:
        path: the file.
        dimension: length of a vector.

    Raises:
        LakeError: the file cannot be written.
    """

    def __init__(self, path: Path, dimension: int) -> None:
        self.path = path
        self.dimension = dimension
        self.count = 0
        schema = pa.schema([pa.field("id", pa.string()), pa.field("embedding", pa.list_(pa.float16(), dimension))])
        self._schema = schema
        self._ids: list[str] = []
        self._buffer = np.empty((BATCH_ROWS, dimension), np.float16)
        with explained(path):
            self._sink = pa.OSFile(str(path), "wb")
            self._writer: Any = pa.ipc.new_file(self._sink, schema)

    def write(self, ids: Sequence[str], vectors: NDArray[Any]) -> None:
        """Appends vectors, (len(ids), dimension) of any float type, rounded to float16.

        Raises:
            LakeError: the shape does not fit, a vector is not finite in float16 (names its id), or the disk is full.
        """
        if vectors.shape != (len(ids), self.dimension):
            raise LakeError(
                f"{len(ids)} ids came with vectors of shape {vectors.shape} for {self.path}.",
                f"give one vector of {self.dimension} numbers for each id.",
            )
        done = 0
        while done < len(ids):
            held = len(self._ids)
            step = min(BATCH_ROWS - held, len(ids) - done)
            self._fill(self._buffer[held : held + step], ids[done : done + step], vectors[done : done + step])
            self._ids.extend(ids[done : done + step])
            done += step
            if len(self._ids) == BATCH_ROWS:
                self._flush()

    def close(self) -> None:
        """Writes what is held back and completes the file. Closing twice does nothing.

        Raises:
            LakeError: the disk is full.
        """
        if self._sink.closed:
            return
        try:
            if self._ids:
                self._flush()
            with explained(self.path):
                self._writer.close()
        finally:
            self._sink.close()

    def _fill(self, free: Halves, ids: Sequence[str], vectors: NDArray[Any]) -> None:
        with np.errstate(over="ignore"):
            narrow(free, vectors)
        bad = np.flatnonzero(~finite(free))
        if bad.size:
            raise LakeError(
                f"The vector of {ids[bad[0]]} for {self.path} is not finite in float16.",
                "look at what made it: unit vectors never leave the range of float16, which ends at 65,504.",
            )

    def _flush(self) -> None:
        rows = len(self._ids)
        vectors = listed(self._buffer[:rows], self._schema.field("embedding").type)
        columns = [pa.array(self._ids, pa.string()), vectors]
        with explained(self.path):
            self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
        self.count += rows
        self._ids = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._sink.close()


def iter_vectors(path: Path, rows: int = BATCH_ROWS) -> Iterator[tuple[list[str], Halves]]:
    """Ids and vectors, at most `rows` at a time, in the file's order; read-only views of the mapped file.

    Raises:
        LakeError: the file is missing, cut short, or no file of vectors.
    """
    for ids, vectors in vector_batches(path):
        for offset in range(0, len(ids), rows):
            yield ids.slice(offset, rows).to_pylist(), vectors[offset : offset + rows]


def vector_batches(path: Path) -> Iterator[tuple[Any, Halves]]:
    """Each record batch of a file: its ids as an Arrow array and its vectors, views of the mapped file.

    Raises:
        LakeError: the file is missing, cut short, or no file of vectors.
    """
    dimension, reader = _open(path)
    start = 0
    for number in range(reader.num_record_batches):
        batch = _batch(path, reader, number, start)
        start += batch.num_rows
        ids, embedding = batch.columns
        yield ids, numbers(embedding.flatten()).reshape(-1, dimension)


def read_vectors(path: Path) -> tuple[list[str], Halves]:
    """All ids and vectors, (n, dimension): a view of the mapped file where it is one record batch, else a copy.

    Raises:
        LakeError: the file is missing, cut short, or no file of vectors.
    """
    ids: list[str] = []
    parts = []
    for part, vectors in iter_vectors(path):
        ids += part
        parts.append(vectors)
    if len(parts) == 1:
        return ids, parts[0]
    return ids, np.concatenate(parts) if parts else np.empty((0, dimension(path)), np.float16)


def dimension(path: Path) -> int:
    """Length of the vectors in a file.

    Raises:
        LakeError: the file is missing, cut short, or no file of vectors.
    """
    return _open(path)[0]


def _open(path: Path) -> tuple[int, Any]:
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        fields = [(field.name, field.type) for field in reader.schema]
    except FileNotFoundError:
        raise LakeError(f"There is no file {path}.", _MAKE_AGAIN) from None
    except (OSError, ValueError, pa.ArrowException) as error:  # ValueError: a damaged name is not UTF-8
        raise LakeError(
            f"{path} cannot be read as Arrow ({str(error).splitlines()[0]}): it is cut short or of another kind.",
            _MAKE_AGAIN,
        ) from None
    match fields:
        case [("id", ids), ("embedding", embedding)] if ids == pa.string() and pa.types.is_fixed_size_list(embedding):
            if embedding.value_type == pa.float16() and embedding.list_size > 0:
                return embedding.list_size, reader
    found = ", ".join(f"{name}: {kind}" for name, kind in fields)
    raise LakeError(
        f"{path} holds ({found}) instead of id: string and embedding: fixed-size list of float16.", _MAKE_AGAIN
    )


def _batch(path: Path, reader: Any, number: int, start: int) -> Any:
    try:
        batch = reader.get_batch(number)
        batch.validate(full=True)
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"{path} is damaged in record batch {number} ({error}).", _MAKE_AGAIN) from None
    ids, vectors = batch.columns
    for column, width in ((ids, 1), (vectors, 1), (vectors.flatten(), vectors.type.list_size)):
        if column.null_count:
            row = start + column.is_null().to_pylist().index(True) // width
            raise LakeError(f"{path} holds no id or no whole vector in row {row}.", _MAKE_AGAIN)
    return batch


class VectorRows:
    """The vectors of several files by file and row, views of the mapped files; no file stays open.

    Args:
        paths: the files, by any name.

    Raises:
        LakeError: a file is missing, damaged, or not of the dimension of the others.
    """

    def __init__(self, paths: Mapping[int, Path]) -> None:
        self.dimension = 0
        self._parts: dict[int, list[Halves]] = {}
        for name, path in paths.items():
            length = dimension(path)
            if self.dimension not in (0, length):
                raise LakeError(f"{path} holds vectors of {length} numbers, others {self.dimension}.", _MAKE_AGAIN)
            self.dimension = length
            self._parts[name] = [vectors for _, vectors in vector_batches(path)]

    def take(self, names: NDArray[Any], rows: NDArray[Any]) -> Halves:
        """The vectors, (n, dimension), that stand in the rows (n,) of the files with these names (n,)."""
        taken = np.empty((len(rows), self.dimension), np.float16)
        part, offset = np.divmod(np.asarray(rows), BATCH_ROWS)
        order = np.lexsort((part, names))
        names, part = np.asarray(names)[order], part[order]
        begins = np.flatnonzero(np.append(True, (names[1:] != names[:-1]) | (part[1:] != part[:-1]))[: len(order)])
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(order)], strict=True):
            here = order[begin:end]  # those of one record batch
            taken[here] = self._parts[int(names[begin])][int(part[begin])][offset[here]]
        return taken
