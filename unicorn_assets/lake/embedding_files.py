"""Anybody's files of embeddings: the columns `id` and `embedding`, Arrow IPC or Parquet, float16 or float32.

The lake's own vectors (`lake.vectors`) are one kind of them. Arrow is read memory-mapped, Parquet a batch at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import explained

BATCH_ROWS = 4096
"""Rows handed over at a time, and rows of a record batch or row group that is written."""

SUFFIXES = (".arrow", ".parquet")

_ANOTHER = "write it again, or give another file."
_COLUMNS = "give the columns id (text) and embedding (a fixed-size list of float16 or float32)."


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a file.

    Args:
        first: number of the first row in the file.
        names: the ids as an Arrow array of text.
        vectors: (n, dimension), read-only; a view of the mapped file where that is possible.
    """

    first: int
    names: Any
    vectors: NDArray[Any]

    def ids(self) -> list[str]:
        """The ids as Python strings."""
        return list(self.names.to_pylist())


class Embeddings:
    """A file of embeddings that can be gone through again and again.

    Args:
        path: the file, .arrow or .parquet.
        kind: "Arrow" or "Parquet", where the file's name does not tell it, as that of a draft.

    Raises:
        LakeError: the file is missing, damaged, of another kind, or its columns are not those of embeddings.
    """

    def __init__(self, path: Path, kind: str | None = None) -> None:
        self.path, self._kind = path, kind_of(path) if kind is None else kind
        with self._read():
            source = self._open()
            schema = source.schema_arrow if self._kind == "Parquet" else source.schema
            self.rows = source.metadata.num_rows if self._kind == "Parquet" else _count(source)
        self.dtype = self._dtype(schema)
        listed = schema.field("embedding").type
        self.dimension: int = listed.list_size if pa.types.is_fixed_size_list(listed) else self._first_length()
        if self.dimension < 1:
            raise LakeError(f"The embeddings in {path} have no numbers in them.", _COLUMNS)

    def __iter__(self) -> Iterator[Batch]:
        """The rows in the file's order, at most BATCH_ROWS at a time.

        Raises:
            LakeError: a row has no id, no whole vector or one of another length; names the row.
        """
        first = 0
        for batch in self._batches():
            for offset in range(0, batch.num_rows, BATCH_ROWS):
                part = batch.slice(offset, BATCH_ROWS)
                yield self._checked(first, part)
                first += part.num_rows

    def _checked(self, first: int, part: Any) -> Batch:
        names, vectors = part.column("id"), part.column("embedding")
        for column, what in ((names, "id"), (vectors, "embedding")):
            if column.null_count:
                row = first + column.is_null().to_pylist().index(True)
                raise LakeError(f"Row {row} of {self.path} has no {what}.", "fill it in or remove the row.")
        if not pa.types.is_fixed_size_list(vectors.type):
            self._same_length(first, names, vectors)
        flat = vectors.flatten()
        if flat.null_count:
            row = flat.is_null().to_pylist().index(True) // self.dimension
            what = f"Row {first + row} (id {names[row]}) of {self.path} has an embedding with a number missing."
            raise LakeError(what, "remove that row or embed its text again.")
        return Batch(first, names, flat.to_numpy(zero_copy_only=True).reshape(-1, self.dimension))

    def _same_length(self, first: int, names: Any, vectors: Any) -> None:
        lengths = vectors.value_lengths().to_numpy(zero_copy_only=False)
        other = np.flatnonzero(lengths != self.dimension)
        if other.size:
            row = other[0]
            raise LakeError(
                f"Row {first + row} (id {names[row]}) of {self.path} has {lengths[row]} numbers, the first row "
                f"{self.dimension}.",
                "give embeddings of one encoder only.",
            )

    def _dtype(self, schema: Any) -> np.dtype[Any]:
        kinds = {field.name: field.type for field in schema}
        ids, lists = kinds.get("id"), kinds.get("embedding")
        if ids in (pa.string(), pa.large_string()) and lists is not None:
            listed = pa.types.is_fixed_size_list(lists) or pa.types.is_list(lists) or pa.types.is_large_list(lists)
            if listed and lists.value_type in (pa.float16(), pa.float32()):
                return np.dtype(np.float16 if lists.value_type == pa.float16() else np.float32)
        found = ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
        raise LakeError(f"{self.path} holds ({found}).", _COLUMNS)

    def _first_length(self) -> int:
        for batch in self._batches():
            if batch.num_rows:
                return len(batch.column("embedding")[0] or ())
        raise LakeError(f"{self.path} has no rows, and its type does not tell the dimension.", _COLUMNS)

    def _batches(self) -> Iterator[Any]:
        with self._read():
            source = self._open()
            if self._kind == "Parquet":
                yield from source.iter_batches(BATCH_ROWS, columns=["id", "embedding"])
                return
            for number in range(source.num_record_batches):
                batch = source.get_batch(number).select(["id", "embedding"])
                batch.validate(full=True)
                yield batch

    def _open(self) -> Any:
        if self._kind == "Parquet":
            import pyarrow.parquet as pq

            return pq.ParquetFile(self.path, pre_buffer=False)
        return pa.ipc.open_file(pa.memory_map(str(self.path)))

    def _read(self) -> "_Reading":
        return _Reading(self.path, self._kind)


class _Reading:
    """Turns what reading a file of that kind may raise into an error that names it."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.kind = path, kind

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, FileNotFoundError):
            raise LakeError(f"There is no file {self.path}.", "check the path.") from None
        if isinstance(error, OSError | ValueError | pa.ArrowException):
            reason = (str(error).splitlines() or ["it is empty"])[0]
            raise LakeError(
                f"{self.path} cannot be read as {self.kind} ({reason}): it is cut short or of another kind.",
                _ANOTHER,
            ) from None


class EmbeddingWriter:
    """Writes embeddings to `path` as they come. Plainly: giving the file its final name is the caller's.

    As a context manager it closes the file; where the block fails, the file stays cut short.

    Args:
        path: the file.
        kind: "Arrow" or "Parquet".
        dimension: length of an embedding.
        dtype: float16 or float32.

    Raises:
        LakeError: the file cannot be written.
    """

    def __init__(self, path: Path, kind: str, dimension: int, dtype: np.dtype[Any]) -> None:
        self.path, self.count = path, 0
        self._list = pa.list_(pa.from_numpy_dtype(dtype), dimension)
        self._schema = pa.schema([pa.field("id", pa.string()), pa.field("embedding", self._list)])
        with explained(path):
            self._sink = pa.OSFile(str(path), "wb")
            self._writer: Any = self._open(kind)

    def _open(self, kind: str) -> Any:
        if kind == "Arrow":
            return pa.ipc.new_file(self._sink, self._schema)
        import pyarrow.parquet as pq

        # Numbers without repetition: neither a dictionary nor a compression finds anything in them.
        return pq.ParquetWriter(self._sink, self._schema, use_dictionary=False, compression="none")

    def write(self, names: Any, vectors: NDArray[Any]) -> None:
        """Appends embeddings (n, dimension) of the writer's type with their n ids; the array is free afterwards.

        Raises:
            LakeError: the disk is full.
        """
        flat = pa.array(vectors.reshape(-1))
        columns = [names.cast(pa.string()), pa.FixedSizeListArray.from_arrays(flat, type=self._list)]
        with explained(self.path):
            self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
        self.count += len(vectors)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                with explained(self.path):
                    self._writer.close()
        finally:
            self._sink.close()


def kind_of(path: Path) -> str:
    """What a file is by its name: "Arrow" or "Parquet".

    Raises:
        LakeError: the name ends in neither .arrow nor .parquet.
    """
    if path.suffix not in SUFFIXES:
        raise LakeError(f"{path} has no name of embeddings.", f"give a name that ends in {' or '.join(SUFFIXES)}.")
    return path.suffix[1:].capitalize()


def _count(reader: Any) -> int:
    return sum(reader.get_batch(number).num_rows for number in range(reader.num_record_batches))
